// What may happen to a queue, at random?

import fc from 'fast-check';
import type { ClaimStrategy, Outcome } from '../strategy.ts';

/** Sessions of a sequence, and its queues. */
export const SESSIONS = 3;
export const QUEUES: readonly string[] = ['first', 'second'];

/** A job to enqueue. `delayMs` is from now; absent for a job that gives no instant. */
export interface JobSpec {
  readonly queue: number;
  readonly priority: number;
  readonly maxAttempts: number;
  readonly delayMs: number | undefined;
}

/** Which lease is settled how. `index` counts back from the newest, around the list. */
export interface Pick {
  readonly index: number;
  readonly kind: Outcome['kind'];
  /** Of a retry, and of a release. */
  readonly delayMs: number;
}

/** A job by what the model knows of it. `index` counts back from the newest of them, around the list. */
export interface Target {
  readonly of: 'waiting' | 'leased' | 'dead' | 'any' | 'nobody';
  readonly index: number;
}

/** Which dead letters are meant. */
export type Letters =
  | { readonly by: 'all' }
  | { readonly by: 'queue'; readonly queue: number }
  | { readonly by: 'ids'; readonly targets: readonly Target[] }
  | { readonly by: 'death'; readonly agoMs: number };

/** Of which leases: those that the session holds, or all that were ever given, lost and settled ones among them. */
export type Whose = 'own' | 'any';

interface ClaimSpec {
  readonly session: number;
  readonly queue: number;
  readonly limit: number;
  /** Whether the lease is so short that the sequence sees it expire. */
  readonly short: boolean;
}

interface SettleSpec {
  readonly session: number;
  readonly whose: Whose;
  readonly picks: readonly Pick[];
}

/** One step of a sequence. */
export type Command =
  | { readonly kind: 'enqueue'; readonly jobs: readonly JobSpec[] }
  | ({ readonly kind: 'claim' } & ClaimSpec)
  | ({ readonly kind: 'settle' } & SettleSpec)
  | { readonly kind: 'turn'; readonly settle: SettleSpec; readonly claim: ClaimSpec }
  /** Two or three sessions claim at once, while somebody enqueues and, perhaps, others settle and cancel. */
  | {
      readonly kind: 'race';
      readonly claims: readonly ClaimSpec[];
      readonly jobs: readonly JobSpec[];
      readonly settle: SettleSpec | undefined;
      /** Somebody cancels these meanwhile; none where nobody can. */
      readonly targets: readonly Target[];
    }
  /** Enqueues in a transaction that stays open; one is opened where none is. */
  | { readonly kind: 'enqueue-open'; readonly jobs: readonly JobSpec[] }
  | { readonly kind: 'end-open'; readonly how: 'COMMIT' | 'ROLLBACK' }
  | {
      readonly kind: 'heartbeat';
      readonly session: number;
      readonly whose: Whose;
      readonly picks: readonly Pick[];
    }
  | { readonly kind: 'crash'; readonly session: number; readonly how: 'terminated' | 'closed' }
  | { readonly kind: 'wait' }
  | { readonly kind: 'promote'; readonly limit: number }
  | { readonly kind: 'reap'; readonly limit: number }
  | { readonly kind: 'upkeep' }
  | { readonly kind: 'look' }
  | { readonly kind: 'find'; readonly targets: readonly Target[] }
  | { readonly kind: 'remove'; readonly targets: readonly Target[] }
  | {
      readonly kind: 'list';
      readonly letters: Letters;
      readonly after: Target | undefined;
      readonly limit: number;
    }
  /** One or two at once, of the same dead letters, which a session makes some more of before. */
  | {
      readonly kind: 'empty';
      readonly bury: ClaimSpec | undefined;
      readonly letters: Letters;
      readonly by: readonly ('redrive' | 'purge')[];
      readonly limit: number;
    };

/** What a strategy can be excused from: `model: <feature>` in the deviations. */
export const FEATURES = [
  'turn',
  'race',
  'enqueue-open',
  'heartbeat',
  'crash',
  'partial settles',
  'claims while holding',
  'settles of others',
  'order',
  'promote counts',
  'reap counts',
  'delayed releases',
  'errors of lost leases',
  'errors of lost leases at once',
] as const;
export type Feature = (typeof FEATURES)[number];

/** A command, and how often it comes among the others. */
interface Choice {
  readonly weight: number;
  readonly arbitrary: fc.Arbitrary<Command>;
}

/** As often as they stand here. */
const KINDS = ['ack', 'ack', 'ack', 'retry', 'retry', 'dead-letter', 'release', 'release'] as const;

const session = fc.nat(SESSIONS - 1);
const queue = fc.constantFrom(0, 0, 0, 1);
const limit = fc.integer({ min: 1, max: 5 });

function jobSpecs({ priorities, delay }: ClaimStrategy): fc.Arbitrary<JobSpec[]> {
  const priority = priorities === undefined ? [0] : [0, 0, 0, priorities.min, priorities.max];
  const delayMs = delay === undefined ? [undefined] : [...Array<undefined>(7).fill(undefined), -1000, 15, 40];
  const spec = fc.record({
    queue,
    priority: fc.constantFrom(...priority),
    maxAttempts: fc.constantFrom(20, 20, 1, 2, 3),
    delayMs: fc.constantFrom(...delayMs),
  });
  return fc.array(spec, { minLength: 1, maxLength: 4 });
}

function settleSpecs({ delay }: ClaimStrategy, without: ReadonlySet<Feature>): fc.Arbitrary<SettleSpec> {
  const pick = fc.record({
    index: fc.nat(7),
    kind: fc.constantFrom<Outcome['kind'][]>(...KINDS),
    delayMs: fc.constantFrom(...(delay === undefined ? [0] : [0, 0, 20, 60])),
  });
  const whose: Whose[] = without.has('settles of others') ? ['own'] : ['own', 'own', 'own', 'any'];
  return fc.record({
    session,
    whose: fc.constantFrom(...whose),
    picks: fc.array(pick, { minLength: 1, maxLength: 4 }),
  });
}

const REMOVALS = targets(['waiting', 'waiting', 'waiting', 'leased', 'any', 'nobody']);
const LETTERS: fc.Arbitrary<Letters> = fc.oneof(
  fc.record({ by: fc.constant('all' as const) }),
  fc.record({ by: fc.constant('queue' as const), queue }),
  fc.record({ by: fc.constant('ids' as const), targets: targets(['dead', 'dead', 'dead', 'any', 'nobody']) }),
  fc.record({ by: fc.constant('death' as const), agoMs: fc.constantFrom(0, 20, 60_000) }),
);

function targets(of: readonly Target['of'][]): fc.Arbitrary<Target[]> {
  const target = fc.record({ of: fc.constantFrom(...of), index: fc.nat(7) });
  return fc.array(target, { minLength: 1, maxLength: 4 });
}

/** What operators do, as far as `strategy` lets them. */
function operators({ inspection, cancellation, deadLetters }: ClaimStrategy): readonly Choice[] {
  const kind = <K extends Command['kind']>(name: K) => fc.constant(name);
  const choices: Choice[] = [];
  const anything = targets(['waiting', 'leased', 'dead', 'any', 'any', 'nobody']);
  if (inspection !== undefined)
    choices.push({ weight: 3, arbitrary: fc.record({ kind: kind('find'), targets: anything }) });
  if (cancellation !== undefined)
    choices.push({ weight: 4, arbitrary: fc.record({ kind: kind('remove'), targets: REMOVALS }) });
  if (deadLetters === undefined) return choices;
  const by = fc.constantFrom<('redrive' | 'purge')[][]>(
    ...Array<('redrive' | 'purge')[]>(4).fill(['redrive']),
    ['redrive', 'redrive'],
    ['redrive', 'purge'],
    ['purge'],
    ['purge'],
  );
  const bury = fc.option(fc.record({ session, queue, limit, short: fc.constant(false) }), {
    nil: undefined,
    freq: 3,
  });
  const after = fc.option(fc.record({ of: fc.constant('dead' as const), index: fc.nat(7) }), {
    nil: undefined,
  });
  return [
    ...choices,
    { weight: 1, arbitrary: fc.record({ kind: kind('list'), letters: LETTERS, after, limit }) },
    { weight: 4, arbitrary: fc.record({ kind: kind('empty'), bury, letters: LETTERS, by, limit }) },
  ];
}

/** Sequences for `strategy`, of what it offers, without the features that it is excused from. */
export function sequences(
  strategy: ClaimStrategy,
  without: ReadonlySet<Feature>,
): fc.Arbitrary<readonly Command[]> {
  const timed = strategy.guarantees.lease === 'timed';
  const jobs = jobSpecs(strategy);
  const settle = settleSpecs(strategy, without);
  const short = timed ? fc.constantFrom(...Array<boolean>(7).fill(false), true) : fc.constant(false);
  const claim = fc.record({ session, queue, limit, short });
  const kind = <K extends Command['kind']>(name: K) => fc.constant(name);
  const options: Choice[] = [
    ...operators(strategy),
    { weight: 12, arbitrary: fc.record({ kind: kind('enqueue'), jobs }) },
    { weight: 14, arbitrary: claim.map((spec) => ({ kind: 'claim', ...spec })) },
    { weight: 14, arbitrary: settle.map((spec) => ({ kind: 'settle', ...spec })) },
    { weight: 2, arbitrary: fc.record({ kind: kind('look') }) },
  ];
  const add = (weight: number, arbitrary: fc.Arbitrary<Command>, feature?: Feature): void => {
    if (feature === undefined || !without.has(feature)) options.push({ weight, arbitrary });
  };
  add(10, fc.record({ kind: kind('turn'), settle, claim }), 'turn');
  add(
    4,
    fc.record({
      kind: kind('race'),
      claims: fc.uniqueArray(claim, { selector: (spec) => spec.session, minLength: 2, maxLength: SESSIONS }),
      jobs,
      settle: fc.option(settle, { nil: undefined }),
      targets: strategy.cancellation === undefined ? fc.constant([]) : fc.oneof(fc.constant([]), REMOVALS),
    }),
    'race',
  );
  add(3, fc.record({ kind: kind('enqueue-open'), jobs }), 'enqueue-open');
  add(
    4,
    fc.record({
      kind: kind('end-open'),
      how: fc.constantFrom<('COMMIT' | 'ROLLBACK')[]>('COMMIT', 'ROLLBACK'),
    }),
    'enqueue-open',
  );
  add(
    1,
    fc.record({
      kind: kind('crash'),
      session,
      how: fc.constantFrom<('terminated' | 'closed')[]>('terminated', 'closed'),
    }),
    'crash',
  );
  if (timed) {
    add(
      3,
      settle.map((spec) => ({ kind: 'heartbeat', ...spec })),
      'heartbeat',
    );
    add(3, fc.record({ kind: kind('reap'), limit }));
  }
  if (timed || strategy.delay !== undefined) add(2, fc.record({ kind: kind('wait') }));
  if (strategy.delay !== undefined) add(3, fc.record({ kind: kind('promote'), limit }));
  if (strategy.upkeep !== undefined) add(6, fc.record({ kind: kind('upkeep') }));
  return fc.array(fc.oneof(...options), { minLength: 2, maxLength: 18, size: 'max' });
}

// Which tests is a strategy excused from, and why?
//
// One record for all suites: the conformance tests by their names, the others by `model: …`, `crash: …` and `plans: …`.
// `deviations.test.ts` holds that each names a test that exists.

import type { ClaimStrategy, StrategyFactory } from '../strategy.ts';
import { deadLetters } from './dead-letters.ts';
import { errorHistory } from './error-history.ts';
import { finding, puttingOff, removing } from './operating.ts';

/** A test that a strategy is excused from, and why. */
export interface Deviation {
  readonly test: string;
  readonly reason: string;
}

/** What follows from what a strategy says of itself: nobody need declare it. */
interface Consequence {
  readonly when: (strategy: ClaimStrategy) => boolean;
  readonly reason: string;
  readonly tests: readonly string[];
}

const consequences: readonly Consequence[] = [
  {
    when: ({ guarantees }) => guarantees.lease === 'timed',
    reason: 'its leases end by the clock: a dead session keeps them until they expire',
    tests: ['when a session dies its jobs come back at once, and its settle is stale'],
  },
  {
    when: ({ guarantees }) => guarantees.lease === 'session',
    reason: 'its leases end with the session, not by the clock: no lease can expire',
    tests: [
      'an expired lease is reaped, its job runs again, and the late settle is stale',
      'a lease that expires in the last attempt makes a dead letter',
      'a reap names the jobs that it buries, and no others',
      'reap is bounded and leaves living leases alone',
      'a heartbeat keeps a lease, and names those that were lost',
      'a lease that expires in the last attempt is an error like another',
    ],
  },
  {
    when: ({ inspection }) => inspection === undefined,
    reason: 'it looks no single jobs up',
    tests: [...Object.keys(finding), ...Object.keys(errorHistory)],
  },
  {
    when: ({ cancellation }) => cancellation === undefined,
    reason: 'it cannot take out a single job',
    tests: Object.keys(removing),
  },
  {
    when: (strategy) => strategy.deadLetters === undefined,
    reason: 'its dead letters rest for good, and nobody asks for their ids',
    tests: [...Object.keys(deadLetters), 'a reap names the jobs that it buries, and no others'],
  },
  {
    when: ({ priorities, guarantees }) =>
      priorities === undefined || guarantees.order !== 'priority-then-enqueue',
    reason: 'it promises no order of priorities',
    tests: ['jobs come by priority, then in the order of their enqueue'],
  },
  {
    when: ({ delay }) => delay === undefined,
    reason: 'its jobs cannot wait for an instant',
    tests: [
      'outcomes of every kind are settled together',
      'a delayed job is not claimed before it is due, and is promoted when it is',
      'promote is bounded, and says that there is more',
      'stats count every standing',
      'a delayed job is found with its instant, be it enqueued so or put off',
      'delayed jobs and delayed retries are removed',
      ...Object.keys(puttingOff),
    ],
  },
];

const HEARTBEAT = 'a heartbeat keeps a lease, and names those that were lost';
const ONE_LEASE =
  'one lease covers a claim: a heartbeat for one of its jobs keeps the others too, as range.test.ts and tick-log.test.ts show';
const LOST_ERRORS = 'model: errors of lost leases';
const NO_ROW = 'a lost lease becomes a gap whose crashes count for all its jobs: no row of a job is written';
const ONE_JOB = 'a session holds one job at a time, in the one transaction that it can have open';
const CANDIDATES =
  'a claim lists a thousand candidates where there are as many, and the short queue holds fewer';
const TOLD_LATER = 'the plan of a claim is told when its transaction goes on: it is judged with the settle';
const VISIBLE = 'a due job, and one whose lease has ended, is ready by itself';

/** By strategy. */
const declared: Readonly<Record<string, readonly Deviation[]>> = {
  'range-lease': [
    { test: HEARTBEAT, reason: ONE_LEASE },
    { test: LOST_ERRORS, reason: NO_ROW },
  ],
  ring: [
    { test: HEARTBEAT, reason: ONE_LEASE },
    { test: LOST_ERRORS, reason: NO_ROW },
  ],
  'tick-log': [{ test: HEARTBEAT, reason: ONE_LEASE }],
  'advisory-candidates': [
    { test: 'plans: claim one', reason: CANDIDATES },
    { test: 'plans: claim many', reason: CANDIDATES },
  ],
  'held-transaction': [
    { test: 'plans: claim one', reason: TOLD_LATER },
    { test: 'plans: claim many', reason: TOLD_LATER },
    { test: 'overlapping claims of one session hand out different jobs', reason: ONE_JOB },
    { test: 'outcomes of every kind are settled together', reason: ONE_JOB },
    { test: 'a settle names exactly the stale ones among many', reason: ONE_JOB },
  ],
  'visibility-timeout': [
    {
      test: 'reap is bounded and leaves living leases alone',
      reason: `${VISIBLE}: reap buries, and reports that there are such jobs`,
    },
    {
      test: 'promote is bounded, and says that there is more',
      reason: `${VISIBLE}: promote only reports that there are some, and when the next will be`,
    },
    {
      test: `${LOST_ERRORS} at once`,
      reason: `${VISIBLE}: whoever finds it then writes down that it was lost`,
    },
    { test: 'model: promote counts', reason: `${VISIBLE}: promote counts what a claim may have taken` },
    { test: 'model: reap counts', reason: `${VISIBLE}: reap counts queues with such jobs, not jobs` },
  ],
};

/** The strategies for which something is declared. */
export const deviants: readonly string[] = Object.keys(declared);

/** Every deviation of the strategy that `factory` makes: those that follow from its guarantees, and those declared. */
export function deviationsOf(factory: StrategyFactory): readonly Deviation[] {
  // A schema that is never installed: nothing is sent.
  const strategy = factory.create({ schema: 'deviations' });
  const following = consequences
    .filter(({ when }) => when(strategy))
    .flatMap(({ tests, reason }) => tests.map((test) => ({ test, reason })));
  return [...following, ...(declared[factory.strategyName] ?? [])];
}

/** The deviations of one of the other suites, by what follows its name: `part('model')` → `{ test: 'heartbeat', … }`. */
export function deviationsIn(suite: string, factory: StrategyFactory): readonly Deviation[] {
  const prefix = `${suite}: `;
  return deviationsOf(factory)
    .filter(({ test }) => test.startsWith(prefix))
    .map(({ test, reason }) => ({ test: test.slice(prefix.length), reason }));
}

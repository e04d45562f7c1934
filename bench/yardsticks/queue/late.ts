// Does a transaction that stays open delay anybody else's jobs?

import { openScratch } from '../../../harness/run/scratch.ts';
import { startEmbedded } from '../../../harness/server/embedded.ts';
import type { ScenarioInput } from '../../../scenarios/scenario.ts';
import type { Figure, Yardstick } from '../../yardstick.ts';
import { brief, measured, type Place, Rounds, stretchOf } from './cells.ts';
import { contestants } from './contestants.ts';

/**
 * Of the longest pickup, in ms: who waits for an open transaction waits for a minute, for a poll for seconds, who is only
 * unlucky for some tens.
 */
const TARGET_MS = 250;
/** Low: what is asked is who waits for whom, not what dead rows cost. */
const RATE_PER_SEC = 300;
const WARMUP_SECONDS = 2;

interface Length {
  /** Before anything is held: with 300 jobs/s, a p99 needs more than half a minute. */
  readonly withoutSeconds: number;
  readonly holdSeconds: number;
  /** Between the two: what the first one delayed is handed out. Its dead rows stay until a vacuum comes, and weigh on the second. */
  readonly pauseSeconds: number;
}

const USUAL: Length = { withoutSeconds: 36, holdSeconds: 60, pauseSeconds: 5 };
const SMOKE: Length = { withoutSeconds: 2, holdSeconds: 3, pauseSeconds: 1 };

/** One load: nothing held, then an enqueue that commits late, then an idle writer with a transaction id. */
export const late: Yardstick = {
  name: 'late',
  question: 'does an enqueue that commits late, or an idle writer, delay other jobs?',
  async run(bench) {
    await using scratch = await openScratch();
    await using server = await startEmbedded({ signal: bench.signal });
    const place = { bench, server, folder: scratch.path };
    const tries = contestants(bench).map(({ strategyName }) => ({
      name: strategyName,
      without: new Rounds(),
      lateCommit: new Rounds(),
      lateCommitP99: new Rounds(),
      writer: new Rounds(),
      writerP99: new Rounds(),
    }));
    const length = bench.smoke ? SMOKE : USUAL;
    for (let round = 0; round < (bench.rounds ?? 1); round += 1)
      for (const one of round % 2 === 0 ? tries : tries.toReversed())
        await measure(place, one, length, round);
    return tries.flatMap((one) => figuresOf(one, length));
  },
};

interface Try {
  readonly name: string;
  readonly without: Rounds;
  readonly lateCommit: Rounds;
  /** Pickup p99 as a multiple of that beside nothing. */
  readonly lateCommitP99: Rounds;
  readonly writer: Rounds;
  readonly writerP99: Rounds;
}

/** When each stretch begins, in seconds from the start of the load. */
function instantsOf({ withoutSeconds, holdSeconds, pauseSeconds }: Length) {
  const lateAt = WARMUP_SECONDS + withoutSeconds;
  const writerAt = lateAt + holdSeconds + pauseSeconds;
  return { lateAt, writerAt, end: writerAt + holdSeconds };
}

function scenarioOf(length: Length): ScenarioInput {
  const { lateAt, writerAt, end } = instantsOf(length);
  const { holdSeconds } = length;
  return {
    name: 'late',
    question: 'Whom does an open transaction delay?',
    producers: { agents: 1, connections: 16 },
    workers: { agents: 1, connections: 8 },
    ...{ warmupSeconds: WARMUP_SECONDS, warmupCapSeconds: WARMUP_SECONDS },
    phases: [
      {
        label: 'steady',
        seconds: end + 1,
        arrival: { model: 'poisson', ratePerSec: RATE_PER_SEC },
        faults: [
          { fault: 'late-commit', afterSeconds: lateAt, forSeconds: holdSeconds },
          { fault: 'held-xmin', afterSeconds: writerAt, forSeconds: holdSeconds, kind: 'writer' },
        ],
      },
    ],
    settleWithinSeconds: 30,
  };
}

async function measure(place: Place, one: Try, length: Length, round: number): Promise<void> {
  const { lateAt, writerAt } = instantsOf(length);
  const cell = await measured(place, { scenario: scenarioOf(length), contender: one.name, round });
  const problem = 'problem' in cell ? cell.problem : undelivered(cell.outcome.cell.jobs);
  if (problem !== undefined || 'problem' in cell) {
    const { name: _name, ...figures } = one;
    for (const rounds of Object.values(figures)) rounds.failed(problem ?? '');
    return;
  }
  const without = stretchOf(cell.outcome, WARMUP_SECONDS, lateAt);
  // A pickup counts in the second in which it happens, and a delayed one happens later: the pause belongs to what it follows.
  const during = stretchOf(cell.outcome, lateAt, writerAt);
  // What the writer delayed may be handed out after the end.
  const writer = stretchOf(cell.outcome, writerAt, Number.MAX_SAFE_INTEGER);
  one.without.add(without.pickupLongestButMs(0), cell.again);
  // The late job itself waits for its commit.
  one.lateCommit.add(during.pickupLongestButMs(1), cell.again);
  one.lateCommitP99.add(during.pickupP99Ms / without.pickupP99Ms, cell.again);
  one.writer.add(writer.pickupLongestButMs(0), cell.again);
  one.writerP99.add(writer.pickupP99Ms / without.pickupP99Ms, cell.again);
  place.bench.say(
    `${one.name}: pickup p99 ${brief(without.pickupP99Ms)} ms without, ${brief(during.pickupP99Ms)} ms during a late commit, ${brief(writer.pickupP99Ms)} ms beside an idle writer`,
  );
}

/** The late job is one of them. */
function undelivered(jobs: { readonly offered: number; readonly settled: number }): string | undefined {
  return jobs.settled === jobs.offered
    ? undefined
    : `${jobs.offered - jobs.settled} of ${jobs.offered} jobs were not delivered`;
}

function figuresOf(
  { name, without, lateCommit, lateCommitP99, writer, writerP99 }: Try,
  { holdSeconds, withoutSeconds }: Length,
): Figure[] {
  const figure = (beside: string, rounds: Rounds): Figure => ({
    what: `${name}, longest pickup of another job beside ${beside} of ${holdSeconds} s`,
    unit: 'ms',
    target: { atMost: TARGET_MS },
    ...rounds.reading(),
  });
  const ratio = (beside: string, rounds: Rounds): Figure => ({
    what: `${name}, pickup p99 beside ${beside} ÷ beside nothing`,
    unit: '',
    ...rounds.reading(),
  });
  return [
    {
      what: `${name}, longest pickup in ${withoutSeconds} s beside nothing`,
      unit: 'ms',
      ...without.reading(),
    },
    figure('an open transactional enqueue', lateCommit),
    ratio('an open transactional enqueue', lateCommitP99),
    figure('an idle writer', writer),
    ratio('an idle writer', writerP99),
  ];
}

// How soon are workers back at their rate when the server was stopped as in a crash and started again?

import type { CellOutcome } from '../../../harness/cell/result.ts';
import { openScratch } from '../../../harness/run/scratch.ts';
import { startEmbedded } from '../../../harness/server/embedded.ts';
import type { ScenarioInput } from '../../../scenarios/scenario.ts';
import type { Figure, Yardstick } from '../../yardstick.ts';
import { measured, type Place, Rounds } from './cells.ts';
import { contestants } from './contestants.ts';

/** From when the server accepts connections to the beginning of the first second at `BACK` of the rate before. */
const TARGET_SECONDS = 5;
const BACK = 0.95;
const DRIVERS = ['pg', 'postgres'] as const;
/** Well below what any strategy carries: what is asked is when the workers are back, not how soon a cold server is fast. */
const RATE_PER_SEC = 400;
const WARMUP_SECONDS = 2;

interface Length {
  readonly beforeSeconds: number;
  readonly afterSeconds: number;
}

const USUAL: Length = { beforeSeconds: 6, afterSeconds: 14 };
const SMOKE: Length = { beforeSeconds: 3, afterSeconds: 5 };

/** One load per strategy and driver; nobody restarts a worker or a producer. */
export const restart: Yardstick = {
  name: 'restart',
  question: 'are workers back at 95 % of their rate within 5 s after the server was restarted?',
  async run(bench) {
    await using scratch = await openScratch();
    await using server = await startEmbedded({ signal: bench.signal });
    const place = { bench, server, folder: scratch.path };
    const drivers = bench.smoke ? DRIVERS.slice(0, 1) : DRIVERS;
    const tries = contestants(bench).flatMap(({ strategyName }) =>
      drivers.map((driver) => ({ name: `${strategyName}?driver=${driver}`, rounds: new Rounds() })),
    );
    const length = bench.smoke ? SMOKE : USUAL;
    for (let round = 0; round < (bench.rounds ?? 1); round += 1)
      for (const one of round % 2 === 0 ? tries : tries.toReversed())
        await measure(place, one, length, round);
    return tries.map(figureOf);
  },
};

interface Try {
  readonly name: string;
  readonly rounds: Rounds;
}

function scenarioOf({ beforeSeconds, afterSeconds }: Length): ScenarioInput {
  const arrival = { model: 'uniform', ratePerSec: RATE_PER_SEC } as const;
  return {
    name: 'restart',
    question: 'When are the workers back after a restart of the server?',
    producers: { agents: 1, connections: 8 },
    workers: { agents: 1, connections: 8 },
    // What the sessions held that the crash ended comes back with their leases.
    leaseMs: 5_000,
    ...{ warmupSeconds: WARMUP_SECONDS, warmupCapSeconds: WARMUP_SECONDS },
    phases: [
      { label: 'before', seconds: WARMUP_SECONDS + beforeSeconds, arrival },
      { label: 'restarted', seconds: afterSeconds, arrival, faults: [{ fault: 'restart-server' }] },
    ],
    settleWithinSeconds: 30,
  };
}

async function measure(place: Place, { name, rounds }: Try, length: Length, round: number): Promise<void> {
  const cell = await measured(place, { scenario: scenarioOf(length), contender: name, round });
  if ('problem' in cell) return rounds.failed(cell.problem);
  const { jobs } = cell.outcome.cell;
  if (jobs.inFlight + jobs.retried > 0)
    return rounds.failed(`${jobs.inFlight + jobs.retried} jobs were left after 30 s`);
  const strike = WARMUP_SECONDS + length.beforeSeconds;
  const found = recoveryOf(cell.outcome, WARMUP_SECONDS, strike, RATE_PER_SEC);
  if (found === undefined) return rounds.failed(`never back at ${BACK * 100} % of the rate before`);
  rounds.add(found.seconds, cell.again);
  place.bench.say(
    `${name}: ${Math.round(found.beforePerSec)} jobs/s before, away for ${found.awaySeconds.toFixed(2)} s, back after ${found.seconds.toFixed(2)} s; ${jobs.failed} enqueues failed`,
  );
}

/** The part of a cell's outcome that tells of its recovery. */
interface Recorded extends Pick<CellOutcome, 'samples'> {
  readonly cell: { readonly window: Pick<CellOutcome['cell']['window'], 'faults' | 'phases'> };
}

/** Of a cell whose server was restarted at `strike`; the rate before is that from `from` on, and at most what was offered. Undefined when it never came back. */
export function recoveryOf(
  { cell, samples }: Recorded,
  from: number,
  strike: number,
  offeredPerSec: number,
): { readonly seconds: number; readonly beforePerSec: number; readonly awaySeconds: number } | undefined {
  const [down, up] = cell.window.faults;
  if (down === undefined || up === undefined) return undefined;
  const buckets = samples.flatMap((sample) =>
    sample.kind === 'load'
      ? [{ from: sample.t - sample.seconds, to: sample.t, settled: sample.settled }]
      : [],
  );
  const settledIn = (start: number, end: number): number =>
    buckets.reduce(
      (sum, one) => sum + (one.from >= start - 1e-6 && one.to <= end + 1e-6 ? one.settled : 0),
      0,
    );
  // A backlog of the first moments that is worked off is not what the load asks for.
  const beforePerSec = Math.min(offeredPerSec, settledIn(from, strike) / (strike - from));
  const loadEnd = cell.window.phases.at(-1)?.toSeconds ?? 0;
  const back = buckets.find(
    (one) =>
      one.from >= up.atSeconds &&
      one.from + 1 <= loadEnd &&
      settledIn(one.from, one.from + 1) >= BACK * beforePerSec,
  );
  return (
    back && { seconds: back.from - up.atSeconds, beforePerSec, awaySeconds: up.atSeconds - down.atSeconds }
  );
}

function figureOf({ name, rounds }: Try): Figure {
  const reading = rounds.reading();
  return {
    what: `${name}: back at ${BACK * 100} % of ${RATE_PER_SEC} jobs/s after a restart`,
    unit: 's',
    target: { atMost: TARGET_SECONDS },
    ...reading,
  };
}

// What do live metrics take from the queue, and from the harness, that they are told of?

import type { CellContext } from '../../harness/cell/cell.ts';
import type { ConsumerEvents, SettleKind } from '../../harness/contender.ts';
import { nowUs } from '../../harness/load/clock.ts';
import { planPriority } from '../../harness/load/priority.ts';
import { JobLatencies } from '../../harness/metrics/job-latencies.ts';
import { openScratch } from '../../harness/run/scratch.ts';
import { startEmbedded } from '../../harness/server/embedded.ts';
import { bootstrapInterval } from '../../stats/bootstrap.ts';
import { seeded } from '../../stats/random.ts';
import { median } from '../../stats/spread.ts';
import type { Figure, Yardstick } from '../yardstick.ts';
import { ARRIVALS, DRAIN, type MeteredLoad, type MeteredPairs, meteredPairs } from './metrics-load.ts';

const ROUNDS = 10;
/** Of fewer pairs there is no figure. */
const PAIRS_AT_LEAST = 5;
const BATCH = 100;
const LISTENED_JOBS = 500_000;

export const metrics: Yardstick = {
  name: 'metrics',
  question: 'what do live metrics cost, scraped each second?',
  async run(bench) {
    await using scratch = await openScratch();
    await using server = await startEmbedded({ signal: bench.signal });
    const context: CellContext = {
      server,
      scratchDir: scratch.path,
      signal: bench.signal,
      ceilingFor: async () => undefined,
      onProgress: () => undefined,
      producerPriority: planPriority('auto'),
    };
    const rounds = bench.rounds ?? (bench.smoke ? 1 : ROUNDS);
    const figures: Figure[] = [];
    for (const load of [DRAIN, ARRIVALS]) {
      const found = await meteredPairs(bench, context, load, rounds);
      figures.push(...loadFigures(load, found, Math.min(rounds, PAIRS_AT_LEAST)));
    }
    const listening = Array.from({ length: rounds }, () => listeningUs());
    const all = [
      ...figures,
      figure('CPU of listening alone, for each job that is claimed by the hundred', 'µs', listening, 0.5),
    ];
    // One short round judges nothing.
    return bench.smoke ? all.map(({ target: _, ...shown }) => shown) : all;
  },
};

/** In a drain what they take of the rate, else what they add to the response; and to the CPU time in both. */
function loadFigures(load: MeteredLoad, { pairs, spoilt }: MeteredPairs, atLeast: number): Figure[] {
  const drain = load === DRAIN;
  const first = drain
    ? `throughput that live metrics take from ${load.name}`
    : `median response that live metrics add to ${load.name}`;
  const second = `CPU that they add to the busiest agent of ${load.name}, for each job`;
  const left = spoilt.length === 0 ? '' : `; left out: ${spoilt.join('; ')}`;
  if (pairs.length < atLeast)
    return [first, second].map((what, i) => ({
      ...{ what, value: undefined, unit: '%' },
      note: `${pairs.length} valid pairs of the ${atLeast} that it takes${i === 0 ? left : ''}`,
    }));
  const costs = pairs.map(([on, off]) =>
    drain
      ? (1 - on.perSec / off.perSec) * 100
      : ((on.responseUs ?? Number.NaN) / (off.responseUs ?? Number.NaN) - 1) * 100,
  );
  const cpu = pairs.map(([on, off]) => (on.cpuUs / off.cpuUs - 1) * 100);
  return [figure(first, '%', costs, drain ? 1 : undefined, left), figure(second, '%', cpu)];
}

/** CPU time of listening to one job that was due at an instant, the dearest kind, claimed and settled by the hundred. */
function listeningUs(): number {
  const latencies = new JobLatencies(nowUs);
  let number = 0;
  const recorder: ConsumerEvents = {
    claimed: () => undefined,
    settling: () => ++number,
    settled: () => undefined,
    settleFailed: () => undefined,
    emptyClaim: () => undefined,
    overClaimed: () => undefined,
    sessionLost: () => undefined,
    extended: () => undefined,
    error: () => undefined,
  };
  const events = latencies.observe(recorder);
  const kinds = Array.from({ length: BATCH }, (): SettleKind => 'ack');
  const before = process.cpuUsage();
  for (let first = 0; first < LISTENED_JOBS; first += BATCH) {
    const keys = Array.from({ length: BATCH }, (_, i) => first + i);
    events.claimed(0, 0, keys, keys);
    for (const k of keys) latencies.started({ k, t: 1, pad: '' });
    events.settled(0, events.settling(0, keys, kinds), []);
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / LISTENED_JOBS;
}

function figure(what: string, unit: string, values: readonly number[], atMost?: number, left = ''): Figure {
  const { low, high } = bootstrapInterval(values, (some) => median(some) ?? 0, {
    random: seeded(values.length),
    method: 'percentile',
  });
  return {
    what,
    value: median(values) ?? 0,
    interval: [low, high],
    unit,
    ...(atMost === undefined ? {} : { target: { atMost } }),
    note: `median of ${values.length} rounds; rounds ${Math.min(...values).toFixed(2)} to ${Math.max(...values).toFixed(2)}${left}`,
  };
}

// What do live metrics take from the queue, and from the harness, that they are told of?

import { type CellContext, runCell } from '../../harness/cell.ts';
import type { CellPlan } from '../../harness/cell-plan.ts';
import type { ConsumerEvents, SettleKind } from '../../harness/contender.ts';
import { parseContender } from '../../harness/contenders/index.ts';
import { nowUs } from '../../harness/load/clock.ts';
import { JobLatencies } from '../../harness/metrics/job-latencies.ts';
import { LiveMetrics } from '../../harness/metrics/live-metrics.ts';
import { serveMetrics } from '../../harness/metrics/server.ts';
import { openScratch } from '../../harness/scratch.ts';
import { startEmbedded } from '../../harness/server/embedded.ts';
import { scenarioSchema } from '../../scenarios/scenario.ts';
import { bootstrapInterval } from '../../stats/bootstrap.ts';
import { seeded } from '../../stats/random.ts';
import { median } from '../../stats/spread.ts';
import type { Bench, Figure, Yardstick } from '../yardstick.ts';

const ROUNDS = 20;
const SECONDS = 4;
const PRELOAD_PER_SECOND = 60_000;
const SCRAPE_EVERY_MS = 1_000;
const BATCH = 100;
const LISTENED_JOBS = 1_000_000;

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
    };
    const drains = await compared(bench, context);
    return [
      figure(
        'throughput that live metrics take from a drain of batch',
        '%',
        drains.map(([on, off]) => (1 - on.perSec / off.perSec) * 100),
        1,
      ),
      figure(
        'CPU of its worker agent that they add, for each job',
        '%',
        drains.map(([on, off]) => (on.cpuUs / off.cpuUs - 1) * 100),
      ),
      figure(
        'CPU of listening alone, for each job',
        'µs',
        Array.from({ length: bench.rounds ?? ROUNDS }, () => listeningUs()),
        0.5,
      ),
    ];
  },
};

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

function figure(what: string, unit: string, values: readonly number[], atMost?: number): Figure {
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
    note: `median of ${values.length} rounds; rounds ${Math.min(...values).toFixed(2)} to ${Math.max(...values).toFixed(2)}`,
  };
}

interface Drain {
  readonly perSec: number;
  /** CPU time of the worker agent for each job that it settled, which other programs on the machine change less than its rate. */
  readonly cpuUs: number;
}

/** With metrics and without, in pairs, each first in every other. */
async function compared(
  bench: Bench,
  context: CellContext,
): Promise<readonly (readonly [on: Drain, off: Drain])[]> {
  const pairs: [Drain, Drain][] = [];
  for (let round = 0; round < (bench.rounds ?? ROUNDS); round += 1) {
    const onFirst = round % 2 === 0;
    const first = onFirst ? await withMetrics(context, round) : await drained(context, round);
    const second = onFirst ? await drained(context, round) : await withMetrics(context, round);
    const [on, off] = onFirst ? [first, second] : [second, first];
    pairs.push([on, off]);
    const shown = ({ perSec, cpuUs }: Drain): string => `${Math.round(perSec)}/s at ${cpuUs.toFixed(2)} µs`;
    bench.say(`${shown(on)} with, ${shown(off)} without`);
  }
  return pairs;
}

/** As `run --metrics` does it, with a scraper in this very process. */
async function withMetrics(context: CellContext, round: number): Promise<Drain> {
  const live = new LiveMetrics();
  await using server = await serveMetrics({ host: '127.0.0.1', port: 0 }, live, 'bench');
  let settledSeen = 0;
  const scraping = setInterval(() => {
    fetch(server.url, { headers: { accept: 'application/openmetrics-text' } })
      .then(async (response) => {
        const [, settled = 0] =
          /^claimbench_jobs_settled_total\{.*\} (\d+)$/m.exec(await response.text()) ?? [];
        settledSeen = Math.max(settledSeen, Number(settled));
      })
      .catch(() => undefined);
  }, SCRAPE_EVERY_MS);
  try {
    const drain = await drained(
      {
        ...context,
        onProgress: (progress) => live.progress(progress),
        onLoad: (read) => live.watch(read),
      },
      round,
    );
    if (settledSeen === 0)
      throw new Error('nothing was scraped while the load ran: the comparison says nothing');
    return drain;
  } finally {
    clearInterval(scraping);
  }
}

async function drained(context: CellContext, round: number): Promise<Drain> {
  const warmupSeconds = 0.5;
  const seconds = SECONDS + warmupSeconds;
  const plan: CellPlan = {
    ...{ id: `metrics.${round}`, block: round, order: 0, repeat: round + 1, seed: round },
    scenario: scenarioSchema.parse({
      name: 'metrics-cost',
      question: 'What do live metrics take from a queue that works as fast as it can?',
      preloadJobs: (SECONDS + 1) * PRELOAD_PER_SECOND,
      workers: { agents: 1, connections: 8 },
      ...{ warmupSeconds, warmupCapSeconds: warmupSeconds },
      phases: [{ label: 'drain', seconds }],
    }),
    contender: parseContender('batch', () => ''),
  };
  const { cell } = await runCell(plan, context);
  if (cell.verdict === 'incorrect' || cell.throughput === undefined)
    throw new Error(`a void cell: ${cell.reasons.join('; ')}`);
  const cpuSeconds = (cell.generator.cpuShare ?? Number.NaN) * seconds;
  return { perSec: cell.throughput.settledPerSec, cpuUs: (cpuSeconds * 1e6) / cell.jobs.settled };
}

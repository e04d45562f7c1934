// Which loads are put under live metrics, and which of their cells count? Pairs with and without, valid ones alone.

import { type CellContext, runCell } from '../../harness/cell/cell.ts';
import type { CellPlan } from '../../harness/cell/plan.ts';
import { parseContender } from '../../harness/contenders/index.ts';
import { LATENCIES, type LatencyName } from '../../harness/metrics/buckets.ts';
import { LiveMetrics } from '../../harness/metrics/live-metrics.ts';
import { serveMetrics } from '../../harness/metrics/server.ts';
import { type ScenarioInput, scenarioSchema } from '../../scenarios/scenario.ts';
import type { Bench } from '../yardstick.ts';

const WARMUP_SECONDS = 0.5;
const SECONDS = 3;
/** Agents tell once a second: a shorter load might be over before anything was scraped. */
const SMOKE_SECONDS = 1.5;
const PRELOAD_PER_SECOND = 80_000;
/** As the scenario `steady`: far from what the machine can do, or its stalls would void the cells. */
const RATE_PER_SEC = 500;
const SCRAPE_EVERY_MS = 1_000;
const SMOKE_SCRAPE_EVERY_MS = 100;
const SESSIONS = 8;
/** A cell that the generator or the machine has spoilt is run once more. */
const TRIES = 2;

/** A load, and the latencies that are told under it. */
export interface MeteredLoad {
  readonly name: string;
  readonly histograms: readonly LatencyName[];
  /** `seconds` with the warm-up. */
  readonly scenario: (
    seconds: number,
  ) => Pick<ScenarioInput, 'preload' | 'producers' | 'phases' | 'settleWithinSeconds'>;
}

export const DRAIN: MeteredLoad = {
  name: 'a drain of batch',
  histograms: ['service'],
  scenario: (seconds) => ({
    preload: { ready: Math.ceil((seconds + 0.5) * PRELOAD_PER_SECOND) },
    phases: [{ label: 'drain', seconds }],
  }),
};

/** Enqueue, pickup, service and response: all that agents listen for. */
export const ARRIVALS: MeteredLoad = {
  name: `${RATE_PER_SEC} arrivals/s at batch`,
  histograms: LATENCIES,
  scenario: (seconds) => ({
    producers: { agents: 1, connections: SESSIONS },
    phases: [{ label: 'arrivals', seconds, arrival: { model: 'poisson', ratePerSec: RATE_PER_SEC } }],
    settleWithinSeconds: 10,
  }),
};

/** What one cell came to. */
export interface Metered {
  readonly perSec: number;
  /** Median response; absent in a drain. */
  readonly responseUs?: number;
  /** CPU time of the busiest agent for each job that was settled, which other programs on the machine change less than the rate. */
  readonly cpuUs: number;
}

export interface MeteredPairs {
  readonly pairs: readonly (readonly [on: Metered, off: Metered])[];
  /** Why rounds were left out, one reason each. */
  readonly spoilt: readonly string[];
}

/** With metrics and without, in pairs, each first in every other. A pair of which a side could not be measured is left out. */
export async function meteredPairs(
  bench: Bench,
  context: CellContext,
  load: MeteredLoad,
  rounds: number,
): Promise<MeteredPairs> {
  const pairs: [Metered, Metered][] = [];
  const spoilt: string[] = [];
  const shown = ({ perSec, cpuUs }: Metered): string => `${Math.round(perSec)}/s at ${cpuUs.toFixed(2)} µs`;
  for (let round = 0; round < rounds; round += 1) {
    const onFirst = round % 2 === 0;
    const first = await measured(bench, context, load, round, onFirst);
    const second = await measured(bench, context, load, round, !onFirst);
    const [on, off] = onFirst ? [first, second] : [second, first];
    if (typeof on === 'string' || typeof off === 'string') {
      for (const one of [on, off]) if (typeof one === 'string') spoilt.push(one);
      continue;
    }
    pairs.push([on, off]);
    bench.say(`${load.name}: ${shown(on)} with, ${shown(off)} without`);
  }
  return { pairs, spoilt };
}

/** The first valid cell, or why there was none. */
async function measured(
  bench: Bench,
  context: CellContext,
  load: MeteredLoad,
  round: number,
  withMetrics: boolean,
): Promise<Metered | string> {
  let problem = '';
  for (let tried = 0; tried < (bench.smoke ? 1 : TRIES); tried += 1) {
    const found = withMetrics
      ? await scraped(bench, context, load, round)
      : await cell(bench, context, load, round);
    if (typeof found !== 'string') return found;
    problem = `${load.name} ${withMetrics ? 'with' : 'without'} metrics: ${found}`;
    bench.say(problem);
  }
  return problem;
}

/** As `run --metrics` does it, with a scraper in this very process. */
async function scraped(
  bench: Bench,
  context: CellContext,
  load: MeteredLoad,
  round: number,
): Promise<Metered | string> {
  const live = new LiveMetrics();
  await using server = await serveMetrics({ host: '127.0.0.1', port: 0 }, live, 'bench');
  const seen = new Set<LatencyName>();
  const scraping = setInterval(
    () => {
      fetch(server.url, { headers: { accept: 'application/openmetrics-text' } })
        .then(async (response) => {
          const text = await response.text();
          for (const name of LATENCIES)
            if (new RegExp(`^claimbench_${name}_seconds_count\\{.*\\} [1-9]`, 'm').test(text)) seen.add(name);
        })
        .catch(() => undefined);
    },
    bench.smoke ? SMOKE_SCRAPE_EVERY_MS : SCRAPE_EVERY_MS,
  );
  try {
    const found = await cell(
      bench,
      { ...context, onProgress: (progress) => live.progress(progress), onLoad: (read) => live.watch(read) },
      load,
      round,
    );
    const unseen = load.histograms.filter((name) => !seen.has(name));
    if (unseen.length > 0)
      throw new Error(`no ${unseen.join(', ')} was scraped under ${load.name}: the comparison says nothing`);
    return found;
  } finally {
    clearInterval(scraping);
  }
}

async function cell(
  bench: Bench,
  context: CellContext,
  load: MeteredLoad,
  round: number,
): Promise<Metered | string> {
  const warmupSeconds = WARMUP_SECONDS;
  const seconds = (bench.smoke ? SMOKE_SECONDS : SECONDS) + warmupSeconds;
  const plan: CellPlan = {
    ...{ id: `metrics.${round}`, block: round, order: 0, repeat: round + 1, seed: round },
    scenario: scenarioSchema.parse({
      name: 'metrics-cost',
      question: 'What do live metrics take from a queue?',
      workers: { agents: 1, connections: SESSIONS },
      ...{ warmupSeconds, warmupCapSeconds: warmupSeconds },
      ...load.scenario(seconds),
    }),
    contender: parseContender('batch', () => ''),
  };
  const { cell: done } = await runCell(plan, context);
  if (done.verdict === 'incorrect') throw new Error(`an incorrect cell: ${done.reasons.join('; ')}`);
  if (done.verdict !== 'valid') return `${done.verdict}: ${done.reasons.join('; ')}`;
  const { cpuShare } = done.generator;
  const responseUs = done.latencyUs?.response?.p50;
  if (done.throughput === undefined || done.throughput.settledPerSec === 0 || cpuShare === undefined)
    return 'it has no rate, or no CPU time';
  if (plan.scenario.preload.ready > 0 && done.jobs.inFlight === 0)
    return 'its backlog was drained before its time was over';
  return {
    perSec: done.throughput.settledPerSec,
    ...(responseUs === undefined ? {} : { responseUs }),
    cpuUs: (cpuShare * seconds * 1e6) / done.jobs.settled,
  };
}

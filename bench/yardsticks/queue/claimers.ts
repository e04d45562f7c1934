// Does more claimers help, or at least not hurt?

import { readProcessors } from '../../../harness/measure/processors.ts';
import { pinOneEach, pinThisProcess } from '../../../harness/run/pinning.ts';
import { openScratch } from '../../../harness/run/scratch.ts';
import { startEmbedded } from '../../../harness/server/embedded.ts';
import { claimsAtOnce, type StrategyFactory } from '../../../queue/index.ts';
import type { ScenarioInput } from '../../../scenarios/scenario.ts';
import type { Figure, Yardstick } from '../../yardstick.ts';
import { brief, measured, type Place, Rounds } from './cells.ts';
import { contestants, defaultBatch } from './contestants.ts';

const CONNECTIONS = [1, 2, 4, 8, 16, 32, 64];
const TARGET = 0.7;
const ROUNDS = 3;
const JOBS_MIN = 30_000;
const JOBS_MAX = 2_500_000;

/** Of one drain. */
interface Size {
  readonly preloadJobs: number;
  readonly warmupSeconds: number;
  readonly seconds: number;
}

/** What a strategy is first drained of, to learn how many jobs its cells need. */
const PILOT: Size = { preloadJobs: 60_000, warmupSeconds: 0.2, seconds: 2 };
/** Sessions open one after the other: 64 take their time. */
const USUAL = { warmupSeconds: 1, seconds: 2 };
/** Jobs of a cell, as a multiple of those that the pilot's rate would take. */
const SPARE = 1.6;
const SMOKE: Size = { preloadJobs: 40_000, warmupSeconds: 0.1, seconds: 1 };

/** Claims of as many workers of one session each: none waits for another before the server does. */
const UNGATED = 'claimsAtOnce=1000';

/** Drain throughput by the number of worker connections; of one worker as it is by default, only shown. */
export const claimers: Yardstick = {
  name: 'claimers',
  question: 'does a strategy keep its throughput with 64 claimers?',
  async run(bench) {
    await using scratch = await openScratch();
    // With a core of its own the client is not kept waiting by 64 busy sessions of the server.
    const processors = readProcessors();
    const pinned = pinOneEach(processors);
    await using server = await startEmbedded({
      signal: bench.signal,
      // The agent's sessions, their support, and the harness: the default 100 would not do.
      settings: { max_connections: '200' },
      ...(pinned === undefined ? {} : { cpus: pinned.server }),
    });
    const agentCpus = pinned?.agents;
    // Nor does the harness itself take the server's time.
    using _unpinned = pinnedTo(agentCpus, processors.allowed);
    const place = {
      ...{ bench, server, folder: scratch.path },
      ...(agentCpus === undefined ? {} : { agentCpus }),
    };
    const counts = bench.smoke ? [1, 4] : CONNECTIONS;
    const all: Series[] = [];
    for (const factory of contestants(bench))
      for (const gated of claimsAtOnce(defaultBatch(factory)) < Math.max(...counts) ? [false, true] : [false])
        all.push(await seriesOf(place, factory, gated, counts));
    for (let round = 0; round < (bench.smoke ? 1 : (bench.rounds ?? ROUNDS)); round += 1) {
      // First goes first in one round, last in the next.
      const cells = counts.flatMap((count) => all.map((series) => ({ count, series })));
      for (const { count, series } of round % 2 === 0 ? cells : cells.toReversed())
        await measure(place, series, count, round);
    }
    const where = pinned === undefined ? 'not pinned' : 'server and client a core each';
    return all.map((series) => figureOf(series, counts, where));
  },
};

/** Binds this process until it is disposed. */
function pinnedTo(cpus: readonly number[] | undefined, before: readonly number[] | undefined): Disposable {
  const undo = cpus === undefined || before === undefined ? () => undefined : pinThisProcess(cpus, before);
  return { [Symbol.dispose]: undo };
}

interface Series {
  readonly factory: StrategyFactory;
  /** Whether the worker's claims pass its gate. */
  readonly gated: boolean;
  readonly entrant: string;
  readonly size: Size;
  /** By the number of connections, jobs/s. */
  readonly rates: ReadonlyMap<number, Rounds>;
  /** The same by round, where its cell is valid. */
  readonly rounds: Map<number, number>[];
  /** Numbers of connections at which the client, not the server, was at its limit. */
  readonly bound: Set<number>;
}

async function seriesOf(
  place: Place,
  factory: StrategyFactory,
  gated: boolean,
  counts: readonly number[],
): Promise<Series> {
  const entrant = gated ? factory.strategyName : `${factory.strategyName}?${UNGATED}`;
  const rates = new Map(counts.map((count) => [count, new Rounds()]));
  if (place.bench.smoke) return { factory, gated, entrant, size: SMOKE, rates, rounds: [], bound: new Set() };
  const pilot = await measured(place, {
    scenario: scenarioOf(8, PILOT),
    contender: entrant,
    round: 0,
  });
  // A pilot that is void says nothing: its cells are sized for a fast one, and tell the reason themselves.
  const rate = 'outcome' in pilot ? (pilot.outcome.cell.throughput?.settledPerSec ?? 0) : JOBS_MAX;
  const wanted = Math.ceil(rate * (USUAL.seconds + USUAL.warmupSeconds) * SPARE);
  const preloadJobs = Math.min(JOBS_MAX, Math.max(JOBS_MIN, wanted));
  return { factory, gated, entrant, size: { ...USUAL, preloadJobs }, rates, rounds: [], bound: new Set() };
}

function scenarioOf(connections: number, { preloadJobs, warmupSeconds, seconds }: Size): ScenarioInput {
  return {
    name: 'claimers',
    question: 'How many jobs per second do so many sessions claim and settle?',
    preload: { ready: preloadJobs },
    workers: { agents: 1, connections },
    ...{ warmupSeconds, warmupCapSeconds: warmupSeconds },
    phases: [{ label: 'drain', seconds: seconds + warmupSeconds }],
  };
}

async function measure(place: Place, series: Series, count: number, round: number): Promise<void> {
  const { entrant, size, rates, rounds } = series;
  const cell = await measured(place, {
    scenario: scenarioOf(count, size),
    contender: entrant,
    round,
  });
  if ('problem' in cell) {
    rates.get(count)?.failed(`${count} connections: ${cell.problem}`);
    return;
  }
  const rate = cell.outcome.cell.throughput?.settledPerSec ?? Number.NaN;
  if (cell.outcome.cell.jobs.inFlight === 0 && !place.bench.smoke) {
    rates.get(count)?.failed(`${count} connections: the backlog ran dry`);
    return;
  }
  rates.get(count)?.add(rate, cell.again);
  rounds[round] ??= new Map();
  rounds[round]?.set(count, rate);
  if (cell.outcome.cell.generator.generatorBound) series.bound.add(count);
  place.bench.say(`${entrant}, ${count} connections: ${brief(rate)} jobs/s`);
}

function figureOf(
  { factory, gated, rates, rounds, bound }: Series,
  counts: readonly number[],
  where: string,
): Figure {
  const readings = counts.map((count) => ({ count, ...(rates.get(count) ?? new Rounds()).reading() }));
  const most = counts.at(-1) ?? Number.NaN;
  const best = readings.toSorted((a, b) => b.value - a.value)[0]?.count ?? Number.NaN;
  const voids = readings.flatMap(({ value, note }) => (Number.isNaN(value) ? [note] : []));
  // Of each round by itself: its cells share the state of the machine. A void cell may hide the peak.
  const ratios = new Rounds();
  for (const round of rounds) {
    const [last, peak] = [round.get(most), round.get(best)];
    if (last !== undefined && peak !== undefined) ratios.add(last / peak);
  }
  for (const reason of voids) ratios.failed(reason);
  const { note, doubt, ...ratio } = ratios.reading();
  // What the client held down may be the peak, and makes the ratio greater than it is.
  const doubts = [
    ...(doubt === undefined ? [] : [doubt]),
    ...(bound.size === 0 ? [] : [`perhaps generator-bound with ${[...bound].join(', ')} connections`]),
  ];
  const table = readings.map(({ count, value }) => `${count}: ${brief(value)}`).join(', ');
  return {
    what: `${factory.strategyName}, ${most} connections ${gated ? 'of one worker behind its gate ' : ''}÷ its own peak, batch ${defaultBatch(factory)}, ${where}`,
    ...ratio,
    unit: '',
    ...(factory.control === true || gated ? {} : { target: { atLeast: TARGET } }),
    ...(doubts.length === 0 ? {} : { doubt: doubts.join('; ') }),
    note: [note, `jobs/s by connections: ${table}`].join('; '),
  };
}

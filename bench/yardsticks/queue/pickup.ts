// How soon is a job picked up where there is time, and what does an idle worker ask meanwhile?

import { setTimeout as sleep } from 'node:timers/promises';
import { oneLine } from '../../../harness/errors.ts';
import { openScratch } from '../../../harness/run/scratch.ts';
import { startEmbedded } from '../../../harness/server/embedded.ts';
import type { PostgresServer } from '../../../harness/server/server.ts';
import { createQueue, createWorker, pgDriver, type StrategyFactory } from '../../../queue/index.ts';
import type { ScenarioInput } from '../../../scenarios/scenario.ts';
import type { Bench, Figure, Yardstick } from '../../yardstick.ts';
import { brief, measured, type Place, Rounds, stretchOf } from './cells.ts';
import { contestants } from './contestants.ts';

/** The reference, the favourite, the leanest timed lease, and a claim that writes nothing. */
const CONTESTANTS = ['skip-locked', 'range-lease', 'ring', 'packed-lease', 'held-transaction'];
const ROUNDS = 3;
const RATE_PER_SEC = 100;
const P50_TARGET_MS = 1.5;
const P99_TARGET_MS = 5;
const WARMUP_SECONDS = 1;
/** Above 10,000 jobs, so that a hundred lie beyond the p99. */
const SECONDS = 110;
const SESSIONS = 8;
const IDLE_TARGET_PER_SEC = 1;
const IDLE_SECONDS = 30;
const IDLE_WINDOWS = 2;
/** Opening, first claims, the first upkeep; and until sessions that came to rest one after another share their polls. */
const IDLE_SETTLE_SECONDS = 25;
/** Idle workers hardly use the machine: several at a time, as many as there are connections for. */
const IDLE_AT_ONCE = 5;

/** Pickup from the intended instant at 100 jobs/s under `coalesced`, and the statements of idle workers. */
export const pickup: Yardstick = {
  name: 'pickup',
  question: 'how soon is a job picked up at 100 jobs/s, and how quiet is an idle worker?',
  async run(bench) {
    await using scratch = await openScratch();
    await using server = await startEmbedded({ signal: bench.signal });
    return [...(await quickness({ bench, server, folder: scratch.path })), ...(await quiet(bench, server))];
  },
};

async function quickness(place: Place): Promise<Figure[]> {
  const { bench } = place;
  const seconds = bench.smoke ? 3 : SECONDS;
  const tries = contestants(bench, bench.smoke ? ['batch'] : CONTESTANTS).map(({ strategyName }) => ({
    name: strategyName,
    p50: new Rounds(),
    p99: new Rounds(),
  }));
  for (let round = 0; round < (bench.smoke ? 1 : (bench.rounds ?? ROUNDS)); round += 1) {
    for (const { name, p50, p99 } of round % 2 === 0 ? tries : tries.toReversed()) {
      const contender = `${name}?wakeup=coalesced`;
      const cell = await measured(place, { scenario: scenarioOf(seconds), contender, round });
      if ('problem' in cell) {
        for (const one of [p50, p99]) one.failed(cell.problem);
        continue;
      }
      // What is picked up after the end belongs to it, too.
      const all = stretchOf(cell.outcome, WARMUP_SECONDS, Number.MAX_SAFE_INTEGER);
      p50.add(all.pickupP50Ms, cell.again);
      p99.add(all.pickupP99Ms, cell.again);
      bench.say(
        `${name}: p50 ${brief(all.pickupP50Ms)} ms, p99 ${brief(all.pickupP99Ms)} ms of ${all.pickups}`,
      );
    }
  }
  return tries.flatMap(({ name, p50, p99 }) => [
    { what: `${name}, pickup p50`, unit: 'ms', target: { atMost: P50_TARGET_MS }, ...p50.reading() },
    { what: `${name}, pickup p99`, unit: 'ms', target: { atMost: P99_TARGET_MS }, ...p99.reading() },
  ]);
}

function scenarioOf(seconds: number): ScenarioInput {
  return {
    name: 'pickup',
    question: 'How soon is a job picked up at 100 jobs/s?',
    producers: { agents: 1, connections: 16 },
    workers: { agents: 1, connections: SESSIONS },
    ...{ warmupSeconds: WARMUP_SECONDS, warmupCapSeconds: WARMUP_SECONDS },
    phases: [
      {
        label: 'steady',
        seconds: WARMUP_SECONDS + seconds,
        arrival: { model: 'poisson', ratePerSec: RATE_PER_SEC },
      },
    ],
    settleWithinSeconds: 10,
  };
}

async function quiet(bench: Bench, server: PostgresServer): Promise<Figure[]> {
  const seconds = bench.smoke ? 2 : IDLE_SECONDS;
  const all = contestants(bench);
  const figures: Figure[] = [];
  for (let first = 0; first < all.length; first += IDLE_AT_ONCE) {
    const some = all.slice(first, first + IDLE_AT_ONCE);
    figures.push(...(await Promise.all(some.map((factory) => idleFigure(bench, server, factory, seconds)))));
  }
  return figures;
}

async function idleFigure(
  bench: Bench,
  server: PostgresServer,
  factory: StrategyFactory,
  seconds: number,
): Promise<Figure> {
  const figure = {
    what: `${factory.strategyName}, statements of an idle worker, all of its sessions, per second`,
    unit: '1/s',
    target: { atMost: IDLE_TARGET_PER_SEC },
  };
  try {
    const windows = new Rounds();
    for (const sent of await idleStatements(bench, server, factory, seconds)) windows.add(sent / seconds);
    const { note, ...reading } = windows.reading();
    return {
      ...figure,
      ...reading,
      note: `a worker of ${SESSIONS} sessions, windows of ${seconds} s: ${note}`,
    };
  } catch (error) {
    bench.signal.throwIfAborted();
    return { ...figure, value: Number.NaN, note: `failed: ${oneLine(error)}` };
  }
}

/** Everything that one worker process sends, maintenance and upkeep included, while no job is there. */
async function idleStatements(
  bench: Bench,
  server: PostgresServer,
  factory: StrategyFactory,
  seconds: number,
): Promise<number[]> {
  await using database = await server.openDatabase('idle');
  let sent = 0;
  await using driver = pgDriver({ ...database.connection, max: 2, onStatement: () => (sent += 1) });
  await using queue = createQueue({
    driver,
    strategy: factory,
    schema: database.schema,
    wakeup: 'coalesced',
  });
  await queue.install();
  const worker = createWorker(queue, { queue: 'bench', handler: () => undefined, connections: SESSIONS });
  try {
    await sleep(IDLE_SETTLE_SECONDS * 1000, undefined, { signal: bench.signal });
    const windows: number[] = [];
    for (let window = 0; window < IDLE_WINDOWS; window += 1) {
      sent = 0;
      await sleep(seconds * 1000, undefined, { signal: bench.signal });
      windows.push(sent);
    }
    return windows;
  } finally {
    await worker.stop({ deadlineMs: 2_000 });
  }
}

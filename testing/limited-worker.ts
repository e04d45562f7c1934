// What starts in other processes, where queues are limited? A program for tests: it plays workers of some queues for a time.
//
// Argument: JSON of a LimitedWork. Prints one line when all are at work, and one of JSON: the runs of each queue.

import { setTimeout as sleep } from 'node:timers/promises';
import { pgDriver } from '../queue/drivers/pg.ts';
import { postgresDriver } from '../queue/drivers/postgres.ts';
import { Player, type Run } from '../queue/limits/player.ts';
import { createQueue } from '../queue/queue.ts';

/** What such a process does. */
export interface LimitedWork {
  readonly connectionString: string;
  readonly driver: 'pg' | 'postgres';
  readonly schema: string;
  readonly queues: readonly string[];
  /** Of each queue. */
  readonly workers: number;
  readonly concurrency: number;
  readonly workMs: number;
  readonly forMs: number;
  readonly leaseMs: number;
  /** Ids of this process's jobs begin here. */
  readonly firstId: number;
}

/** The last line of its output. */
export interface LimitedRuns {
  readonly runs: Readonly<Record<string, readonly Run[]>>;
  /** How late this process was woken, in the mean: the machine has other work. */
  readonly lagMs: number;
}

const NAP_MS = 20;

async function meanLag(forMs: number): Promise<number> {
  const endMs = performance.now() + forMs;
  let sumMs = 0;
  let naps = 0;
  while (performance.now() < endMs) {
    const wakeMs = performance.now() + NAP_MS;
    await sleep(NAP_MS);
    sumMs += Math.max(0, performance.now() - wakeMs);
    naps += 1;
  }
  return sumMs / naps;
}

const work: LimitedWork = JSON.parse(process.argv[2] ?? '{}');
const { connectionString, schema, workMs, concurrency, leaseMs, firstId } = work;
const open = work.driver === 'pg' ? pgDriver : postgresDriver;
await using driver = open({ connectionString, max: 8, applicationName: 'limited worker' });
await using queue = createQueue({ driver, schema, wakeup: 'poll' });
let id = firstId;
const players = work.queues.flatMap((name) =>
  Array.from({ length: work.workers }, (_, n) => ({
    name,
    player: new Player({
      ...{ context: queue.context, queue: name, concurrency, leaseMs },
      worker: `${process.pid} ${n}`,
      workMs: () => workMs * (0.5 + Math.random()),
      nextId: () => {
        id += 1;
        return String(id);
      },
    }),
  })),
);
await Promise.all(players.map(({ player }) => player.start()));
console.log('at work');
const lagMs = await meanLag(work.forMs);
await Promise.all(players.map(({ player }) => player.stop()));
const byQueue = Object.groupBy(players, ({ name }) => name);
const runs = Object.entries(byQueue).map(([name, of = []]) => [
  name,
  of.flatMap(({ player }) => player.runs),
]);
const errors = players.flatMap(({ player }) => player.errors);
if (errors.length > 0) console.error(errors);
const said: LimitedRuns = { runs: Object.fromEntries(runs), lagMs };
console.log(JSON.stringify(said));

// How is pg-boss measured? Through its own library: send and insert to enqueue, fetch and complete to work.
//
// At its best: a queue with a table of its own (`partition`), batches of up to hundreds of jobs, and a loop of fetch, work
// and complete on every connection, which waits for nothing but the server while there is work. Supervision is on in
// workers, as in production; schedules, which no job here has, are off.

import { setTimeout as sleep } from 'node:timers/promises';
import { PgBoss } from 'pg-boss';
import bossPackage from 'pg-boss/package.json' with { type: 'json' };
import type {
  Axes,
  BenchJob,
  BenchPayload,
  Consumer,
  ConsumerOptions,
  Contender,
  ContenderDefinition,
  HeldJob,
  Target,
} from '../../harness/contender.ts';
import { keyOf } from '../../harness/measure/recorded-strategy.ts';
import { quoteIdentifier } from '../../queue/index.ts';
import { inChunks } from './shared/chunks.ts';
import { PeerSessions } from './shared/sessions.ts';

const QUEUE = 'bench';
const DEFAULT_BATCH = 100;
const DEFAULT_POLL_MS = 500;
/** What the scenarios' leases are unless they say otherwise: a job's expiry is fixed when it is enqueued. */
const DEFAULT_LEASE_MS = 30_000;
const PRELOAD_CHUNK = 5_000;
const HELD_PAGE = 10_000;

/** pg-boss, as a contender of the class job-queue. */
const pgBoss: ContenderDefinition = {
  name: 'pg-boss',
  summary: 'pg-boss 12: fetch and complete in loops, on a queue with a table of its own',
  class: 'job-queue',
  axes: ['batch', 'pollMs', 'leaseMs'],
  open: async (target, axes) => new Boss(target, axes),
};
export default pgBoss;

class Boss implements Contender {
  readonly class = 'job-queue';
  /** Jobs of one insert share their creation time, and a fetch returns its jobs in no order. */
  readonly promises = { order: 'none', lease: 'timed' } as const;
  readonly priorities = { min: -32_768, max: 32_767 };
  readonly declared;
  readonly #schema: string;
  readonly #axes: Axes;
  readonly #sessions: PeerSessions;
  readonly #control;

  constructor(target: Target, axes: Axes) {
    this.#schema = target.schema;
    this.#axes = axes;
    this.#sessions = new PeerSessions('pg-boss', target);
    this.#control = this.#sessions.open('control', 2);
    this.declared = {
      wakeup: 'poll',
      driver: 'pg',
      batch: this.#batch,
      pollMs: axes.pollMs ?? DEFAULT_POLL_MS,
      supportSessions: 0,
      others: { settle: 'batched', concurrency: 1, expireInSeconds: this.#expireInSeconds },
    } as const;
  }

  get #batch(): number {
    return this.#axes.batch ?? DEFAULT_BATCH;
  }

  get #expireInSeconds(): number {
    return Math.ceil((this.#axes.leaseMs ?? DEFAULT_LEASE_MS) / 1_000);
  }

  /** What the library stored of the queue, not what it was asked for. */
  async effective() {
    const { rows } = await this.#control.query<{ policy: string; own: boolean; expires: number }>(
      `SELECT policy, partition AS own, expire_seconds AS expires FROM ${this.#relation('queue')} WHERE name = $1`,
      [QUEUE],
    );
    const [queue] = rows;
    return {
      libraryVersion: `pg-boss ${bossPackage.version}`,
      ...(queue === undefined
        ? {}
        : { policy: queue.policy, ownTable: queue.own, expireInSeconds: queue.expires }),
    };
  }

  async install(): Promise<void> {
    const boss = await this.#start(this.#control, { migrate: true });
    await boss.createQueue(QUEUE, { partition: true, expireInSeconds: this.#expireInSeconds });
    await boss.stop({ graceful: false });
  }

  async preload(jobs: Iterable<BenchJob>): Promise<void> {
    const boss = await this.#start(this.#control);
    for (const chunk of inChunks(jobs, PRELOAD_CHUNK))
      await boss.insert(
        QUEUE,
        chunk.map(({ payload, priority }) => ({ data: payload, priority })),
      );
    await boss.stop({ graceful: false });
  }

  async openProducer(connections: number) {
    const sessions = this.#sessions;
    const pool = sessions.open('producer', connections);
    await sessions.read(pool, connections, 'before the load');
    const boss = await this.#start(pool);
    return {
      async enqueue({ payload, priority }: BenchJob) {
        const id = await boss.send(QUEUE, payload, { priority });
        if (id === null) throw new Error('pg-boss did not take the job');
      },
      async [Symbol.asyncDispose]() {
        await boss.stop({ graceful: false });
        await sessions.read(pool, connections, 'end');
        await pool.end();
      },
    };
  }

  async openConsumer(options: ConsumerOptions): Promise<Consumer> {
    const { connections } = options;
    const pool = this.#sessions.open('worker', connections);
    await this.#sessions.read(pool, connections, 'before the load');
    const boss = await this.#start(pool, { supervise: true });
    boss.on('error', (error) => options.events.error(error));
    const stopping = new AbortController();
    const pollMs = this.#axes.pollMs ?? DEFAULT_POLL_MS;
    const loops = Array.from({ length: connections }, async (_, index) => {
      const claimer = options.firstClaimer + index;
      while (!stopping.signal.aborted) {
        const busy = await turn(boss, options, claimer, this.#batch).catch((error: unknown) => {
          options.events.error(error);
          return false;
        });
        if (!busy) await sleep(pollMs, undefined, { signal: stopping.signal }).catch(() => undefined);
      }
    });
    return {
      stop: async (deadlineMs) => {
        stopping.abort();
        await Promise.race([Promise.all(loops), sleep(deadlineMs, undefined, { ref: false })]);
        await boss.stop({ graceful: false });
        await this.#sessions.read(pool, connections, 'end');
        await pool.end();
      },
    };
  }

  async pending(): Promise<number> {
    const { rows } = await this.#control.query<{ n: number }>(
      `SELECT count(*)::int AS n FROM ${this.#relation('job')} WHERE name = $1 AND state < 'completed'`,
      [QUEUE],
    );
    return rows[0]?.n ?? Number.NaN;
  }

  async *held(): AsyncGenerator<HeldJob> {
    let after = '00000000-0000-0000-0000-000000000000';
    for (;;) {
      const { rows } = await this.#control.query<{ id: string; data: unknown; state: HeldJob['state'] }>(
        `SELECT id, data,
                CASE WHEN state = 'active' THEN 'leased' WHEN state >= 'completed' THEN 'dead'
                     WHEN start_after > now() THEN 'delayed' ELSE 'ready' END AS state
           FROM ${this.#relation('job')}
          WHERE name = $1 AND state <> 'completed' AND id > $2
          ORDER BY id LIMIT ${HELD_PAGE}`,
        [QUEUE, after],
      );
      for (const { data, state } of rows) yield { key: keyOf(data), state };
      const last = rows.at(-1);
      if (last === undefined) return;
      after = last.id;
    }
  }

  roundTrips = () => this.#sessions.roundTrips();
  sessions = () => this.#sessions.report();
  sessionRole = (name: string) => this.#sessions.roleOf(name);

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#control.end();
  }

  #relation(name: string): string {
    return `${quoteIdentifier(this.#schema)}.${quoteIdentifier(name)}`;
  }

  /** The library on a pool of ours, which sends each statement as its own pool does. */
  async #start(
    pool: ReturnType<PeerSessions['open']>,
    { migrate = false, supervise = false } = {},
  ): Promise<PgBoss> {
    const boss = new PgBoss({
      db: { executeSql: async (text, values) => await pool.query(text, values) },
      schema: this.#schema,
      migrate,
      supervise,
      schedule: false,
    });
    return await boss.start();
  }
}

/** Fetches, works and completes once. Returns whether there was work. */
async function turn(
  boss: PgBoss,
  options: ConsumerOptions,
  claimer: number,
  batch: number,
): Promise<boolean> {
  const { events } = options;
  const requestedUs = options.nowUs();
  const jobs = await boss.fetch<BenchPayload>(QUEUE, { batchSize: batch });
  if (jobs.length === 0) {
    events.emptyClaim(claimer, requestedUs);
    return false;
  }
  if (jobs.length > batch) events.overClaimed(claimer, jobs.length - batch);
  const keys = jobs.map((job) => keyOf(job.data));
  // A fetch tells the attempt only with all of a job's columns, which nobody fetches who is in a hurry.
  const attempts = jobs.map(() => 1);
  events.claimed(claimer, requestedUs, keys, attempts, batch);
  for (const job of jobs) await options.handler(job.data);
  const settle = events.settling(
    claimer,
    keys,
    jobs.map(() => 'ack' as const),
  );
  try {
    const ids = jobs.map((job) => job.id);
    const affected = affectedOf(await boss.complete(QUEUE, ids));
    if (affected !== ids.length)
      throw new Error(`${affected} of ${ids.length} completes took effect, and pg-boss does not say which`);
    events.settled(claimer, settle, []);
  } catch (error) {
    events.settleFailed(claimer, settle, error);
    throw error;
  }
  return true;
}

/** Jobs that a command of pg-boss has changed; its types do not own up to the count that it returns. */
function affectedOf(response: object): number {
  return 'affected' in response && typeof response.affected === 'number' ? response.affected : Number.NaN;
}

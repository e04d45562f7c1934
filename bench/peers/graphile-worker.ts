// How is graphile-worker measured? Through its own library: add_job and add_jobs to enqueue, worker pools to work.
//
// At its best, as its own performance page has it: a local queue of hundreds, completions batched, more jobs at once than
// connections, nothing logged per job. With a batch of 1 there is neither local queue nor batching. A pool fetches one batch
// at a time, so a process runs several, as its users run several processes.
//
// The library says when it has fetched, but not when a completion was confirmed: both are seen at its sessions.

import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TaskList, WorkerPool } from 'graphile-worker';
import { z } from 'zod';
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
import { ClaimBook } from './shared/graphile-claims.ts';
import { PeerSessions } from './shared/sessions.ts';

const TASK = 'bench';
const DEFAULT_BATCH = 500;
const DEFAULT_CONCURRENCY = 24;
const DEFAULT_POLL_MS = 2_000;
const DEFAULT_SETTLE_DELAY_MS = 0;
const PRELOAD_CHUNK = 5_000;
const HELD_PAGE = 10_000;
/** Connections of one pool: a fetch, completions, and one that listens. */
const CONNECTIONS_PER_POOL = 4;

/** graphile-worker, as a contender of the class job-queue. */
const graphileWorker: ContenderDefinition = {
  name: 'graphile-worker',
  summary: 'graphile-worker 0.18: local queue, batched completion',
  class: 'job-queue',
  axes: ['batch', 'settleDelayMs', 'concurrency', 'pollMs'],
  open: async (target, axes) => new Graphile(await library(), target, axes),
};
export default graphileWorker;

type Library = typeof import('graphile-worker');

/** Loaded late, as it reads when loaded whether each success is to be logged. */
async function library(): Promise<Library> {
  process.env['NO_LOG_SUCCESS'] = '1';
  return await import('graphile-worker');
}

/** From the installed package, which does not export its own description. */
function libraryVersion(): string {
  const description = new URL('../package.json', import.meta.resolve('graphile-worker'));
  return z.object({ version: z.string() }).parse(JSON.parse(readFileSync(description, 'utf8'))).version;
}

class Graphile implements Contender {
  readonly class = 'job-queue';
  /** A local queue hands out what it fetched in no order. A lock ends after four hours, or never within a cell. */
  readonly promises = { order: 'none', lease: 'none' } as const;
  readonly priorities = { min: -32_768, max: 32_767 };
  readonly declared;
  readonly #library: Library;
  readonly #schema: string;
  readonly #axes: Axes;
  readonly #sessions: PeerSessions;
  readonly #control;

  constructor(loaded: Library, target: Target, axes: Axes) {
    this.#library = loaded;
    this.#schema = target.schema;
    this.#axes = axes;
    this.#sessions = new PeerSessions('graphile-worker', target);
    this.#control = this.#sessions.open('control', 2);
    this.declared = {
      wakeup: 'notify',
      driver: 'pg',
      batch: this.#batch,
      pollMs: this.#pollMs,
      signalled: true,
      statementMode: 'prepared',
      supportSessions: 0,
      others: {
        settle: this.#batched ? 'batched' : 'each',
        ...(this.#batched
          ? { localQueueSize: this.#batch, completeJobBatchDelayMs: this.#settleDelayMs }
          : {}),
        concurrency: this.#concurrency,
      },
    } as const;
  }

  get #batch(): number {
    return this.#axes.batch ?? DEFAULT_BATCH;
  }

  get #batched(): boolean {
    return this.#batch > 1;
  }

  get #concurrency(): number {
    return this.#axes.concurrency ?? DEFAULT_CONCURRENCY;
  }

  get #pollMs(): number {
    return this.#axes.pollMs ?? DEFAULT_POLL_MS;
  }

  get #settleDelayMs(): number {
    return this.#axes.settleDelayMs ?? DEFAULT_SETTLE_DELAY_MS;
  }

  async effective() {
    const { rows } = await this.#control.query<{ migration: number }>(
      `SELECT max(id)::int AS migration FROM ${this.#relation('migrations')}`,
    );
    return {
      libraryVersion: `graphile-worker ${libraryVersion()}`,
      schemaMigration: rows[0]?.migration ?? 0,
      logsSuccess: process.env['NO_LOG_SUCCESS'] === undefined,
    };
  }

  async install(): Promise<void> {
    const utils = await this.#utils(this.#control);
    await utils.migrate();
    await utils.release();
  }

  async preload(jobs: Iterable<BenchJob>): Promise<void> {
    const utils = await this.#utils(this.#control);
    for (const chunk of inChunks(jobs, PRELOAD_CHUNK))
      await utils.addJobs(
        // Lower comes first here.
        chunk.map(({ payload, priority }) => ({ identifier: TASK, payload, priority: -priority })),
      );
    await utils.release();
  }

  async openProducer(connections: number) {
    const sessions = this.#sessions;
    const pool = sessions.open('producer', connections);
    await sessions.read(pool, connections, 'before the load');
    const utils = await this.#utils(pool);
    return {
      async enqueue({ payload, priority }: BenchJob) {
        await utils.addJob(TASK, payload, { priority: -priority });
      },
      async [Symbol.asyncDispose]() {
        await utils.release();
        await sessions.read(pool, connections, 'end');
        await pool.end();
      },
    };
  }

  async openConsumer(options: ConsumerOptions): Promise<Consumer> {
    const shares = sharesOf(options.connections, this.#batched ? CONNECTIONS_PER_POOL : options.connections);
    const pools = await Promise.all(
      shares.map(async (connections, index) => {
        const book = new ClaimBook(options, options.firstClaimer + index, this.#batch);
        const pool = this.#sessions.open('worker', connections, (statement) => book.sent(statement));
        await this.#sessions.read(pool, connections, 'before the load');
        return { pool, connections, workers: this.#work(options, pool) };
      }),
    );
    return {
      stop: async (deadlineMs) => {
        await Promise.all(
          pools.map(async ({ pool, connections, workers }) => {
            const stopped = workers.gracefulShutdown('the cell is over');
            const late = sleep(deadlineMs, undefined, { ref: false });
            await Promise.race([Promise.resolve(stopped).catch(options.events.error), late]);
            await this.#sessions.read(pool, connections, 'end');
            await pool.end();
          }),
        );
      },
    };
  }

  #work(options: ConsumerOptions, pool: ReturnType<PeerSessions['open']>): WorkerPool {
    const tasks: TaskList = { [TASK]: async (payload) => await options.handler(payloadOf(payload)) };
    const workers = this.#library.runTaskList(
      {
        schema: this.#schema,
        noHandleSignals: true,
        logger: this.#silence((message) => options.events.error(new Error(message))),
        preset: {
          worker: {
            concurrentJobs: this.#batched ? this.#concurrency : options.connections,
            pollInterval: this.#pollMs,
            ...(this.#batched
              ? {
                  localQueue: { size: this.#batch },
                  completeJobBatchDelay: this.#settleDelayMs,
                  failJobBatchDelay: this.#settleDelayMs,
                }
              : {}),
          },
        },
      },
      tasks,
      pool,
    );
    workers.promise.catch(options.events.error);
    return workers;
  }

  async pending(): Promise<number> {
    const { rows } = await this.#control.query<{ n: number }>(
      `SELECT count(*)::int AS n FROM ${this.#relation('_private_jobs')} WHERE attempts < max_attempts OR locked_at IS NOT NULL`,
    );
    return rows[0]?.n ?? Number.NaN;
  }

  async *held(): AsyncGenerator<HeldJob> {
    let after = '0';
    for (;;) {
      const { rows } = await this.#control.query<{
        id: string;
        payload: unknown;
        state: HeldJob['state'];
      }>(
        `SELECT id, payload,
                CASE WHEN locked_at IS NOT NULL THEN 'leased' WHEN attempts >= max_attempts THEN 'dead'
                     WHEN run_at > now() THEN 'delayed' ELSE 'ready' END AS state
           FROM ${this.#relation('_private_jobs')}
          WHERE id > $1
          ORDER BY id LIMIT ${HELD_PAGE}`,
        [after],
      );
      for (const { payload, state } of rows) yield { key: keyOf(payload), state };
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

  #utils(pgPool: ReturnType<PeerSessions['open']>) {
    return this.#library.makeWorkerUtils({ pgPool, schema: this.#schema, logger: this.#silence() });
  }

  #silence(onError: (message: string) => void = () => undefined) {
    return new this.#library.Logger(() => (level, message) => {
      if (level === 'error') onError(message);
    });
  }
}

/** `total` in parts of about `size`, as even as can be. */
function sharesOf(total: number, size: number): number[] {
  const parts = Math.max(1, Math.round(total / size));
  return Array.from({ length: parts }, (_, i) => Math.floor((total + i) / parts));
}

function payloadOf(payload: unknown): BenchPayload {
  const t = typeof payload === 'object' && payload !== null && 't' in payload ? payload.t : 0;
  return { k: keyOf(payload), t: typeof t === 'number' ? t : 0, pad: '' };
}

// What is the process told whose queue is measured, and how is it run?

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import type { Bench } from '../../yardstick.ts';

/** The environment variable that holds the orders as JSON: they hold the server's password. */
export const ORDERS_VARIABLE = 'CLAIMBENCH_FEATURES';

export const connectionSchema = z.object({
  host: z.string(),
  port: z.number(),
  user: z.string(),
  password: z.string(),
  database: z.string(),
});

export const ordersSchema = z.object({
  /** The folder whose queue/index.ts is measured. */
  root: z.string(),
  connection: connectionSchema,
  strategy: z.string(),
  /**
   * `drain`: a worker with 8 sessions works off what waits. `enqueue`: 8 callers enqueue one by one. `bulk`: 2 callers, 1,000
   * jobs at a time. `large bulk`: 2 callers, 5,000 at a time.
   */
  load: z.enum(['drain', 'enqueue', 'bulk', 'large bulk']),
  /** Jobs of each slice of a drain. */
  jobs: z.int().min(0),
  /** How long each slice of enqueues lasts. */
  seconds: z.number().positive(),
  /** What of the features is in use: a name of `variants.ts`. */
  variant: z.string(),
});

export type Orders = z.output<typeof ordersSchema>;

/** What one slice of a load has come to. */
const sliceSchema = z.object({
  jobsPerSec: z.number().positive(),
  /** Of the process that enqueues or works, user and system together, while the rate was taken. */
  clientUsPerJob: z.number().nonnegative(),
});
export type Slice = z.output<typeof sliceSchema>;

const answerSchema = z.union([z.object({ slice: sliceSchema }), z.object({ error: z.string() })]);

/** What the process is asked for, each answered once: `stop` after its last look at what it has done. */
export type Ask = 'slice' | 'stop';

const PROGRAM = fileURLToPath(new URL('./load.ts', import.meta.url));
/** Far above what a slice takes. */
const SLICE_MS = 120_000;

/** A process that runs one load in slices, and rests in between. Disposing ends it. */
export class LoadProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #signal: AbortSignal;
  #stopped = false;

  constructor(orders: Orders, { signal }: Pick<Bench, 'signal'>) {
    this.#signal = signal;
    this.#child = fork(PROGRAM, {
      execArgv: ['--import', 'tsx'],
      env: { ...process.env, [ORDERS_VARIABLE]: JSON.stringify(orders) },
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
  }

  /** Runs one slice to its end. Rejects with what went wrong in it. */
  async slice(): Promise<Slice> {
    const answer = await this.#ask('slice');
    if (answer === undefined) throw new Error('a slice was not answered');
    return answer;
  }

  /** Lets the process look whether all is there that it has enqueued, and end. Rejects when it is not. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#ask('stop');
  }

  async #ask(ask: Ask): Promise<Slice | undefined> {
    const bound = AbortSignal.any([this.#signal, AbortSignal.timeout(SLICE_MS)]);
    const gone = new AbortController();
    try {
      const answered = once(this.#child, 'message', { signal: AbortSignal.any([bound, gone.signal]) });
      const exited = once(this.#child, 'exit', { signal: AbortSignal.any([bound, gone.signal]) });
      this.#child.send(ask);
      const [message] = await Promise.race([
        answered,
        exited.then(() => {
          if (ask === 'stop') return [undefined];
          throw new Error('the process of a load ended');
        }),
      ]);
      if (message === undefined) return undefined;
      const answer = answerSchema.parse(message);
      if ('error' in answer) throw new Error(answer.error);
      return answer.slice;
    } finally {
      gone.abort();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    if (!this.#stopped) this.#child.kill('SIGKILL');
    const late = setTimeout(() => this.#child.kill('SIGKILL'), 5_000);
    await exited;
    clearTimeout(late);
  }
}

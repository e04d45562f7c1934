// What does the handler of a worker agent do with each job?

import { setTimeout as sleep } from 'node:timers/promises';
import type { HandlerTime } from '../../scenarios/job.ts';
import { keyedDraw } from '../../stats/random.ts';
import type { BenchPayload, ConsumerOptions } from '../contender.ts';
import type { Clock } from './clock.ts';
import { FailedOnPurpose } from './failing.ts';
import type { JobTraits } from './job-traits.ts';
import { eventLoopTurn } from './pacer.ts';

/** A fault that handlers carry out. Instants in seconds from the start of the load. */
export type HandlerFault = {
  readonly atSeconds: number;
  readonly forSeconds: number;
} & (
  | { readonly fault: 'failing-handlers'; readonly share: number }
  | { readonly fault: 'slow-handlers'; readonly addedMs: number; readonly key?: number | undefined }
);

export interface HandlingOptions {
  readonly work: HandlerTime['time'];
  readonly traits: JobTraits;
  /** Of all attempts whether any may fail. */
  readonly mayFail: boolean;
  readonly faults: readonly HandlerFault[];
  readonly seed: number;
  readonly startUs: number;
  readonly clock: Clock;
  /** Told first of every job. */
  readonly seen: (payload: BenchPayload) => void;
  /** Told when a handler starts and when it ends, in whichever way; absent: nobody asks. */
  readonly runs?: { readonly started: (key: number) => void; readonly ended: (key: number) => void };
}

type Handler = ConsumerOptions['handler'];

/** Jobs without work, of which none can fail, cost a call. */
export function handlerOf(options: HandlingOptions): Handler {
  const { work, mayFail, faults, seen, runs } = options;
  if (work === 'none' && !mayFail && faults.length === 0 && runs === undefined) return seen;
  const handling = new Handling(options);
  return (payload, attempt = 1) => {
    seen(payload);
    return handling.handle(payload.k, attempt);
  };
}

class Handling {
  readonly #options: HandlingOptions;
  readonly #drawFailing: ReturnType<typeof keyedDraw>;
  /** One thread computes for one job at a time; between two of them the event loop has its turn. */
  #computing: Promise<void> = Promise.resolve();

  constructor(options: HandlingOptions) {
    this.#options = options;
    this.#drawFailing = keyedDraw(options.seed, 'failing-handlers');
  }

  handle(key: number, attempt: number): Promise<void> | void {
    const { traits, work, runs } = this.#options;
    runs?.started(key);
    const seconds = (this.#options.clock() - this.#options.startUs) / 1e6;
    const active = this.#options.faults.filter(
      (f) => seconds >= f.atSeconds && seconds < f.atSeconds + f.forSeconds,
    );
    const fails = traits.fails(key, attempt) || active.some((f) => this.#makesFail(f, key, attempt));
    const addedMs = active.reduce((sum, f) => sum + this.#addedMs(f, key), 0);
    const ms = traits.workMs(key);
    if (ms + addedMs > 0)
      return this.#carryOut(key, work === 'cpu' ? ms : 0, work === 'cpu' ? addedMs : ms + addedMs, fails);
    runs?.ended(key);
    if (fails) throw failure();
  }

  async #carryOut(key: number, computeMs: number, waitMs: number, fails: boolean): Promise<void> {
    if (computeMs > 0) {
      this.#computing = this.#computing.then(async () => {
        compute(computeMs);
        await eventLoopTurn();
      });
      await this.#computing;
    }
    if (waitMs > 0) await sleep(waitMs);
    this.#options.runs?.ended(key);
    if (fails) throw failure();
  }

  #makesFail(fault: HandlerFault, key: number, attempt: number): boolean {
    return fault.fault === 'failing-handlers' && this.#drawFailing(key, attempt) < fault.share;
  }

  #addedMs(fault: HandlerFault, key: number): number {
    if (fault.fault !== 'slow-handlers') return 0;
    return fault.key === undefined || fault.key === this.#options.traits.keyNumber(key) ? fault.addedMs : 0;
  }
}

/** As much of this thread's processor time, whatever else the machine does. */
function compute(ms: number): void {
  const start = process.threadCpuUsage();
  for (;;) {
    const { user, system } = process.threadCpuUsage(start);
    if (user + system >= ms * 1000) return;
  }
}

/** Without the stack, which holds paths of this machine and would be stored with each job. */
function failure(): FailedOnPurpose {
  const error = new FailedOnPurpose('this attempt fails on purpose, as its scenario says');
  error.stack = `${error.name}: ${error.message}`;
  return error;
}

// What would a worker's runner do with a gate? A small one for tests, which has always more jobs than it may start.

import { setTimeout as sleep } from 'node:timers/promises';
import type { QueueContext } from '../context.ts';
import { eventually } from '../eventually.ts';
import type { ClaimedJob, JobId } from '../strategy.ts';
import { Controls } from './controls.ts';
import type { Startable, Starter } from './permit-book.ts';
import { StartGate } from './start-gate.ts';

/** How one worker is played. */
export interface PlayerOptions {
  readonly context: QueueContext;
  readonly queue: string;
  readonly worker: string;
  /** Handlers at once. */
  readonly concurrency: number;
  readonly workMs: () => number;
  readonly nextId: () => JobId;
  readonly leaseMs?: number;
}

/** One handler's time, in ms of a clock that all processes of the machine share. `Infinity` while it runs. */
export interface Run {
  readonly id: JobId;
  readonly startedMs: number;
  endedMs: number;
}

/** Milliseconds of a monotonic clock that is the same in every process. */
export function sharedMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

function claimed(id: JobId, queue: string): ClaimedJob {
  const lease = { fencingToken: '1', expiresAtMs: Number.POSITIVE_INFINITY };
  return { id, queue, payload: null, priority: 0, attempt: 1, maxAttempts: 1, lease };
}

/** A worker whose jobs come out of thin air. */
export class Player {
  readonly runs: Run[] = [];
  readonly errors: unknown[] = [];
  readonly lost: JobId[] = [];
  readonly postponed: JobId[] = [];
  readonly controls: Controls;
  readonly #gate: StartGate<Startable>;
  readonly #options: PlayerOptions;
  readonly #wanted = new Set<Startable>();
  readonly #running = new Map<Startable, Run>();
  readonly #starter: Starter<Startable>;
  #stopped = false;

  constructor(options: PlayerOptions) {
    this.#options = options;
    const { context, queue, worker, leaseMs = 30_000 } = options;
    const onError = (error: unknown) => this.errors.push(error);
    const shared = { context, queue, random: Math.random, onError };
    this.controls = new Controls({ ...shared, isSignalled: () => false, onCancelled: () => undefined });
    this.#gate = new StartGate({
      ...{ ...shared, controls: this.controls },
      ...{ workerId: worker, leaseMs, heartbeatMs: leaseMs / 3 },
    });
    this.#starter = {
      start: (held) => void this.#run(held),
      postpone: (held) => {
        this.#wanted.delete(held);
        this.postponed.push(held.job.id);
        // Not at once: a job that is put off comes back from the database, after a while.
        queueMicrotask(() => this.#pump());
      },
      lose: (held) => this.lost.push(held.job.id),
    };
    this.controls.onChange(() => {
      if (this.#gate.limited) for (const held of this.#running.keys()) this.#gate.adopt(held, this.#starter);
      this.#pump();
    });
  }

  /** Resolves when the settings are known. */
  async start(): Promise<void> {
    await this.controls.start();
    this.#pump();
  }

  #pump(): void {
    const { concurrency, nextId, queue } = this.#options;
    while (!this.#stopped && !this.controls.paused && this.#wanted.size + this.#running.size < concurrency) {
      const held = { job: claimed(nextId(), queue) };
      if (this.#gate.limited) {
        this.#wanted.add(held);
        this.#gate.want(held, this.#starter);
      } else void this.#run(held);
    }
  }

  async #run(held: Startable): Promise<void> {
    const run = { id: held.job.id, startedMs: sharedMs(), endedMs: Number.POSITIVE_INFINITY };
    this.#wanted.delete(held);
    this.#running.set(held, run);
    this.runs.push(run);
    await sleep(this.#options.workMs());
    run.endedMs = sharedMs();
    this.#running.delete(held);
    this.#gate.ended(held);
    this.#pump();
  }

  /** Starts no more and asks nothing more. */
  leave(): void {
    this.#stopped = true;
    void this.#gate.close();
    void this.controls.close();
  }

  /** Starts no more, and waits for what runs. */
  async stop(): Promise<void> {
    this.#stopped = true;
    for (const held of this.#wanted) this.#gate.withdraw(held);
    await eventually(() => this.#running.size === 0, 'an end of the handlers');
    await this.#gate.close();
    await this.controls.close();
  }
}

/** Of windows of one period, those in which more than `jobs` handlers start; a window holds its beginning and not its end. */
export function windowsOver(
  runs: readonly Run[],
  jobs: number,
  periodMs: number,
): readonly { readonly at: number; readonly spanMs: number }[] {
  const starts = runs.map(({ startedMs }) => startedMs).sort((one, other) => one - other);
  return starts.flatMap((at, n) => {
    const next = starts[n + jobs];
    return next !== undefined && next - at < periodMs ? [{ at, spanMs: next - at }] : [];
  });
}

/** The most handlers that were at work at once. */
export function mostAtWork(runs: readonly Run[]): number {
  const steps = runs.flatMap(({ startedMs, endedMs }) => [
    { atMs: startedMs, step: 1 },
    { atMs: endedMs, step: -1 },
  ]);
  // Where an end and a start fall together the end was first: it let the start through.
  steps.sort((one, other) => one.atMs - other.atMs || one.step - other.step);
  let atWork = 0;
  let most = 0;
  for (const { step } of steps) {
    atWork += step;
    most = Math.max(most, atWork);
  }
  return most;
}

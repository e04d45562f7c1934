// Which concurrency keys are forgotten because their jobs are done?

import type { QueueContext } from '../context.ts';
import type { JobId, Outcome } from '../strategy.ts';
import { dropJobKeys } from './job-keys.ts';

/** Keys of jobs in the worker's hands; beyond that some settle was never heard of. */
const KEYED_MAX = 100_000;
/** Where it is unknown whether jobs have keys, so many that are done are looked up, that often. */
const SAMPLE = 1000;
const LOOK_EVERY_MS = 10_000;
/** For so long after one of them had a key, all are looked up. */
const LOOK_ALL_MS = 60_000;
/** What PostgreSQL calls a table that is not there. */
const UNDEFINED_TABLE = '42P01';

/** The keys of one worker's jobs. What it does not see to is pruned some day. */
export class KeyEnds {
  readonly #context: QueueContext;
  readonly #onError: (error: unknown) => void;
  readonly #keyed = new Set<JobId>();
  #sample: JobId[] = [];
  #lookMs = 0;
  #lookAllUntilMs = Number.NEGATIVE_INFINITY;

  constructor(context: QueueContext, onError: (error: unknown) => void) {
    this.#context = context;
    this.#onError = onError;
  }

  /** These jobs in hand have keys. */
  add(ids: readonly JobId[]): void {
    if (this.#keyed.size > KEYED_MAX) this.#keyed.clear();
    for (const id of ids) this.#keyed.add(id);
  }

  /** This one is not in hand any more, and not done. */
  remove(id: JobId): void {
    this.#keyed.delete(id);
  }

  /** A settle was answered. `known`: whoever has a key was named to `add`. */
  settled(outcomes: readonly Outcome[], stale: readonly JobId[], known: boolean): void {
    if (!known) this.#look(outcomes, stale);
    else if (this.#keyed.size > 0) {
      const keyed = outcomes.filter(({ job }) => this.#keyed.delete(job.id));
      this.#drop(doneOf(keyed, stale));
    }
  }

  #look(outcomes: readonly Outcome[], stale: readonly JobId[]): void {
    const nowMs = performance.now();
    if (nowMs < this.#lookAllUntilMs) {
      this.#drop(doneOf(outcomes, stale));
      return;
    }
    const room = SAMPLE - this.#sample.length;
    if (room > 0) this.#sample.push(...doneOf(outcomes.slice(0, room), stale));
    if (nowMs < this.#lookMs || this.#sample.length === 0) return;
    this.#lookMs = nowMs + LOOK_EVERY_MS;
    this.#drop(this.#sample);
    this.#sample = [];
  }

  #drop(ids: readonly JobId[]): void {
    if (ids.length === 0) return;
    const { driver } = this.#context;
    dropJobKeys(driver, this.#context, ids).then(
      (dropped) => {
        if (dropped > 0) this.#lookAllUntilMs = performance.now() + LOOK_ALL_MS;
      },
      (error: unknown) => {
        // On a schema of the version before there is nothing to forget.
        if (!(error instanceof Error && 'code' in error && error.code === UNDEFINED_TABLE))
          this.#onError(error);
      },
    );
  }
}

function doneOf(outcomes: readonly Outcome[], stale: readonly JobId[]): readonly JobId[] {
  return outcomes
    .filter(({ kind, job }) => kind === 'ack' && !stale.includes(job.id))
    .map(({ job }) => job.id);
}

// What does a worker know of its queue's settings: is it paused, is it limited, who is cancelled?

import type { QueueContext } from '../context.ts';
import type { Random } from '../retry.ts';
import { prepared } from '../sql.ts';
import type { JobId } from '../strategy.ts';
import { jittered } from '../wakeup/jitter.ts';
import { Backoff } from '../worker/backoff.ts';
import { atMost, inTime } from './in-time.ts';
import { type Limits, limitsOf, SETTING_COLUMNS, type SettingRow, UNLIMITED } from './settings.ts';

/** What controls are made of. */
export interface ControlsOptions {
  readonly context: QueueContext;
  readonly queue: string;
  /** Whether signals arrive at present, so that looking without one is only the safety net. */
  readonly isSignalled: () => boolean;
  /** The worker's, where its user has chosen it: as long a look may wait where no signals arrive, though never less than a second. */
  readonly pollMs?: number | undefined;
  readonly random: Random;
  /** Told of looks that failed, and once of a schema that has no settings. */
  readonly onError: (error: unknown) => void;
  /** Told at each look which jobs of the queue are cancelled while they run, the same ones again until they are forgotten. */
  readonly onCancelled: (ids: readonly JobId[]) => void;
}

/** Least time between two looks that signals lead to: under load signals come by the hundred. */
const AFTER_SIGNAL_MS = 1000;
/** Mean time between two looks without a signal, where signals arrive; and where they do not, at least. */
const SIGNALLED_MS = 10_000;
const POLLING_MS = 1000;
/** For so long it waits for its last look. */
const CLOSING_MS = 1000;
/** Cancelled jobs per look, the latest: words of jobs that nobody will settle lie for a day, and must not hide others. */
const CANCELLED_MAX = 10_000;
/** What PostgreSQL calls a table that is not there. */
const UNDEFINED_TABLE = '42P01';

interface Look extends SettingRow {
  readonly cancelled: readonly JobId[] | null;
}

/**
 * Looks at the settings of one queue at once, at signals, and from time to time. So a pause is heard within a second or so of its
 * signal; where no signals arrive, within one and a half times the longer of a second and `pollMs`.
 */
export class Controls {
  readonly #options: ControlsOptions;
  readonly #look;
  readonly #closed = new AbortController();
  readonly #backoff: Backoff;
  readonly #listeners: (() => void)[] = [];
  readonly #first = Promise.withResolvers<void>();
  #paused = false;
  #limits: Limits = UNLIMITED;
  #limited = false;
  #ready = false;
  #started = false;
  #missing = false;
  #looking: Promise<void> | undefined;
  #lookedMs = Number.NEGATIVE_INFINITY;
  #nextMs = Number.POSITIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: ControlsOptions) {
    this.#options = options;
    this.#backoff = new Backoff(options.random);
    const { settings, cancellations } = options.context.tables;
    this.#look = prepared(`
SELECT ${SETTING_COLUMNS},
  ARRAY (SELECT job_id FROM ${cancellations} WHERE queue = $1 ORDER BY at DESC, job_id LIMIT ${CANCELLED_MAX}) AS cancelled
FROM (VALUES (1)) AS one LEFT JOIN ${settings} AS setting ON setting.queue = $1`);
  }

  /** Whether the first look was answered: before, nobody knows whether the queue is paused. */
  get ready(): boolean {
    return this.#ready;
  }

  get paused(): boolean {
    return this.#paused;
  }

  get limits(): Limits {
    return this.#limits;
  }

  /** Whether there is any limit. */
  get limited(): boolean {
    return this.#limited;
  }

  /** Calls `listener` whenever `paused` or `limits` have changed, and when the first look was answered. It must not throw. */
  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** Looks for the first time, and goes on until closed. Resolves when the settings are known, or with `close`; never rejects. */
  start(): Promise<void> {
    if (!this.#started) {
      this.#started = true;
      this.#lookAgain();
    }
    return this.#first.promise;
  }

  /** Somebody has signalled the queue: its settings may be others. */
  signalled(): void {
    if (!this.#ready) return;
    // A look that is under way may have seen what was before.
    this.#lookAt(Math.max(performance.now(), this.#lookedMs + AFTER_SIGNAL_MS));
  }

  /** Looks no more. Waits for the look under way, a second at most. */
  async close(): Promise<void> {
    this.#closed.abort();
    clearTimeout(this.#timer);
    this.#first.resolve();
    if (this.#looking !== undefined) await atMost(CLOSING_MS, this.#looking);
  }

  #lookAt(ms: number): void {
    if (ms >= this.#nextMs || this.#closed.signal.aborted) return;
    this.#nextMs = ms;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#lookAgain(), Math.max(0, ms - performance.now()));
  }

  #lookAgain(): void {
    if (this.#looking !== undefined || this.#closed.signal.aborted) return;
    this.#looking = this.#lookOnce().finally(() => {
      this.#looking = undefined;
      // `nextMs` is there if a signal came meanwhile.
      const signalledMs = this.#nextMs;
      this.#nextMs = Number.POSITIVE_INFINITY;
      const { isSignalled, pollMs = 0, random } = this.#options;
      const everyMs = isSignalled() ? SIGNALLED_MS : Math.max(POLLING_MS, pollMs);
      const usualMs = performance.now() + (this.#ready ? jittered(everyMs, random()) : 0);
      this.#lookAt(Math.min(signalledMs, usualMs));
    });
  }

  async #lookOnce(): Promise<void> {
    const { context, queue, onError } = this.#options;
    this.#lookedMs = performance.now();
    this.#nextMs = Number.POSITIVE_INFINITY;
    try {
      const { rows } = await inTime(context.driver.query<Look>(this.#look([queue])), () => undefined);
      this.#missing = false;
      this.#backoff.reset();
      this.#take(rows[0]);
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === UNDEFINED_TABLE)
        return this.#withoutTables();
      onError(error);
      await this.#backoff.wait(this.#closed.signal);
    }
  }

  #take(look: Look | undefined): void {
    if (this.#closed.signal.aborted || look === undefined) return;
    this.#become(look.paused, limitsOf(look));
    const { cancelled } = look;
    if (cancelled !== null && cancelled.length > 0) this.#options.onCancelled(cancelled);
  }

  /** A worker of this version over a schema of the one before. */
  #withoutTables(): void {
    const { schema } = this.#options.context;
    if (!this.#missing)
      this.#options.onError(
        new Error(
          `schema "${schema}" has no settings of queues yet, so nothing is limited, paused or cancelled: call install() of this version`,
        ),
      );
    this.#missing = true;
    this.#become(false, UNLIMITED);
  }

  #become(paused: boolean, limits: Limits): void {
    const same = this.#ready && paused === this.#paused && equal(limits, this.#limits);
    this.#paused = paused;
    this.#limits = limits;
    const { rate, concurrency, concurrencyPerKey } = limits;
    this.#limited = rate !== null || concurrency !== null || concurrencyPerKey !== null;
    this.#ready = true;
    this.#first.resolve();
    if (!same) for (const listener of this.#listeners) listener();
  }
}

function equal(one: Limits, other: Limits): boolean {
  return (
    one.concurrency === other.concurrency &&
    one.concurrencyPerKey === other.concurrencyPerKey &&
    one.rate?.jobs === other.rate?.jobs &&
    one.rate?.periodMs === other.rate?.periodMs
  );
}

// Which latencies does one agent see as they happen? Listens in only where a run serves metrics.

import type { BenchPayload, ConsumerEvents, SettleKind } from '../contender.ts';
import type { Clock } from '../load/clock.ts';
import { emptyLatencies, type LatencyBuckets, record } from './buckets.ts';
import { Instants } from './instants.ts';

/** Progress is told more often; these are longer messages, and no scraper comes more often. */
const TOLD_EVERY_US = 1e6;

interface Settling {
  readonly keys: readonly number[];
  readonly kinds: readonly SettleKind[];
}

/**
 * Stands between a contender and the recorder, which always comes first: an event's own instant is in the ledger before it is
 * counted here, and only a later one can hold that work. Latencies are those of METHOD.md, but of every job, and only of what
 * has ended.
 */
export class JobLatencies {
  readonly #clock: Clock;
  readonly #counted = emptyLatencies();
  /** Of jobs in hand, by key: when their claim was answered, and when they were due (none of a preloaded job). */
  readonly #claimedUs = new Instants();
  readonly #dueUs = new Instants();
  readonly #settling = new Map<number, Settling>();
  #toldUs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#toldUs = clock();
  }

  /** All that was counted since the start; undefined when it was told less than a second ago. */
  due(): LatencyBuckets | undefined {
    if (this.#clock() - this.#toldUs < TOLD_EVERY_US) return undefined;
    return this.told();
  }

  /** All that was counted since the start. */
  told(): LatencyBuckets {
    this.#toldUs = this.#clock();
    return this.#counted;
  }

  /** An enqueue was confirmed; to be told once the ledger holds it, of the instants that it holds. */
  enqueued(latencyUs: number): void {
    record(this.#counted.enqueue, latencyUs);
  }

  /** A handler was given the job. */
  started({ k, t }: BenchPayload): void {
    const claimedUs = this.#claimedUs.get(k);
    if (t <= 0 || Number.isNaN(claimedUs)) return;
    record(this.#counted.pickup, claimedUs - t);
    this.#dueUs.set(k, t);
  }

  /** The same events, passed on first and then counted. */
  observe(events: ConsumerEvents): ConsumerEvents {
    return {
      ...events,
      claimed: (claimer, requestedUs, keys, ...more) => {
        const answeredUs = this.#clock();
        events.claimed(claimer, requestedUs, keys, ...more);
        for (const key of keys) this.#claimedUs.set(key, answeredUs);
      },
      settling: (claimer, keys, kinds) => {
        const number = events.settling(claimer, keys, kinds);
        this.#settling.set(number, { keys, kinds });
        return number;
      },
      settled: (claimer, number, staleKeys) => {
        const answeredUs = this.#clock();
        events.settled(claimer, number, staleKeys);
        this.#settled(number, staleKeys, answeredUs);
      },
      settleFailed: (claimer, number, error) => {
        events.settleFailed(claimer, number, error);
        for (const key of this.#take(number).keys) this.#forget(key);
      },
    };
  }

  /** A stale job may have been claimed anew meanwhile, by this very agent: what is known of it stays. */
  #settled(number: number, staleKeys: readonly number[], answeredUs: number): void {
    const { keys, kinds } = this.#take(number);
    for (let i = 0; i < keys.length; i += 1) {
      const key = keys[i] ?? 0;
      if (staleKeys.length > 0 && staleKeys.includes(key)) continue;
      const claimedUs = this.#claimedUs.get(key);
      const dueUs = this.#dueUs.get(key);
      this.#forget(key);
      if (kinds[i] !== 'ack' && kinds[i] !== 'dead-letter') continue;
      if (!Number.isNaN(claimedUs)) record(this.#counted.service, answeredUs - claimedUs);
      if (!Number.isNaN(dueUs)) record(this.#counted.response, answeredUs - dueUs);
    }
  }

  #take(number: number): Settling {
    const settling = this.#settling.get(number);
    this.#settling.delete(number);
    return settling ?? { keys: [], kinds: [] };
  }

  #forget(key: number): void {
    this.#claimedUs.set(key, Number.NaN);
    this.#dueUs.set(key, Number.NaN);
  }
}

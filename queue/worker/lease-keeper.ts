// Who prolongs the leases of jobs that take long?

import type { ClaimedJob, WorkerSession } from '../strategy.ts';
import type { Hand } from './hand.ts';
import type { HeldJob } from './held-job.ts';
import type { ResolvedOptions } from './options.ts';

/** Whose leases they are. */
export interface LeaseHolder {
  session(): WorkerSession | undefined;
  /** Sends a heartbeat when nothing is under way that it would be a part of, and returns its answer. */
  send<T>(heartbeat: () => Promise<T>): Promise<T>;
  /** Gives up the jobs for which `lost` holds. */
  lose(lost: (held: HeldJob) => boolean): void;
}

/**
 * One timer per runner. A job that was claimed within the last interval is left alone: most of its lease lies before
 * it, and it is likely to end by itself. So quick jobs cost no heartbeat, and long ones one per interval.
 */
export class LeaseKeeper {
  readonly #hand: Hand;
  readonly #options: ResolvedOptions;
  readonly #runner: LeaseHolder;
  readonly #timer: NodeJS.Timeout;
  #extending = false;

  constructor(hand: Hand, options: ResolvedOptions, runner: LeaseHolder) {
    this.#hand = hand;
    this.#options = options;
    this.#runner = runner;
    this.#timer = setInterval(() => void this.#keep(), options.heartbeatMs);
  }

  async #keep(): Promise<void> {
    const nowMs = performance.now();
    const { leaseMs, heartbeatMs, events } = this.#options;
    const aged = this.#hand.filter(
      (held) => !held.ended && held.expiresAtMs - nowMs <= leaseMs - heartbeatMs,
    );
    if (aged.length === 0) return;
    const heartbeat = this.#runner.session()?.heartbeat;
    if (heartbeat === undefined || this.#extending) {
      // Nobody can be asked: past its end a lease counts as lost, since the server may have given the job away.
      this.#runner.lose((held) => held.expiresAtMs <= nowMs);
      return;
    }
    this.#extending = true;
    try {
      const jobs: readonly ClaimedJob[] = aged.map((held) => held.job);
      const stale = new Set(await this.#runner.send(() => heartbeat.extend(jobs, leaseMs)));
      for (const held of aged) if (!stale.has(held.job.id)) held.expiresAtMs = nowMs + leaseMs;
      const lost = new Set(aged.filter((held) => stale.has(held.job.id)));
      if (lost.size > 0) this.#runner.lose((held) => lost.has(held));
    } catch (error) {
      events.error?.(error, 'heartbeat');
    }
    this.#extending = false;
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

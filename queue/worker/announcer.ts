// How is an observer told of what becomes of a worker's jobs?

import type { QueueContext } from '../context.ts';
import type { ClaimedJob, Outcome, SettleResult } from '../strategy.ts';
import type { ServiceTimes } from './service-times.ts';

/** There is one only where somebody observes: all of it is paid by him. */
export class Announcer {
  readonly #context: QueueContext;
  readonly #times: ServiceTimes;

  constructor(context: QueueContext, times: ServiceTimes) {
    this.#context = context;
    this.#times = times;
  }

  claimed(jobs: readonly ClaimedJob[]): void {
    this.#context.emit({ kind: 'claimed', jobs });
  }

  started(job: ClaimedJob): void {
    this.#context.emit({ kind: 'started', job });
  }

  progressed(job: ClaimedJob, value: unknown): void {
    this.#context.emit({ kind: 'progressed', job, value });
  }

  leaseLost(jobs: readonly ClaimedJob[]): void {
    for (const job of jobs) this.#context.emit({ kind: 'lease-lost', job });
  }

  /** `cancelled` are ids of jobs whose ack means that somebody has cancelled them. */
  settled(outcomes: readonly Outcome[], result: SettleResult, cancelled: ReadonlySet<string>): void {
    const stale = new Set(result.stale);
    for (const outcome of outcomes) {
      const { job } = outcome;
      if (stale.size > 0 && stale.has(job.id)) this.#context.emit({ kind: 'lease-lost', job });
      else if (outcome.kind === 'ack' && cancelled.has(job.id))
        this.#context.emit({ kind: 'cancelled', id: job.id, queue: job.queue, running: true });
      else this.#tell(outcome);
    }
  }

  #tell(outcome: Outcome): void {
    const { kind, job } = outcome;
    const serviceMs = this.#times.of(job) ?? 0;
    const { emit } = this.#context;
    if (kind === 'ack') emit({ kind: 'completed', job, serviceMs });
    else if (kind === 'release') emit({ kind: 'released', job, delayMs: outcome.delayMs ?? 0 });
    else if (kind === 'dead-letter') emit({ kind: 'dead-lettered', job, error: outcome.error, serviceMs });
    else emit({ kind: 'retried', job, error: outcome.error, delayMs: outcome.delayMs, serviceMs });
  }
}

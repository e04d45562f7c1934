// How are jobs settled, and written down as finished in the same transaction?

import type { Connection } from '../drivers/driver.ts';
import type { Outcome, SettleResult, WorkerSession } from '../strategy.ts';
import type { Finish, History } from '../watch/history.ts';
import type { JobNotes } from './job-notes.ts';
import type { ServiceTimes } from './service-times.ts';

/** Writes down what one worker's jobs have come to. */
export class Recording {
  readonly #history: History;
  readonly #workerId: string;
  readonly #times: ServiceTimes;
  readonly #cancellations: JobNotes;

  constructor(history: History, workerId: string, times: ServiceTimes, cancellations: JobNotes) {
    this.#history = history;
    this.#workerId = workerId;
    this.#times = times;
    this.#cancellations = cancellations;
  }

  /**
   * Settles `outcomes` of `session` on its `connection`, and writes down those that are over: both, or neither. Nothing else may be
   * sent on the connection meanwhile that is not to be part of it. Two round trips, one commit. Rejects when it is unknown what
   * became of them; the connection is closed then, and the session with it, since it may remember as settled what was rolled back.
   */
  async settle(
    connection: Connection,
    session: WorkerSession,
    outcomes: readonly Outcome[],
  ): Promise<SettleResult> {
    try {
      const [, result] = await Promise.all([connection.query({ text: 'BEGIN' }), session.settle(outcomes)]);
      const finished = this.#finished(outcomes, result);
      await Promise.all([
        finished.length === 0
          ? undefined
          : connection.query(this.#history.recordStatement(this.#workerId, finished)),
        // Where the statement before it failed the server answers this with a rollback; then that one rejects.
        connection.query({ text: 'COMMIT' }),
      ]);
      return result;
    } catch (error) {
      // First, so that whoever settles them next waits for no lock of this transaction.
      await connection.query({ text: 'ROLLBACK' }).catch(() => undefined);
      // Not waited for: it has ended at once, and its goodbye may take long.
      void connection[Symbol.asyncDispose]();
      throw error;
    }
  }

  #finished(outcomes: readonly Outcome[], { stale }: SettleResult): readonly Finish[] {
    const lost = new Set(stale);
    const finished: Finish[] = [];
    for (const outcome of outcomes) {
      const { kind, job } = outcome;
      if ((kind !== 'ack' && kind !== 'dead-letter') || lost.has(job.id)) continue;
      const serviceMs = this.#times.of(job);
      finished.push({
        job,
        outcome:
          kind === 'dead-letter'
            ? 'dead-lettered'
            : this.#cancellations.ids.has(job.id)
              ? 'cancelled'
              : 'completed',
        ...(serviceMs === undefined ? {} : { serviceMs }),
        ...(kind === 'dead-letter' ? { error: outcome.error } : {}),
      });
    }
    return finished;
  }
}

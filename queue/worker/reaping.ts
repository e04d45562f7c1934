// What is told and written down of jobs whose workers have died?

import type { QueueContext } from '../context.ts';
import type { JobId, JobRecord } from '../strategy.ts';
import type { History } from '../watch/history.ts';

/** What a worker's reaps are told to. */
export interface ReapingOptions {
  readonly context: QueueContext;
  readonly workerId: string;
  /** Absent where finished jobs are not kept. */
  readonly history: History | undefined;
  readonly onError: (error: unknown) => void;
}

/**
 * Ends at most `limit` expired leases of the schema; resolves to how many. Jobs that become dead letters by that are looked up
 * afterwards, where somebody wants to hear of them: one that is redriven at once, or whose reaper dies just then, is a dead
 * letter of which nothing is told.
 */
export function reaper({ context, workerId, history, onError }: ReapingOptions) {
  const { driver, strategy } = context;

  const tell = async (ids: readonly JobId[]): Promise<void> => {
    const found = (await strategy.inspection?.find(driver, ids)) ?? [];
    const dead = found.filter(({ state }) => state === 'dead');
    for (const record of dead)
      context.emit({ kind: 'dead-lettered', job: jobOf(record), error: lastError(record) });
    await history?.record(
      driver,
      workerId,
      dead.map((record) => ({
        job: jobOf(record),
        outcome: 'dead-lettered' as const,
        error: lastError(record),
      })),
    );
  };

  return async (limit: number): Promise<number> => {
    const { ended, dead } = await strategy.reap(driver, limit);
    if (ended > 0) context.emit({ kind: 'reaped', count: ended });
    if (dead.length > 0 && (context.observed || history !== undefined)) await tell(dead).catch(onError);
    return ended;
  };
}

function jobOf({ id, queue, payload, priority, attempt, maxAttempts }: JobRecord) {
  return { id, queue, payload, priority, attempt, maxAttempts };
}

function lastError({ errors }: JobRecord): string {
  return errors.at(-1)?.error ?? '';
}

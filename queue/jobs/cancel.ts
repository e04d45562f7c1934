// How does somebody stop a job, be it waiting or running?

import type { QueueContext } from '../context.ts';
import { UnsupportedError } from '../errors.ts';
import { dropJobKeys } from '../limits/job-keys.ts';
import { atReadCommitted } from '../strategies/shared/read-committed.ts';
import type { Cancellation, JobId, JobRecord } from '../strategy.ts';
import { historyOf } from '../watch/history.ts';
import { requireInspection } from './inspect.ts';
import { requireJobId } from './job-id.ts';

/**
 * What became of a cancellation. `cancelled`: the job waited, and is gone. `requested`: it runs, and its worker will abort it
 * as soon as it hears of it, unless it is done first. `absent`: there is nothing to cancel, as it is done, dead, or unknown.
 */
export type CancelResult = 'cancelled' | 'requested' | 'absent';

/** Looks at a job that changes hands each time, before it is taken for one that runs. */
const LOOKS = 10;

interface Capabilities {
  find(): Promise<JobRecord | undefined>;
  readonly cancellation: Cancellation;
}

/** Throws UnsupportedError for a strategy that cannot cancel. */
function requireCancellation(context: QueueContext, id: JobId): Capabilities {
  const { name, cancellation } = context.strategy;
  if (cancellation === undefined)
    throw new UnsupportedError(name, 'cancellation', 'choose a strategy that can take out a single job');
  const inspection = requireInspection(context);
  return { cancellation, find: async () => (await inspection.find(context.driver, [id]))[0] };
}

const waits = ({ state }: JobRecord): boolean => state === 'ready' || state === 'delayed';

/** Removes a job that waits, asks the worker of one that runs. */
export async function cancelJob(context: QueueContext, id: JobId): Promise<CancelResult> {
  requireJobId('id', id);
  const { find, cancellation } = requireCancellation(context, id);
  let record = await find();
  for (let looks = 0; looks < LOOKS && record !== undefined && waits(record); looks += 1) {
    if (await remove(context, cancellation, record)) return 'cancelled';
    record = await find();
  }
  if (record === undefined || record.state === 'dead') return 'absent';
  return request(context, cancellation, record, find);
}

async function remove(
  context: QueueContext,
  cancellation: Cancellation,
  record: JobRecord,
): Promise<boolean> {
  const { driver, tables } = context;
  const { id, queue } = record;
  const removed = await atReadCommitted(driver, async (tx) => {
    const [gone] = await cancellation.removeWaiting(tx, [id]);
    if (gone === undefined) return false;
    // What was noted of the job, by its id: nobody will settle it, and take that along.
    await dropJobKeys(tx, context, [id]);
    for (const table of [tables.cancellations, tables.progress])
      await tx.query({ text: `DELETE FROM ${table} WHERE job_id = $1`, values: [id] });
    await historyOf(context)?.record(tx, undefined, [{ job: record, outcome: 'cancelled' }]);
    return true;
  });
  if (removed) context.emit({ kind: 'cancelled', id, queue, running: false });
  return removed;
}

/**
 * Leaves word for the job's worker. The job may have ended, or come back, before that was there to be read: so it is looked at once
 * more, and what is found then stands. Whoever claims it later finds the word.
 */
async function request(
  context: QueueContext,
  cancellation: Cancellation,
  { id, queue }: JobRecord,
  find: Capabilities['find'],
): Promise<CancelResult> {
  const { driver, tables } = context;
  const word = {
    text: `INSERT INTO ${tables.cancellations} (job_id, queue) VALUES ($1, $2) ON CONFLICT (job_id) DO NOTHING`,
    values: [id, queue],
  };
  // A stricter level would refuse whoever meets another that cancels the same job.
  await atReadCommitted(driver, (tx) => tx.query(word));
  const now = await find();
  if (now === undefined || now.state === 'dead') {
    const withdrawn = { text: `DELETE FROM ${tables.cancellations} WHERE job_id = $1`, values: [id] };
    // A worker that has read it takes it away: then that is why the job is gone.
    const { rowCount } = await atReadCommitted(driver, (tx) => tx.query(withdrawn));
    return rowCount === 0 ? 'requested' : 'absent';
  }
  if (waits(now) && (await remove(context, cancellation, now))) return 'cancelled';
  context.signal(queue);
  return 'requested';
}

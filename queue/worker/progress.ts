// How does a handler say how far its job has come?

import type { QueueContext } from '../context.ts';
import { encodePayload } from '../payload.ts';
import { prepared } from '../sql.ts';
import type { Announcer } from './announcer.ts';
import type { ReportProgress } from './held-job.ts';
import type { JobNotes } from './job-notes.ts';

/** Keeps what jobs say of themselves, as rows that `notes` takes away. Updated in place: nothing but the id lies in an index. */
export function progressReporter(
  { driver, tables }: QueueContext,
  announcer: Announcer | undefined,
  notes: JobNotes,
): ReportProgress {
  const store = prepared(`
INSERT INTO ${tables.progress} (job_id, value)
VALUES ($1, $2)
ON CONFLICT (job_id) DO UPDATE SET value = excluded.value, at = now()`);
  return async (job, value) => {
    const text = encodePayload(value);
    notes.add(job.id);
    await driver.query(store([job.id, text]));
    announcer?.progressed(job, value);
  };
}

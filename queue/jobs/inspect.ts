// How does somebody look at one job?

import type { QueueContext } from '../context.ts';
import { UnsupportedError } from '../errors.ts';
import type { Inspection, JobId, JobRecord } from '../strategy.ts';
import { requireJobId } from './job-id.ts';

/** What a running job has last said of how far it has come. */
export interface JobProgress {
  /** As the handler gave it: any JSON value. */
  readonly value: unknown;
  /** Milliseconds since the Unix epoch, by the server's clock. */
  readonly atMs: number;
}

/** All that is known of one job. `progress` is absent when it has said nothing. */
export interface JobDetails extends JobRecord {
  readonly progress?: JobProgress;
}

/** Throws UnsupportedError for a strategy that cannot look jobs up. */
export function requireInspection({ strategy }: QueueContext): Inspection {
  const { name, inspection } = strategy;
  if (inspection === undefined)
    throw new UnsupportedError(name, 'inspection', 'choose a strategy that looks single jobs up');
  return inspection;
}

/** The job, or `undefined` when the database holds none of this id: it is done, was removed, or never was. */
export async function inspectJob(context: QueueContext, id: JobId): Promise<JobDetails | undefined> {
  requireJobId('id', id);
  const [[record], progress] = await Promise.all([
    requireInspection(context).find(context.driver, [id]),
    readProgress(context, id),
  ]);
  return record === undefined || progress === undefined ? record : { ...record, progress };
}

async function readProgress({ driver, tables }: QueueContext, id: JobId): Promise<JobProgress | undefined> {
  const { rows } = await driver.query<{ readonly value: unknown; readonly at_ms: number }>({
    text: `SELECT value, (extract(epoch FROM at) * 1000)::float8 AS at_ms FROM ${tables.progress} WHERE job_id = $1`,
    values: [id],
  });
  return rows[0] === undefined ? undefined : { value: rows[0].value, atMs: rows[0].at_ms };
}

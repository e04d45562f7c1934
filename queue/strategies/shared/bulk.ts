// How do thousands of jobs enter a table at once?

import { MAX_ATTEMPTS } from '../../job.ts';
import { encodePayload } from '../../payload.ts';
import { prepared, qualify, quoteLiteral } from '../../sql.ts';
import type { BulkEnqueue, JobId, NewJob } from '../../strategy.ts';
import { copyField } from './copy-text.ts';
import { type DrawnRow, drawnColumns, numbersOf } from './drawn-numbers.ts';
import type { JobsTable } from './table.ts';

/** From so many jobs on a COPY saves at least a tenth of the time, over the round trip that it costs more. */
export const COPY_FROM_JOBS = 2000;

/** A table whose columns id, queue, priority, max_attempts and payload make a job that is ready. */
export interface CopyTarget {
  readonly table: string;
  /** Of the ids. */
  readonly sequence: string;
  /** Another column and what it holds for a job that is ready. */
  readonly constant?: { readonly column: string; readonly value: string };
}

/**
 * Whether the caller's role may copy into `table`, as SQL: no COPY goes into a table under row-level security, and an identity
 * column lets a role insert that may not draw from its sequence.
 */
export function mayCopySql(table: string, sequence?: string): string {
  const open = `NOT row_security_active(${quoteLiteral(table)}::regclass)`;
  if (sequence === undefined) return open;
  return `${open} AND has_sequence_privilege(${quoteLiteral(sequence)}::regclass, 'USAGE')`;
}

/**
 * The bulk enqueue of `target`. COPY answers with no ids, so they are drawn before: a job that gets its id so much earlier
 * than it is committed is as one of a transaction that commits late.
 */
export function bulkInto({ table, sequence, constant }: CopyTarget): BulkEnqueue {
  const draw = prepared(`
SELECT ${drawnColumns('id')}
FROM (
  SELECT nextval(${quoteLiteral(sequence)}) AS id
  FROM generate_series(1, CASE WHEN ${mayCopySql(table, sequence)} THEN $1::integer ELSE 0 END)
) AS drawn`);
  const [column, ending] =
    constant === undefined ? ['', '\n'] : [`, ${constant.column}`, `\t${copyField(constant.value)}\n`];
  const copy = `COPY ${table} (id, queue, priority, max_attempts, payload${column}) FROM STDIN`;
  const line = (id: JobId, job: NewJob): string =>
    `${id}\t${copyField(job.queue)}\t${job.priority ?? 0}\t${job.maxAttempts ?? MAX_ATTEMPTS}\t${copyField(encodePayload(job.payload))}${ending}`;
  return {
    fromJobs: COPY_FROM_JOBS,
    async enqueue(tx, jobs) {
      const { rows } = await tx.query<DrawnRow>(draw([jobs.length]));
      const ids = rows[0] && numbersOf(rows[0])?.map(String);
      if (ids !== undefined) await tx.copyIn(copy, lines(ids, jobs, line));
      return ids;
    },
  };
}

function* lines(
  ids: readonly JobId[],
  jobs: readonly NewJob[],
  line: (id: JobId, job: NewJob) => string,
): Generator<string> {
  for (const [index, job] of jobs.entries()) yield line(ids[index] ?? '', job);
}

/** The bulk enqueue of every strategy on the shared table. */
export function bulkIntoJobs({ schema, jobs }: JobsTable): BulkEnqueue {
  return bulkInto({
    table: jobs,
    sequence: qualify(schema, 'jobs_id_seq'),
    constant: { column: 'state', value: 'r' },
  });
}

// How is a batch of ready jobs claimed with an UPDATE of rows that were locked first, and how is such a lease kept?

import type { Connection, Statement } from '../../drivers/driver.ts';
import { prepared } from '../../sql.ts';
import type { ClaimedJob, Heartbeat, JobId, WorkerSession } from '../../strategy.ts';
import { type ClaimedRow, toClaimedJob } from './claimed-row.ts';
import { claimsByLimit } from './claims-by-limit.ts';
import { keepIndexPlans } from './planner.ts';
import { type Settle, settleOn } from './settle.ts';
import type { JobsTable } from './table.ts';

/** One claim: who asks, on which connection, for what. */
export interface ClaimRequest {
  readonly connection: Connection;
  readonly queue: string;
  readonly limit: number;
  readonly leaseMs: number;
  readonly workerId: string;
}

/** Marks at most `limit` ready rows as leased and commits. Empty when none is ready. */
export type ClaimRows = (request: ClaimRequest) => Promise<readonly ClaimedRow[]>;

/** How a claim locks its candidates: around those of others, behind them, or not at all when there are some. */
export type RowLock = 'FOR UPDATE SKIP LOCKED' | 'FOR UPDATE' | 'FOR UPDATE NOWAIT';

/** Where a claim statement finds the lease's length in ms and the worker's name, and by which clock the lease begins. */
interface LeaseTerms {
  readonly leaseMs: string;
  readonly worker: string;
  /** The time of the statement's start, or of the row's update: a claim that may wait must not spend the lease on that. */
  readonly clock: 'now()' | 'clock_timestamp()';
}

/** What a claim writes into the rows of `job`, for the SET of its UPDATE. */
export function leaseColumns({ leaseMs, worker, clock }: LeaseTerms): string {
  return `
    state = 'l',
    attempt = job.attempt + 1,
    fence = job.fence + 1,
    lease_expires_at = ${clock} + ${leaseMs}::float8 * interval '1 ms',
    worker = ${worker}
  `;
}

/** What a claim answers of its updated rows. RETURNING has no order: the guaranteed one is made outside, by `CLAIMED`. */
export const LEASED =
  'job.id, job.priority, job.attempt, job.max_attempts, job.fence, job.lease_expires_at, job.payload';

/** The claimed rows out of the CTE `claimed`, which returned `LEASED`. */
export const CLAIMED = `
SELECT id::text AS id, priority, attempt, max_attempts, fence::text AS fence,
  extract(epoch FROM lease_expires_at)::float8 * 1000 AS expires_ms, payload
FROM claimed
ORDER BY priority, claimed.id`;

/**
 * - The candidates stand in a MATERIALIZED CTE: evaluated once, so that it never locks more than the limit. The same
 *   SELECT in `WHERE id IN (…)` may be run again and over-claim (queue_classic #320).
 * - They are joined back as an array of ctids: a TID scan of exactly those rows, where `UPDATE … FROM` could be
 *   planned as a join over the whole table. A row that moved between snapshot and lock is simply not updated.
 * - LIMIT and the state are literals: a parameter would hide the size of the batch, or the partial index, from the
 *   planner. Hence one prepared statement per batch size.
 */
function claimSql(table: JobsTable, limit: number, lock: RowLock): string {
  const clock = lock === 'FOR UPDATE' ? 'clock_timestamp()' : 'now()';
  return `
WITH candidate AS MATERIALIZED (
  SELECT ctid
  FROM ${table.jobs}
  WHERE state = 'r' AND queue = $1
  ORDER BY priority, id
  LIMIT ${limit}
  ${lock}
), claimed AS (
  UPDATE ${table.jobs} AS job
  SET ${leaseColumns({ leaseMs: '$2', worker: '$3', clock })}
  WHERE job.ctid = ANY (ARRAY (SELECT ctid FROM candidate))
  RETURNING ${LEASED}
)
${CLAIMED}`;
}

/** The claim in one statement of parameters queue, ms and worker, whose limit stands in its text. */
export function claimBy(text: (limit: number) => string): ClaimRows {
  const claim = claimsByLimit(text);
  return async ({ connection, queue, limit, leaseMs, workerId }) => {
    const { rows } = await connection.query<ClaimedRow>(claim(limit)([queue, leaseMs, workerId]));
    return rows;
  };
}

/** The claim that locks its candidates with `lock`. */
export function lockingClaim(table: JobsTable, lock: RowLock = 'FOR UPDATE SKIP LOCKED'): ClaimRows {
  return claimBy((limit) => claimSql(table, limit, lock));
}

function extendSql(table: JobsTable): string {
  return `
WITH extended AS (
  UPDATE ${table.jobs} AS job
  SET lease_expires_at = now() + $3::float8 * interval '1 ms'
  FROM unnest($1::bigint[], $2::integer[]) AS held (id, fence)
  WHERE job.id = held.id AND job.fence = held.fence AND job.state NOT IN ('r', 'd')
  RETURNING job.id
)
SELECT id::text AS id FROM unnest($1::bigint[]) AS asked (id)
EXCEPT ALL
SELECT id::text FROM extended`;
}

/** What the sessions of one table share. */
export interface LeaseStatements {
  readonly claim: ClaimRows;
  readonly extend: (values: readonly unknown[]) => Statement;
  readonly settle: Settle;
}

/** Makes the statements of `table`, whose jobs are claimed by `claim`. */
export function leaseStatements(table: JobsTable, claim: ClaimRows = lockingClaim(table)): LeaseStatements {
  return {
    claim,
    extend: prepared(extendSql(table)),
    settle: settleOn(table, {
      // Not `state = 'l'`: that would let the planner walk the index of all leased jobs once for each outcome.
      owned: `job.fence = outcome.fence AND job.state NOT IN ('r', 'd')`,
      // The claim counted the attempt already.
      attemptAfterFailure: 'job.attempt',
      attemptAfterRelease: '(job.attempt - 1)::smallint',
      fence: (outcome) => Number(outcome.job.lease.fencingToken),
    }),
  };
}

/** A claimer whose leases end by the clock. Closes its connection when disposed. */
export async function openLeaseSession(
  statements: LeaseStatements,
  opened: Connection,
  workerId: string,
): Promise<WorkerSession> {
  const connection = await keepIndexPlans(opened);
  const heartbeat: Heartbeat = {
    async extend(jobs, leaseMs) {
      const { rows } = await connection.query<{ readonly id: JobId }>(
        statements.extend([
          jobs.map((job) => job.id),
          jobs.map((job) => Number(job.lease.fencingToken)),
          leaseMs,
        ]),
      );
      return rows.map((row) => row.id);
    },
  };
  return {
    heartbeat,
    async claim(queue, limit, leaseMs): Promise<readonly ClaimedJob[]> {
      const rows = await statements.claim({ connection, queue, limit, leaseMs, workerId });
      return rows.map((row) => toClaimedJob(queue, row));
    },
    settle: (outcomes) => statements.settle(connection, outcomes),
    [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose](),
  };
}

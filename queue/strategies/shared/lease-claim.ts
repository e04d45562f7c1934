// How is a batch of ready jobs claimed with an UPDATE that skips locked rows, and how is such a lease kept?

import type { Connection, Statement } from '../../drivers/driver.ts';
import { prepared } from '../../sql.ts';
import type { ClaimedJob, Heartbeat, JobId, WorkerSession } from '../../strategy.ts';
import { type ClaimedRow, toClaimedJob } from './claimed-row.ts';
import { keepIndexPlans } from './planner.ts';
import { type Settle, settleOn } from './settle.ts';
import type { JobsTable } from './table.ts';

/**
 * - The candidates stand in a MATERIALIZED CTE: evaluated once, so that it never locks more than the limit. The same
 *   SELECT in `WHERE id IN (…)` may be run again and over-claim (queue_classic #320).
 * - They are joined back as an array of ctids: a TID scan of exactly those rows, where `UPDATE … FROM` could be
 *   planned as a join over the whole table. A row that moved between snapshot and lock is simply not updated.
 * - LIMIT and the state are literals: a parameter would hide the size of the batch, or the partial index, from the
 *   planner. Hence one prepared statement per batch size.
 * - RETURNING has no order: the guaranteed one is made outside.
 */
function claimSql(table: JobsTable, limit: number): string {
  return `
WITH candidate AS MATERIALIZED (
  SELECT ctid
  FROM ${table.jobs}
  WHERE state = 'r' AND queue = $1
  ORDER BY priority, id
  LIMIT ${limit}
  FOR UPDATE SKIP LOCKED
), claimed AS (
  UPDATE ${table.jobs}
  SET
    state = 'l',
    attempt = attempt + 1,
    fence = fence + 1,
    lease_expires_at = now() + $2::float8 * interval '1 ms',
    worker = $3
  WHERE ctid = ANY (ARRAY (SELECT ctid FROM candidate))
  RETURNING id, priority, attempt, max_attempts, fence, lease_expires_at, payload
)
SELECT id::text AS id, priority, attempt, max_attempts, fence::text AS fence,
  extract(epoch FROM lease_expires_at)::float8 * 1000 AS expires_ms, payload
FROM claimed
ORDER BY priority, claimed.id`;
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

/** Statements of the lease for one table, made once and shared by its sessions. */
export interface LeaseStatements {
  claim(limit: number): (values: readonly unknown[]) => Statement;
  readonly extend: (values: readonly unknown[]) => Statement;
  readonly settle: Settle;
}

/** Makes the statements of `table`. */
export function leaseStatements(table: JobsTable): LeaseStatements {
  const claims = new Map<number, (values: readonly unknown[]) => Statement>();
  return {
    claim(limit) {
      let statement = claims.get(limit);
      if (statement === undefined) {
        statement = prepared(claimSql(table, limit));
        claims.set(limit, statement);
      }
      return statement;
    },
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

/** A claimer whose leases end by the clock. Closes `connection` when disposed. */
export async function openLeaseSession(
  statements: LeaseStatements,
  connection: Connection,
  workerId: string,
): Promise<WorkerSession> {
  await keepIndexPlans(connection);
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
      const { rows } = await connection.query<ClaimedRow>(
        statements.claim(limit)([queue, leaseMs, workerId]),
      );
      return rows.map((row) => toClaimedJob(queue, row));
    },
    settle: (outcomes) => statements.settle(connection, outcomes),
    [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose](),
  };
}

// Strategy `optimistic`: claim by compare-and-swap, without a lock taken first. A control.
//
// What it is: two statements. The first reads the next ready jobs and their fences; the second leases those whose fence is
//   still the one that was read. Who lost all of them reads again.
// Who uses it: Delayed Job before SKIP LOCKED; pg-boss in its mode for distributed databases, in one statement.
// Guarantees: those of skip-locked. A claim tries for up to 5 s and rejects then; it answers empty only when nothing is
//   ready, and may come back with less than the limit when others took the rest.
// Where it breaks: all claimers read the same first jobs, and one of them wins: the others have paid two round trips, and
//   have waited for the winner's commit, for nothing; who locks a row without changing it keeps a swap waiting on its
//   lease's time.

import { prepared } from '../sql.ts';
import type { StrategyFactory } from '../strategy.ts';
import type { ClaimedRow } from './shared/claimed-row.ts';
import { claimsByLimit } from './shared/claims-by-limit.ts';
import { type Attempted, persistentClaim } from './shared/contended-claim.ts';
import { CLAIMED, type ClaimRequest, LEASED, leaseColumns } from './shared/lease-claim.ts';
import { leaseStrategy } from './shared/lease-strategy.ts';
import type { JobsTable } from './shared/table.ts';

/** ORDER BY names the table's id: the bare name would be that of the text in the list, and no index has its order. */
function readSql(table: JobsTable, limit: number): string {
  return `
SELECT job.id::text AS id, job.fence
FROM ${table.jobs} AS job
WHERE job.state = 'r' AND job.queue = $1
ORDER BY job.priority, job.id
LIMIT ${limit}`;
}

/**
 * A row that a rival is just updating is waited for; what it is then is held against the fence again, and it is left out.
 * The arrays come in the order of the read, and a nested loop keeps it: all claimers lock in one order, and none deadlock.
 * Not `state = 'r'`: that would let the planner walk the index of all ready jobs once for each id.
 */
function swapSql(table: JobsTable): string {
  return `
WITH claimed AS (
  UPDATE ${table.jobs} AS job
  SET ${leaseColumns({ leaseMs: '$3', worker: '$4', clock: 'clock_timestamp()' })}
  FROM unnest($1::bigint[], $2::integer[]) AS seen (id, fence)
  WHERE job.id = seen.id AND job.fence = seen.fence AND job.state NOT IN ('d', 'l')
  RETURNING ${LEASED}
)
${CLAIMED}`;
}

interface SeenRow {
  readonly id: string;
  readonly fence: number;
}

/** One read and one swap. */
function compareAndSwap(table: JobsTable): (request: ClaimRequest) => Promise<Attempted> {
  const read = claimsByLimit((limit) => readSql(table, limit));
  const swap = prepared(swapSql(table));
  return async ({ connection, queue, limit, leaseMs, workerId }) => {
    const { rows: seen } = await connection.query<SeenRow>(read(limit)([queue]));
    if (seen.length === 0) return { kind: 'claimed', rows: [] };
    const ids = seen.map((row) => row.id);
    const fences = seen.map((row) => row.fence);
    const { rows } = await connection.query<ClaimedRow>(swap([ids, fences, leaseMs, workerId]));
    return rows.length === 0 ? { kind: 'lost' } : { kind: 'claimed', rows };
  };
}

const claimOn = (table: JobsTable) => persistentClaim(compareAndSwap(table));

/** Read, then swap if unchanged: what it costs to find out afterwards. */
export const optimistic: StrategyFactory = {
  strategyName: 'optimistic',
  summary: 'reads the next jobs without a lock, then leases those that nobody has changed since',
  usedBy: 'Delayed Job before SKIP LOCKED',
  breaks: 'all claimers read the same first jobs and one wins; the others have waited for its commit in vain',
  control: true,
  create: (options) =>
    leaseStrategy('optimistic', options, { batch: 1, prefetch: 0, settle: 'each' }, claimOn),
};

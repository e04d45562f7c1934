// How is a queue claimed lane by lane, with one claimer at a time in each?

import { randomInt } from 'node:crypto';
import type { Connection } from '../../drivers/driver.ts';
import type { Installation } from '../../schema/layout.ts';
import { digest, prepared, qualify, quoteLiteral } from '../../sql.ts';
import type { ClaimedJob } from '../../strategy.ts';
import { type ClaimedRow, toClaimedJob } from './claimed-row.ts';
import { JOBS_RELATIONS, type JobsTable, jobsTableInstallation } from './table.ts';

/**
 * A lane is closed from the claim to the end of its commit, so this many claims may wait for the disk together: more
 * than the cores of a usual server can prepare meanwhile. And it is as many looks as an idle claim has to make. A power
 * of two, for the mask.
 */
export const LANES = 16;

/**
 * A job's lane, for the generated column. Not simply the id's last bits: who enqueues to 16 queues in turn would have
 * each queue's jobs in one lane.
 */
export const LANE_OF_ID = `(hashint8(id) & ${LANES - 1})::smallint`;

/** How long a claim waits for a lane that another one has, before it looks around again. */
const LANE_WAIT = '1s';
/** Claims in a row that may find every lane with jobs taken. A lane that was waited for and got has jobs, or its jobs went to others. */
const ROUNDS = 10;

function functionName(table: JobsTable): string {
  return qualify(table.schema, 'claim_from_lanes');
}

/**
 * The lock of a lane, in the space of pairs, which the locks of single jobs never meet. The first number is the table's,
 * the second names queue and lane: two queues with one hash share their lanes' locks, and lose nothing but time.
 */
function laneLock(table: JobsTable, queue: string, lane: string): string {
  const tableKey = `(${quoteLiteral(table.jobs)}::regclass::oid::bigint & 2147483647)::integer`;
  return `${tableKey}, hashtext(${queue}) # ${lane}`;
}

/** How the parts of a lane's claim are called where it stands. */
export interface LaneClaimNames {
  readonly queue: string;
  readonly lane: string;
  readonly limit: string;
  readonly leaseMs: string;
  readonly worker: string;
}

/**
 * The claim of one lane, by whoever has its lock. Nobody else claims there, so nothing needs to be locked ahead of the
 * update, nor skipped: that saves a WAL record for each job. The condition on the state only guards against a row that
 * somebody changes by hand. Not `state = 'r'`: that would let the planner walk the index of all ready jobs instead.
 */
export function laneClaimSql(table: JobsTable, names: LaneClaimNames): string {
  return `
UPDATE ${table.jobs} AS job
SET
  state = 'l',
  attempt = job.attempt + 1,
  fence = job.fence + 1,
  lease_expires_at = now() + ${names.leaseMs} * interval '1 ms',
  worker = ${names.worker}
WHERE job.state NOT IN ('d', 'l') AND job.ctid = ANY (ARRAY (
  SELECT first.ctid
  FROM ${table.jobs} AS first
  WHERE first.state = 'r' AND first.queue = ${names.queue} AND first.lane = ${names.lane}
  ORDER BY first.priority, first.id
  LIMIT ${names.limit}
))
RETURNING job.id, job.priority, job.attempt, job.max_attempts, job.fence,
  extract(epoch FROM job.lease_expires_at)::float8 * 1000, job.payload, NULL::integer`;
}

/** Whether a lane has ready jobs: one step into the ready index. */
export function laneHasJobsSql(table: JobsTable, queue: string, lane: string): string {
  return `
SELECT FROM ${table.jobs} AS job
WHERE job.state = 'r' AND job.queue = ${queue} AND job.lane = ${lane}`;
}

/**
 * Claims from one lane after the other, beginning at `first_lane`, until it has what is wanted or has seen all.
 *
 * - The lock is the transaction's: it opens when the claim is committed, or with the connection, and needs no session
 *   of its own. The statements of a volatile function have a snapshot each: the one that claims is taken after the lock
 *   was got, and so sees what the lane's last claimer has committed.
 * - An empty lane is passed before its lock is tried, as a lock that was got stays closed to the end.
 * - A lane with jobs that another claim has is that claim's. When nothing was got, and for such a lane only, the answer
 *   is one row without an id: the caller asks again, beginning at that lane, and waits for it (`wait_first`). It holds
 *   no other lane while it waits, so no two claims wait for each other.
 */
function createClaim(table: JobsTable): string {
  // A tag that no schema's name can hold, so that no name can end the body.
  const tag = `$claim_${digest(table.jobs)}$`;
  const names: LaneClaimNames = {
    queue: 'wanted_queue',
    lane: 'this_lane',
    limit: 'wanted - taken',
    leaseMs: 'lease_ms',
    worker: 'worker_name',
  };
  return `
CREATE OR REPLACE FUNCTION ${functionName(table)}(
  wanted_queue text, wanted integer, lease_ms float8, worker_name text, first_lane integer, wait_first boolean
)
RETURNS TABLE (
  claimed_id bigint, claimed_priority smallint, claimed_attempt smallint, claimed_max_attempts smallint,
  claimed_fence integer, claimed_expires_ms float8, claimed_payload jsonb, busy_lane integer
)
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_sort = off
SET lock_timeout = '${LANE_WAIT}'
AS ${tag}
DECLARE
  this_lane integer;
  taken integer := 0;
  got integer;
  busy integer;
BEGIN
  IF wait_first THEN
    BEGIN
      PERFORM pg_advisory_xact_lock(${laneLock(table, 'wanted_queue', 'first_lane')});
    EXCEPTION WHEN lock_not_available THEN
      busy := first_lane;
    END;
  END IF;
  FOR step IN 0 .. ${LANES - 1} LOOP
    this_lane := (first_lane + step) % ${LANES};
    CONTINUE WHEN NOT EXISTS (${laneHasJobsSql(table, 'wanted_queue', 'this_lane')});
    IF NOT pg_try_advisory_xact_lock(${laneLock(table, 'wanted_queue', 'this_lane')}) THEN
      busy := coalesce(busy, this_lane);
      CONTINUE;
    END IF;
    RETURN QUERY ${laneClaimSql(table, names)};
    GET DIAGNOSTICS got = ROW_COUNT;
    taken := taken + got;
    EXIT WHEN taken >= wanted;
  END LOOP;
  IF taken = 0 AND busy IS NOT NULL THEN
    busy_lane := busy;
    RETURN NEXT;
  END IF;
END
${tag}`;
}

/** The shared tables, with lanes, and the function. */
export function lanesInstallation(table: JobsTable): Installation {
  const signature = `${functionName(table)}(text, integer, float8, text, integer, boolean)`;
  return jobsTableInstallation(table, [], JOBS_RELATIONS, [{ signature, create: createClaim(table) }]);
}

/**
 * Parameters: queue, limit, length of the lease in ms, worker, lane to begin at, whether to wait for it. What one claim
 * got out of several lanes is sorted as if it were one.
 */
function claimCallSql(table: JobsTable): string {
  return `
SELECT claimed_id::text AS id, claimed_priority AS priority, claimed_attempt AS attempt,
  claimed_max_attempts AS max_attempts, claimed_fence::text AS fence, claimed_expires_ms AS expires_ms,
  claimed_payload AS payload, busy_lane
FROM ${functionName(table)}($1, $2, $3, $4, $5, $6)
ORDER BY claimed_priority, claimed_id`;
}

/** Either a claimed job, or the news that all lanes with jobs are taken. */
type LaneRow =
  | (ClaimedRow & { readonly busy_lane: null })
  | { readonly id: null; readonly busy_lane: number };

/** A claim as a session offers it. */
export type LaneClaim = (queue: string, limit: number, leaseMs: number) => Promise<readonly ClaimedJob[]>;

/**
 * Makes the claims of the sessions on `table`. Each session goes round the lanes, from a start of its own, so that no
 * lane waits longer than the others.
 */
export function laneClaims(table: JobsTable): (connection: Connection, workerId: string) => LaneClaim {
  const statement = prepared(claimCallSql(table));
  return (connection, workerId) => {
    let next = randomInt(LANES);
    return async (queue, limit, leaseMs) => {
      let lane = next;
      next = (next + 1) % LANES;
      for (let round = 0; round < ROUNDS; round += 1) {
        const values = [queue, limit, leaseMs, workerId, lane, round > 0];
        const { rows } = await connection.query<LaneRow>(statement(values));
        const [first] = rows;
        if (first === undefined) return [];
        if (first.id !== null)
          return rows.flatMap((row) => (row.id === null ? [] : toClaimedJob(queue, row)));
        lane = first.busy_lane;
      }
      return [];
    };
  };
}

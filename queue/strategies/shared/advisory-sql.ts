// Which SQL do claims by advisory lock stand on?

import type { Installation } from '../../schema/layout.ts';
import { digest, qualify, quoteLiteral } from '../../sql.ts';
import { createClaimNumber, NUMBERED_RELATIONS, nextClaimNumber } from './claim-number.ts';
import type { HeldRule } from './inspect.ts';
import { type JobsTable, jobsTableInstallation } from './table.ts';

/**
 * How a claim looks for jobs whose lock is free. PL/pgSQL within a function whose parameters are `wanted_queue`,
 * `wanted` (a number of jobs) and `held` (ids that the session has already).
 */
export interface LockSearch {
  /** Name of the function, unqualified: two searches never share one. */
  readonly routine: string;
  /** Declarations of what `find` needs beside `locked bigint[]`, `last_priority smallint` and `last_id bigint`. */
  readonly declare?: string;
  /**
   * Tries locks behind (`last_priority`, `last_id`) until `wanted` are got or no candidate is left, none of them twice; sets
   * that place to the last one that it got, and `locked` to the ids whose locks it has: to '{}' at the end, where it leaves
   * the loop it stands in.
   */
  readonly find: (table: JobsTable) => string;
}

/**
 * Advisory locks of one database share one space of 64 bits. The high bits name the table (19 bits of its oid), the
 * low 44 the job: keys of two schemas stay apart, and ids would need 17 million million jobs to wrap.
 */
function lockKey(table: JobsTable, id: string): string {
  return `((${tableKey(table)} << 44) | (${id} & 17592186044415))`;
}

/** The table's share of the key. Shifts and bit operators have one precedence in PostgreSQL: parentheses throughout. */
function tableKey(table: JobsTable): string {
  return `(${quoteLiteral(table.jobs)}::regclass::oid::bigint & 524287)`;
}

/** Tries the lock of a job; true when this session has it now, once more when it had it before. */
export function tryLock(table: JobsTable, id: string): string {
  return `pg_try_advisory_lock(${lockKey(table, id)})`;
}

function functionName(table: JobsTable, search: LockSearch): string {
  return qualify(table.schema, search.routine);
}

/**
 * Claims ready jobs of a queue in order, in one round trip:
 *
 * - `held` leaves out what the session has already, since a session is granted its own lock again.
 * - The search sees a snapshot. A job that somebody settled after it was taken can still be locked here, as its lock is
 *   free: so what was locked is read again. Each statement of a volatile function has a snapshot of its own, and a
 *   settle is committed before its lock opens, hence the second look cannot miss it.
 * - Where all of it is gone the search goes on behind it: beside a transaction that holds dead rows back, to begin again is
 *   to walk over all of them, and while that takes long others settle what it finds. Eight sessions at 300 jobs/s picked
 *   jobs up 3 s late so, and at 27 ms where each claim walked once.
 * - That look goes by id and sorts the few it found: by the order of the ready index it would read all of it.
 * - Nothing stays locked that is not returned: one statement decides both, so that no job becomes ready in between.
 * - The token is drawn after the locks are held; an empty claim draws nothing.
 */
function createClaim(table: JobsTable, search: LockSearch): string {
  // A tag that no schema's name can hold, so that no name can end the body.
  const tag = `$claim_${digest(table.jobs)}$`;
  return `
CREATE OR REPLACE FUNCTION ${functionName(table, search)}(wanted_queue text, wanted integer, held bigint[])
RETURNS TABLE (id bigint, priority smallint, attempt smallint, max_attempts smallint, token bigint, payload jsonb)
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_sort = off
AS ${tag}
#variable_conflict use_column
DECLARE
  locked bigint[];
  last_priority smallint := -32768;
  last_id bigint := 0;
  number bigint;
  returned integer;
  ${search.declare ?? ''}
BEGIN
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION 'a claim by advisory lock needs READ COMMITTED: ALTER ROLE … SET default_transaction_isolation'
      USING ERRCODE = 'invalid_transaction_state';
  END IF;
  LOOP
    ${search.find(table)}

    number := ${nextClaimNumber(table)};
    RETURN QUERY
      WITH mine AS MATERIALIZED (
        SELECT job.id, job.priority, (job.attempt + 1)::smallint AS attempt, job.max_attempts, job.payload
        FROM ${table.jobs} AS job
        WHERE job.id = ANY (locked) AND job.state NOT IN ('d', 'l') AND job.queue = wanted_queue
      ), unlocked AS MATERIALIZED (
        SELECT pg_advisory_unlock(${lockKey(table, 'gone.id')})
        FROM unnest(locked) AS gone (id)
        WHERE EXISTS (SELECT FROM mine) AND NOT EXISTS (SELECT FROM mine WHERE mine.id = gone.id)
      )
      SELECT mine.id, mine.priority, mine.attempt, mine.max_attempts, number, mine.payload
      FROM mine
      CROSS JOIN (SELECT count(*) FROM unlocked) AS all_unlocked
      ORDER BY mine.priority, mine.id;
    GET DIAGNOSTICS returned = ROW_COUNT;
    EXIT WHEN returned > 0;
    -- Of no row at all the statement above need not have read what it unlocks: it then leaves that to this one.
    PERFORM pg_advisory_unlock(${lockKey(table, 'gone.id')}) FROM unnest(locked) AS gone (id);
  END LOOP;
END
${tag}`;
}

/** The shared tables, and what the strategy needs beside them. */
export function advisoryInstallation(table: JobsTable, search: LockSearch): Installation {
  const signature = `${functionName(table, search)}(text, integer, bigint[])`;
  return jobsTableInstallation(table, [createClaimNumber(table)], NUMBERED_RELATIONS, [
    { signature, create: createClaim(table, search) },
  ]);
}

/** Parameters: queue, limit, ids held. The function returns rows in the guaranteed order. */
export function claimCallSql(table: JobsTable, search: LockSearch): string {
  return `
SELECT id::text AS id, priority, attempt, max_attempts, token::text AS fence, NULL AS expires_ms, payload
FROM ${functionName(table, search)}($1, $2, $3::bigint[])`;
}

/** Parameter: the ids to unlock. */
export function unlockSql(table: JobsTable): string {
  return `SELECT count(pg_advisory_unlock(${lockKey(table, 'id')})) FROM unnest($1::bigint[]) AS held (id)`;
}

/** The advisory locks on this table's jobs in this database, as (pid, key). */
function tableLocks(table: JobsTable): string {
  return `
  SELECT pid, key
  FROM (
    SELECT pid, (classid::bigint << 32) | objid::bigint AS key
    FROM pg_locks
    WHERE locktype = 'advisory' AND objsubid = 1 AND granted
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
  ) AS advisory
  WHERE (key >> 44) = ${tableKey(table)}`;
}

/** Unlocks what this session has locked beside the ids given. */
export function unlockStraySql(table: JobsTable): string {
  return `
SELECT count(pg_advisory_unlock(key))
FROM (${tableLocks(table)}) AS taken
WHERE pid = pg_backend_pid()
  AND key <> ALL (ARRAY (SELECT ${lockKey(table, 'id')} FROM unnest($1::bigint[]) AS held (id)))`;
}

/** True for a row whose job some session holds. An uncorrelated IN, so that the lock table is read once. */
export function heldRule(table: JobsTable): HeldRule {
  return `${lockKey(table, 'job.id')} IN (SELECT key FROM (${tableLocks(table)}) AS taken)`;
}

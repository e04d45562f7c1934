// Which SQL do claims by advisory lock stand on?

import type { Database } from '../../drivers/driver.ts';
import { digest, qualify } from '../../sql.ts';
import type { HeldRule } from './inspect.ts';
import { installJobsTable, JOBS_RELATIONS, type JobsTable } from './table.ts';

/** Relations of the strategy: the shared ones, and the sequence of its fencing tokens. */
export const advisoryRelations: readonly string[] = [...JOBS_RELATIONS, 'jobs_claim_number'];

/**
 * Advisory locks of one database share one space of 64 bits. The high bits name the table (19 bits of its oid), the
 * low 44 the job: keys of two schemas stay apart, and ids would need 17 million million jobs to wrap.
 */
function lockKey(table: JobsTable, id: string): string {
  return `((${tableKey(table)} << 44) | (${id} & 17592186044415))`;
}

/** The table's share of the key. Shifts and bit operators have one precedence in PostgreSQL: parentheses throughout. */
function tableKey(table: JobsTable): string {
  return `(${literal(table.jobs)}::regclass::oid::bigint & 524287)`;
}

/** A string literal for a quoted identifier, which may hold any character. */
function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

function functionName(table: JobsTable): string {
  return qualify(table.schema, 'claim_by_lock');
}

/**
 * Walks the ready jobs of a queue in order, in one round trip:
 *
 * - `held` leaves out what the session has already, since a session is granted its own lock again.
 * - The walk sees a snapshot. A job that somebody settled after it was taken can still be locked here, as its lock is
 *   free: so what was locked is read again. Each statement of a volatile function has a snapshot of its own, and a
 *   settle is committed before its lock opens, hence the second look cannot miss it.
 * - That look goes by id and sorts the few it found: by the order of the ready index it would read all of it.
 * - Nothing stays locked that is not returned.
 * - The token is drawn after the locks are held, so that a job's later claim always has the greater one. The sequence
 *   writes WAL once in 32 claims; an empty claim draws nothing.
 * - The walk is a recursive query that steps from one row to the next by keyset, and tries one lock at each step. Its
 *   LIMIT ends it: no row is looked at beyond the last one that was wanted.
 */
function createClaim(table: JobsTable): string {
  // A tag that no schema's name can hold, so that no name can end the body.
  const tag = `$claim_${digest(table.jobs)}$`;
  return `
CREATE OR REPLACE FUNCTION ${functionName(table)}(wanted_queue text, wanted integer, held bigint[])
RETURNS TABLE (id bigint, priority smallint, attempt smallint, max_attempts smallint, token bigint, payload jsonb)
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_sort = off
AS ${tag}
#variable_conflict use_column
DECLARE
  locked bigint[];
  number bigint;
  returned integer;
BEGIN
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION 'a claim by advisory lock needs READ COMMITTED: ALTER ROLE … SET default_transaction_isolation'
      USING ERRCODE = 'invalid_transaction_state';
  END IF;
  LOOP
    WITH RECURSIVE walk AS (
      SELECT first.priority, first.id, pg_try_advisory_lock(${lockKey(table, 'first.id')}) AS got
      FROM (
        SELECT job.priority, job.id
        FROM ${table.jobs} AS job
        WHERE job.state = 'r' AND job.queue = wanted_queue AND job.id <> ALL (held)
        ORDER BY job.priority, job.id
        LIMIT 1
      ) AS first
      UNION ALL
      SELECT next.priority, next.id, pg_try_advisory_lock(${lockKey(table, 'next.id')})
      FROM walk
      CROSS JOIN LATERAL (
        SELECT job.priority, job.id
        FROM ${table.jobs} AS job
        WHERE job.state = 'r' AND job.queue = wanted_queue AND job.id <> ALL (held)
          AND (job.priority, job.id) > (walk.priority, walk.id)
        ORDER BY job.priority, job.id
        LIMIT 1
      ) AS next
    )
    SELECT coalesce(array_agg(id), '{}') INTO locked
    FROM (SELECT walk.id FROM walk WHERE walk.got LIMIT wanted) AS mine;
    EXIT WHEN locked = '{}';

    number := nextval(${literal(sequence(table))});
    RETURN QUERY
      WITH mine AS MATERIALIZED (
        SELECT job.id, job.priority, (job.attempt + 1)::smallint AS attempt, job.max_attempts, job.payload
        FROM ${table.jobs} AS job
        WHERE job.id = ANY (locked) AND job.state NOT IN ('d', 'l') AND job.queue = wanted_queue
      )
      SELECT mine.id, mine.priority, mine.attempt, mine.max_attempts, number, mine.payload
      FROM mine
      ORDER BY mine.priority, mine.id;
    GET DIAGNOSTICS returned = ROW_COUNT;
    IF returned < cardinality(locked) THEN
      PERFORM pg_advisory_unlock(${lockKey(table, 'gone.id')})
      FROM unnest(locked) AS gone (id)
      WHERE NOT EXISTS (
        SELECT FROM ${table.jobs} AS job
        WHERE job.id = gone.id AND job.state NOT IN ('d', 'l') AND job.queue = wanted_queue
      );
    END IF;
    EXIT WHEN returned > 0;
  END LOOP;
END
${tag}`;
}

function sequence(table: JobsTable): string {
  return qualify(table.schema, 'jobs_claim_number');
}

/** Creates what the strategy needs beside the shared tables. */
export function installAdvisory(db: Database, table: JobsTable): Promise<void> {
  return installJobsTable(
    db,
    table,
    [`CREATE SEQUENCE IF NOT EXISTS ${sequence(table)}`, createClaim(table)],
    [...JOBS_RELATIONS, 'jobs_claim_number'],
    `${functionName(table)}(text, integer, bigint[])`,
  );
}

/** Parameters: queue, limit, ids held. The function returns rows in the guaranteed order. */
export function claimCallSql(table: JobsTable): string {
  return `
SELECT id::text AS id, priority, attempt, max_attempts, token::text AS fence, NULL AS expires_ms, payload
FROM ${functionName(table)}($1, $2, $3::bigint[])`;
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

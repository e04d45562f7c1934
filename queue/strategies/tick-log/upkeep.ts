// Who makes new events visible in batches, empties tables that are done with, and lets delayed jobs in?

import type { Database } from '../../drivers/driver.ts';
import { prepared, quoteLiteral } from '../../sql.ts';
import type { Delay, Upkeep } from '../../strategy.ts';
import { readCommitted } from '../shared/read-committed.ts';
import { delayWith } from '../shared/upkeep.ts';
import { bodyTag, READ_COMMITTED_ONLY, ROUTINE } from './claim-sql.ts';
import { presentSlot } from './enqueue.ts';
import { placeOf, untaken } from './fragments.ts';
import type { KnownTicks } from './known-ticks.ts';
import type { LogTables } from './tables.ts';

/** Mean wait between two looks of one worker: half of it is the price of a batch, in pickup latency. */
const TICK_EVERY_MS = 100;
/** Least wait between two looks of one worker at the tables' sizes. */
const ROTATE_EVERY_MS = 1_000;
/**
 * Size at which a table has had enough: a few seconds of a busy queue, so that three of them stay in memory, and small
 * beside the cost of a truncation, which is that of some commits.
 */
const ROTATE_BYTES = 32 * 1024 * 1024;

/**
 * Writes the next tick when some transaction has written since the last one, and returns the newest one's number.
 *
 * - A tick is numbered after the newest one that its own snapshot sees. So each sees more than the one before, and of
 *   two workers at once the second finds its number taken, waits for the first to commit, and has nothing to do.
 * - Whatever has written shows in the numbers of transactions: one was given out beyond that of the last tick itself, or one
 *   that was open then is closed now. An idle server gets no ticks; on one that others write to, there is one at each look.
 * - The predecessor goes in the same transaction, by its key: there is one living row, however many dead ones lie before it.
 */
function tickSql(tables: LogTables): string {
  return `
WITH newest AS MATERIALIZED (
  SELECT number, snapshot FROM ${tables.tick} ORDER BY number DESC LIMIT 1
), made AS (
  INSERT INTO ${tables.tick} (number, snapshot)
  SELECT newest.number + 1, pg_current_snapshot()
  FROM newest
  WHERE pg_snapshot_xmax(pg_current_snapshot())::text::numeric > pg_snapshot_xmax(newest.snapshot)::text::numeric + 1
    OR EXISTS (
      SELECT FROM pg_snapshot_xip(newest.snapshot) AS open (txid)
      WHERE pg_visible_in_snapshot(open.txid, pg_current_snapshot())
    )
  ON CONFLICT (number) DO NOTHING
  RETURNING number
), removed AS (
  DELETE FROM ${tables.tick} AS tick USING made WHERE tick.number = made.number - 1
)
SELECT coalesce((SELECT number FROM made), (SELECT number FROM newest))::float8 AS number`;
}

/** Whether a table holds an event that nobody has taken, or that belongs to a chunk that is not settled. */
function isInUse(tables: LogTables): string {
  const table = '%1$s';
  return `
      WITH RECURSIVE name AS (
        (SELECT queue FROM ${table} ORDER BY queue LIMIT 1)
        UNION ALL
        SELECT (SELECT event.queue FROM ${table} AS event WHERE event.queue > name.queue ORDER BY event.queue LIMIT 1)
        FROM name
        WHERE name.queue IS NOT NULL
      )
      SELECT
        EXISTS (
          SELECT
          FROM name
          CROSS JOIN LATERAL (${placeOf(tables, 'name.queue')}
          ) AS place
          CROSS JOIN LATERAL (${untaken(table, 'name.queue', 'place')}
          ) AS event
          WHERE name.queue IS NOT NULL
        )
        OR EXISTS (
          SELECT
          FROM ${tables.chunk} AS chunk
          JOIN ${table} AS event
            ON event.queue = chunk.queue
            AND (event.txid, event.id) > (chunk.start_txid, chunk.start_id)
            AND (event.txid, event.id) <= (chunk.stop_txid, chunk.stop_id)
            AND pg_visible_in_snapshot(event.txid, chunk.hi)
            AND (event.txid >= chunk.floor OR event.txid = ANY (chunk.late))
        )`;
}

/**
 * Empties every table that is done with, except the one that is written, and goes on to the next one when that is full and
 * the next one is empty. Returns how many tables were emptied.
 *
 * - Truncating asks for the one lock that keeps readers out. It is never waited for: behind whoever waits for it, all
 *   enqueues and claims would wait too. A transaction that has written to the table, or reads it, holds the table until it
 *   ends; then this comes again.
 * - Claims are too short to wait for and too many to slip between, so they are kept out for a moment by a lock that they
 *   share, and whose other waiters are claims only.
 * - Whether the table is done with is asked before any lock, and again when nobody can add to it any more, in a later
 *   statement, hence with a later snapshot. At a stricter level than READ COMMITTED it would be the same snapshot:
 *   there nothing is emptied.
 * - A transaction that looked up the table to write to before the truncation and writes after it does no harm: claims
 *   find events by their transactions, in whichever table they are.
 * - The number of the table in use is a sequence, whose change outlives a rollback: that only says where to write.
 */
function createRotate(tables: LogTables): string {
  const tag = bodyTag(tables.rotate);
  return `
CREATE OR REPLACE FUNCTION ${tables.rotate}(enough_bytes bigint)
RETURNS integer
${ROUTINE}
SET lock_timeout = '200ms'
AS ${tag}
DECLARE
  slots constant text[] := ARRAY[${tables.slots.map(quoteLiteral).join(', ')}];
  present integer;
  following integer;
  in_use boolean;
  emptied integer := 0;
BEGIN
${READ_COMMITTED_ONLY}
  IF NOT pg_try_advisory_xact_lock(${tables.rotationKey} + 1) THEN
    RETURN 0;
  END IF;
  SELECT last_value INTO present FROM ${tables.slotNumber};
  FOR slot IN 0..cardinality(slots) - 1 LOOP
    CONTINUE WHEN slot = present OR pg_relation_size(slots[slot + 1]::regclass) = 0;
    EXECUTE format($in_use$${isInUse(tables)}$in_use$, slots[slot + 1]) INTO in_use;
    CONTINUE WHEN in_use;
    BEGIN
      PERFORM pg_advisory_xact_lock(${tables.rotationKey});
      EXECUTE format('LOCK TABLE ONLY %s IN ACCESS EXCLUSIVE MODE NOWAIT', slots[slot + 1]);
      EXECUTE format($in_use$${isInUse(tables)}$in_use$, slots[slot + 1]) INTO in_use;
      IF NOT in_use THEN
        EXECUTE format('TRUNCATE ONLY %s', slots[slot + 1]);
        emptied := emptied + 1;
      END IF;
    EXCEPTION WHEN lock_not_available THEN
      NULL;
    END;
  END LOOP;
  following := (present + 1) % cardinality(slots);
  IF pg_relation_size(slots[following + 1]::regclass) = 0
    AND pg_table_size(slots[present + 1]::regclass) >= enough_bytes
  THEN
    PERFORM setval(${quoteLiteral(tables.slotNumber)}, following);
  END IF;
  RETURN emptied;
END
${tag}`;
}

/** The routines of the upkeep. */
export function upkeepRoutines(tables: LogTables): readonly string[] {
  return [createRotate(tables)];
}

/** Ticks, and the rotation of the tables. `ready` when there is a tick that this process did not know. */
export function upkeepOn(tables: LogTables, ticks: KnownTicks): Upkeep {
  const tick = prepared(tickSql(tables));
  const rotate = prepared(`SELECT ${tables.rotate}(${ROTATE_BYTES}) AS emptied`);
  let nextRotationMs = 0;
  return {
    everyMs: TICK_EVERY_MS,
    async run(db: Database) {
      const { rows } = await db.query<{ readonly number: number }>(tick([]));
      const newest = rows[0]?.number ?? 0;
      const ready = newest > ticks.newest;
      ticks.newest = Math.max(ticks.newest, newest);
      if (performance.now() >= nextRotationMs) {
        nextRotationMs = performance.now() + ROTATE_EVERY_MS;
        await readCommitted(db).query(rotate([]));
      }
      return { ready };
    },
  };
}

function promoteSql(tables: LogTables, limit: number): string {
  return `
WITH due AS MATERIALIZED (
  SELECT ctid FROM ${tables.delayed} WHERE run_at <= now() ORDER BY run_at LIMIT ${limit} FOR UPDATE SKIP LOCKED
), taken AS (
  DELETE FROM ${tables.delayed}
  WHERE ctid = ANY (ARRAY (SELECT ctid FROM due))
  RETURNING id, run_at, attempt, max_attempts, queue, payload
), promoted AS (
  INSERT INTO ${tables.event} (slot, id, created_at, attempt, max_attempts, queue, payload)
  SELECT ${presentSlot(tables)}, id, run_at, attempt, max_attempts, queue, payload
  FROM taken
  ORDER BY run_at, id
  RETURNING id
)
SELECT
  (SELECT count(*)::integer FROM promoted) AS promoted,
  (
    SELECT ceil(extract(epoch FROM run_at - now()) * 1000)::float8
    FROM ${tables.delayed}
    WHERE run_at > now()
    ORDER BY run_at
    LIMIT 1
  ) AS next_ms`;
}

/** Delayed jobs and retries: appended to the log when they are due. */
export function delayOn(tables: LogTables): Delay {
  return delayWith((limit) => promoteSql(tables, limit));
}

// How is the next chunk of a queue taken?

import { MAX_ATTEMPTS } from '../../job.ts';
import { digest, quoteLiteral } from '../../sql.ts';
import { BEGINNING } from './fragments.ts';
import type { LogTables } from './tables.ts';

/** A tag that no schema's name can hold, so that no name can end the body of a function. */
export function bodyTag(name: string): string {
  return `$body_${digest(name)}$`;
}

/**
 * What every routine of the log starts with. Their statements reach few rows by index, whatever the tables' statistics
 * said when the plan was made (see shared/planner.ts); each has a snapshot of its own, hence sees what was committed
 * before a lock was granted, but in READ COMMITTED only.
 */
export const ROUTINE = `
LANGUAGE plpgsql VOLATILE
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_sort = off
SET plan_cache_mode = force_generic_plan
SET jit = off`;

/** Refuses stricter levels: there a routine would read what was true before it had its locks. */
export const READ_COMMITTED_ONLY = `
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION 'the event log needs READ COMMITTED: ALTER ROLE … SET default_transaction_isolation'
      USING ERRCODE = 'invalid_transaction_state';
  END IF;`;

/** The arguments' types of the claim, for to_regprocedure. */
export const CLAIM_ARGUMENTS = '(text, integer, double precision, text, text[])';

const COLUMNS = 'event.txid, event.id, event.attempt, event.max_attempts, event.payload';

/**
 * The present batch from where the queue stands to its upper snapshot. The bound by xmax ends the walk: without it the
 * last claim of each batch would walk over everything that has come since.
 */
function walkBatch(tables: LogTables): string {
  return `
        SELECT ${COLUMNS}
        FROM ${tables.event} AS event
        WHERE event.queue = wanted_queue
          AND (event.txid, event.id) > (from_txid, from_id)
          AND event.txid < pg_snapshot_xmax(place.hi)
          AND pg_visible_in_snapshot(event.txid, place.hi)
        ORDER BY event.txid, event.id
        LIMIT wanted`;
}

/** The same and the events of the transactions that the batch before was too early for. Those have the lower numbers. */
function walkWithLate(tables: LogTables): string {
  return `
        SELECT *
        FROM (
          SELECT event.*
          FROM unnest(place.late) AS straggler (txid)
          CROSS JOIN LATERAL (
            SELECT ${COLUMNS}
            FROM ${tables.event} AS event
            WHERE event.queue = wanted_queue AND event.txid = straggler.txid
              AND (event.txid, event.id) > (place.at_txid, place.at_id)
            ORDER BY event.txid, event.id
            LIMIT wanted
          ) AS event
          UNION ALL
          (${walkBatch(tables)})
        ) AS either
        ORDER BY txid, id
        LIMIT wanted`;
}

/** One row for all: an array of ids, and the payloads as one text. `marks` names the events that differ from the default. */
function gather(walk: string): string {
  return `
      SELECT
        count(*), array_agg(walked.id), array_agg(walked.txid), string_agg(walked.payload, ','),
        string_agg(
          walked.id || ':' || coalesce(walked.attempt, 0) || ':' || coalesce(walked.max_attempts, ${MAX_ATTEMPTS}), ','
        ) FILTER (WHERE walked.attempt IS NOT NULL OR walked.max_attempts IS NOT NULL)
      INTO got, found_ids, found_txids, found_payloads, found_marks
      FROM (${walk}
      ) AS walked`;
}

/**
 * Takes the next chunk of a queue, in one transaction: reads it, writes where the queue stands now, and the lease.
 *
 * - Claims of one queue take turns. The lock is asked for first, and every statement after it sees what the claim before
 *   has committed. That of the rotation is shared: it keeps a truncation from coming between, and claims of other queues
 *   not waiting.
 * - When the batch is used up, the next one reaches to the newest tick. Events of transactions that were open at the end
 *   of the one and closed at the end of the other belong to the latter: they are sought by their transactions' numbers, so
 *   that a transaction that stays open for long costs nothing until it ends.
 * - An empty claim writes nothing.
 * - The last argument is there to be made of what must have happened before: see the turn.
 */
export function createClaim(tables: LogTables): string {
  const tag = bodyTag(tables.event);
  return `
CREATE OR REPLACE FUNCTION ${tables.claim}(
  wanted_queue text, wanted integer, lease_ms double precision, holder text, settled text[]
)
RETURNS TABLE (chunk_id bigint, expires_ms double precision, ids text, marks text, payloads text)
${ROUTINE}
AS ${tag}
#variable_conflict use_variable
DECLARE
  place ${tables.position}%ROWTYPE;
  newest ${tables.tick}%ROWTYPE;
  from_txid xid8;
  from_id bigint;
  got bigint := 0;
  found_ids bigint[];
  found_txids xid8[];
  found_payloads text;
  found_marks text;
  number bigint;
  ends timestamptz;
BEGIN
${READ_COMMITTED_ONLY}
  PERFORM pg_advisory_xact_lock(hashtextextended(wanted_queue, ${tables.claimSeed}));
  PERFORM pg_advisory_xact_lock_shared(${tables.rotationKey});
  SELECT position.* INTO place
  FROM ${tables.position} AS position
  WHERE position.queue = wanted_queue
  ORDER BY position.number DESC
  LIMIT 1;
  IF NOT FOUND THEN
    place.number := 0; place.tick := 0; place.hi := ${BEGINNING};
    place.floor := '1'; place.at_txid := '1'; place.at_id := 0; place.queue := wanted_queue;
  END IF;

  FOR attempt IN 1..2 LOOP
    IF place.at_txid < place.floor THEN
      from_txid := place.floor; from_id := 0;
    ELSE
      from_txid := place.at_txid; from_id := place.at_id;
    END IF;
    IF place.late IS NULL THEN
${gather(walkBatch(tables))};
    ELSE
${gather(walkWithLate(tables))};
    END IF;
    EXIT WHEN got > 0 OR attempt = 2;

    SELECT tick.* INTO newest FROM ${tables.tick} AS tick ORDER BY tick.number DESC LIMIT 1;
    EXIT WHEN newest.number <= place.tick;
    SELECT array_agg(straggler.txid ORDER BY straggler.txid) INTO place.late
    FROM pg_snapshot_xip(place.hi) AS straggler (txid)
    WHERE pg_visible_in_snapshot(straggler.txid, newest.snapshot);
    place.floor := pg_snapshot_xmax(place.hi);
    place.at_txid := CASE WHEN place.late IS NULL THEN place.floor ELSE '1'::xid8 END;
    place.at_id := 0;
    place.hi := newest.snapshot;
    place.tick := newest.number;
  END LOOP;
  IF got = 0 THEN
    RETURN;
  END IF;

  number := nextval(${quoteLiteral(tables.chunkId)});
  ends := clock_timestamp() + lease_ms * interval '1 ms';
  INSERT INTO ${tables.chunk} (
    chunk_id, expires_at, floor, start_txid, start_id, stop_txid, stop_id, size, hi, late, queue, worker
  )
  VALUES (
    number, ends, place.floor, place.at_txid, place.at_id, found_txids[got], found_ids[got], got, place.hi, place.late,
    wanted_queue, holder
  );
  INSERT INTO ${tables.position} (number, tick, floor, at_txid, at_id, hi, late, queue)
  VALUES (
    place.number + 1, place.tick, place.floor, found_txids[got], found_ids[got], place.hi,
    CASE WHEN found_txids[got] < place.floor THEN place.late END, wanted_queue
  );
  DELETE FROM ${tables.position} AS position
  WHERE position.queue = wanted_queue AND position.number = place.number;

  RETURN QUERY SELECT number, extract(epoch FROM ends)::float8 * 1000, array_to_string(found_ids, ','), found_marks,
    found_payloads;
END
${tag}`;
}

// How does a lease on a chunk end: event by event, all at once, or by the clock?

import type { Statement } from '../../drivers/driver.ts';
import { MAX_ATTEMPTS } from '../../job.ts';
import { bodyTag, READ_COMMITTED_ONLY, ROUTINE } from './claim-sql.ts';
import { presentSlot } from './enqueue.ts';
import { eventsOf } from './fragments.ts';
import type { LogTables } from './tables.ts';

const FAILED = `(coalesce(event.attempt, 0) + 1)::smallint`;

/**
 * Writes the events of `held` at `places` anew, each by its kind: `retry` and `crash` use up an attempt, `release` does
 * not; `dead-letter`, and a crash in the last attempt, bury. The event itself stays where it is until its table is
 * truncated. Ids go along. The caller has locked the chunk and marks the places as done.
 */
function createGiveBack(tables: LogTables): string {
  const tag = bodyTag(tables.giveBack);
  return `
CREATE OR REPLACE FUNCTION ${tables.giveBack}(
  held ${tables.chunk}, places integer[], kinds text[], delays_ms double precision[], errors text[]
)
RETURNS void
${ROUTINE}
SET enable_hashjoin = on
AS ${tag}
#variable_conflict use_column
BEGIN
  WITH outcome AS MATERIALIZED (
    SELECT outcome.place, outcome.kind, outcome.delay_ms, outcome.error
    FROM unnest(places, kinds, delays_ms, errors) AS outcome (place, kind, delay_ms, error)
  ), moved AS MATERIALIZED (
    SELECT
      event.id, event.created_at, event.max_attempts, event.queue, event.payload, outcome.delay_ms, outcome.error,
      CASE WHEN outcome.kind = 'release' THEN event.attempt ELSE ${FAILED} END AS attempt,
      outcome.kind = 'dead-letter'
        OR (outcome.kind = 'crash' AND ${FAILED} >= coalesce(event.max_attempts, ${MAX_ATTEMPTS})) AS dies
    FROM outcome
    JOIN (${eventsOf(tables, 'held')}
    ) AS event ON event.place = outcome.place
  ), buried AS (
    INSERT INTO ${tables.dead} (id, created_at, attempt, max_attempts, queue, error, payload)
    SELECT id, created_at, attempt, coalesce(max_attempts, ${MAX_ATTEMPTS}), queue, error, payload
    FROM moved
    WHERE dies
  ), put_off AS (
    INSERT INTO ${tables.delayed} (id, created_at, run_at, attempt, max_attempts, queue, last_error, payload)
    SELECT id, created_at, now() + delay_ms * interval '1 ms', attempt, max_attempts, queue, error, payload
    FROM moved
    WHERE NOT dies AND delay_ms > 0
  )
  INSERT INTO ${tables.event} (slot, id, created_at, attempt, max_attempts, queue, payload)
  SELECT ${presentSlot(tables)}, id, created_at, attempt, max_attempts, queue, payload
  FROM moved
  WHERE NOT dies AND delay_ms <= 0
  ORDER BY id;
END
${tag}`;
}

/** The arguments' types of the settle. */
const SETTLE_TYPES = 'bigint[], text[], bigint[], integer[], text[], double precision[], text[]';

/**
 * Settles outcomes by chunks: `masks` has a 1 for each place that is settled now, and what is not an ack stands in the
 * arrays after it. Returns, per chunk, what was stale: '' for none, '*' for all as the lease is gone, otherwise a mask.
 *
 * A chunk whose events are all acked at once costs one deleted row. Otherwise its row is locked, and what it says is
 * done is read after that: of two settles of one event, one is stale. When every bit is set, the row goes.
 */
function createSettle(tables: LogTables): string {
  const tag = bodyTag(tables.settle);
  return `
CREATE OR REPLACE FUNCTION ${tables.settle}(
  chunks bigint[], masks text[],
  other_chunks bigint[], places integer[], kinds text[], delays_ms double precision[], errors text[]
)
RETURNS text[]
${ROUTINE}
AS ${tag}
#variable_conflict use_variable
DECLARE
  stale text[] := '{}';
  held ${tables.chunk}%ROWTYPE;
  asked varbit;
  done varbit;
  again varbit;
BEGIN
${READ_COMMITTED_ONLY}
  FOR i IN 1..cardinality(chunks) LOOP
    IF NOT chunks[i] = ANY (other_chunks) AND strpos(masks[i], '0') = 0 THEN
      DELETE FROM ${tables.chunk} AS chunk
      WHERE chunk.chunk_id = chunks[i] AND chunk.done IS NULL AND chunk.size = length(masks[i]);
      IF FOUND THEN
        stale[i] := '';
        CONTINUE;
      END IF;
    END IF;
    SELECT chunk.* INTO held FROM ${tables.chunk} AS chunk WHERE chunk.chunk_id = chunks[i] FOR UPDATE;
    IF NOT FOUND THEN
      stale[i] := '*';
      CONTINUE;
    END IF;
    asked := rpad(masks[i], held.size, '0')::varbit;
    done := coalesce(held.done, repeat('0', held.size)::varbit);
    again := asked & done;
    stale[i] := CASE WHEN bit_count(again) > 0 THEN again::text ELSE '' END;
    IF chunks[i] = ANY (other_chunks) THEN
      PERFORM ${tables.giveBack}(
        held, array_agg(other.place), array_agg(other.kind), array_agg(other.delay_ms), array_agg(other.error)
      )
      FROM unnest(other_chunks, places, kinds, delays_ms, errors) AS other (chunk_id, place, kind, delay_ms, error)
      WHERE other.chunk_id = chunks[i] AND other.place < held.size AND get_bit(done, other.place) = 0
      HAVING count(*) > 0;
    END IF;
    done := done | asked;
    IF bit_count(done) = held.size THEN
      DELETE FROM ${tables.chunk} AS chunk WHERE chunk.chunk_id = chunks[i];
    ELSE
      UPDATE ${tables.chunk} AS chunk SET done = done WHERE chunk.chunk_id = chunks[i];
    END IF;
  END LOOP;
  RETURN stale;
END
${tag}`;
}

/**
 * Ends expired leases: what is not settled of them is written anew with an attempt more, at most `wanted` events. What is
 * left of a chunk stays its holder's until the next time. Chunks that others have locked are passed over.
 */
function createReap(tables: LogTables): string {
  const tag = bodyTag(tables.reap);
  return `
CREATE OR REPLACE FUNCTION ${tables.reap}(wanted integer)
RETURNS integer
${ROUTINE}
AS ${tag}
#variable_conflict use_variable
DECLARE
  held ${tables.chunk}%ROWTYPE;
  done varbit;
  taken integer[];
  reaped integer := 0;
BEGIN
${READ_COMMITTED_ONLY}
  FOR held IN
    SELECT chunk.* FROM ${tables.chunk} AS chunk WHERE chunk.expires_at <= now() ORDER BY chunk.chunk_id
    LIMIT wanted
    FOR UPDATE SKIP LOCKED
  LOOP
    EXIT WHEN reaped >= wanted;
    done := coalesce(held.done, repeat('0', held.size)::varbit);
    SELECT array_agg(untaken.place) INTO taken
    FROM (
      SELECT place
      FROM generate_series(0, held.size - 1) AS place
      WHERE get_bit(done, place) = 0
      ORDER BY place
      LIMIT wanted - reaped
    ) AS untaken;
    PERFORM ${tables.giveBack}(
      held, taken, array_fill('crash'::text, ARRAY[cardinality(taken)]), array_fill(0::float8, ARRAY[cardinality(taken)]),
      array_fill('lease expired in the last attempt, held by ' || held.worker, ARRAY[cardinality(taken)])
    );
    FOR i IN 1..cardinality(taken) LOOP
      done := set_bit(done, taken[i], 1);
    END LOOP;
    reaped := reaped + cardinality(taken);
    IF bit_count(done) = held.size THEN
      DELETE FROM ${tables.chunk} AS chunk WHERE chunk.chunk_id = held.chunk_id;
    ELSE
      UPDATE ${tables.chunk} AS chunk SET done = done WHERE chunk.chunk_id = held.chunk_id;
    END IF;
  END LOOP;
  RETURN reaped;
END
${tag}`;
}

/** The routines, in the order in which they need each other. */
export function settleRoutines(tables: LogTables): readonly string[] {
  return [createGiveBack(tables), createSettle(tables), createReap(tables)];
}

/** Parameters $1…$7: see the routine. */
export function settleCall(tables: LogTables): string {
  const parameters = SETTLE_TYPES.split(', ').map((type, index) => `$${index + 1}::${type}`);
  return `${tables.settle}(${parameters.join(', ')})`;
}

/**
 * Parameters: chunk ids, a mask of places for each, lease in ms. Returns the chunks' ids with '' when all of it is held, '*'
 * when nothing is, else a mask of what is done. The lease is the chunk's: whoever prolongs it for one job does for all.
 */
export function extendSql(tables: LogTables): string {
  return `
WITH asked AS (
  SELECT chunk_id, mask FROM unnest($1::bigint[], $2::text[]) AS asked (chunk_id, mask)
), extended AS (
  UPDATE ${tables.chunk} AS chunk
  SET expires_at = clock_timestamp() + $3::float8 * interval '1 ms'
  FROM asked
  WHERE chunk.chunk_id = asked.chunk_id
  RETURNING chunk.chunk_id, coalesce((chunk.done & rpad(asked.mask, chunk.size, '0')::varbit)::text, '') AS done
)
SELECT ARRAY(
  SELECT coalesce(extended.done, '*')
  FROM unnest($1::bigint[]) WITH ORDINALITY AS asked (chunk_id, number)
  LEFT JOIN extended USING (chunk_id)
  ORDER BY asked.number
) AS stale`;
}

/** Ends at most `limit` leases; the row says how many, as `ended`. */
export function reapCall(tables: LogTables, limit: number): Statement {
  return { text: `SELECT ${tables.reap}($1) AS ended`, values: [Math.max(1, Math.trunc(limit))] };
}

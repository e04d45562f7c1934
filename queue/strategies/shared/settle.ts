// How are outcomes settled on the shared table, all kinds in one round trip?

import type { Connection } from '../../drivers/driver.ts';
import { prepared } from '../../sql.ts';
import type { JobId, Outcome, SettleResult } from '../../strategy.ts';
import { withError } from './error-log.ts';
import type { JobsTable } from './table.ts';

/** What differs between the strategies on this table. SQL over `job` (the row) and `outcome` (id, fence, …). */
export interface SettleRules {
  /** True while the row is still the claimer's. */
  readonly owned: string;
  /** The attempts to record when a job returns after a failure, is buried, or is released. */
  readonly attemptAfterFailure: string;
  readonly attemptAfterRelease: string;
  /** The fence that a claimed job's token carries, as the statement's integer. */
  fence(outcome: Outcome): number;
}

/**
 * For claims that write nothing. The claimer's lock proves the ownership; the state only guards against a row that somebody
 * changed by hand. Not `state = 'r'`: that would let the planner walk the index of all ready jobs once for each outcome.
 */
export const UNWRITTEN: SettleRules = {
  owned: `job.state NOT IN ('d', 'l')`,
  attemptAfterFailure: '(job.attempt + 1)::smallint',
  attemptAfterRelease: 'job.attempt',
  fence: () => 0,
};

/** Counts as the statements return them; `stale` is NULL when every outcome found its row. */
interface SettleRow {
  readonly acked: number;
  readonly retried: number;
  readonly dead_lettered: number;
  readonly released: number;
  readonly stale: readonly string[] | null;
}

/** Settles outcomes on a connection. Rejects with the driver's error when it is unknown what happened. */
export type Settle = (connection: Connection, outcomes: readonly Outcome[]) => Promise<SettleResult>;

const NOTHING: SettleResult = { acked: 0, retried: 0, deadLettered: 0, released: 0, stale: [] };

/** One ack, the shape of an unbatched worker: the row count says it all. */
export function ackOne(table: JobsTable, rules: Pick<SettleRules, 'owned'>): string {
  return `
DELETE FROM ${table.jobs} AS job
USING (VALUES ($1::bigint, $2::integer)) AS outcome (id, fence)
WHERE job.id = outcome.id AND ${rules.owned}`;
}

/** Acks only. The stale ids are looked for only when the count says that there are some. */
export function ackMany(table: JobsTable, rules: Pick<SettleRules, 'owned'>): string {
  return `
WITH acked AS (
  DELETE FROM ${table.jobs} AS job
  USING unnest($1::bigint[], $2::integer[]) AS outcome (id, fence)
  WHERE job.id = outcome.id AND ${rules.owned}
  RETURNING job.id
)
SELECT
  count(*)::integer AS acked,
  0 AS retried,
  0 AS dead_lettered,
  0 AS released,
  CASE WHEN count(*) < cardinality($1::bigint[]) THEN
    ARRAY(SELECT id::text FROM unnest($1::bigint[]) AS asked (id) EXCEPT ALL SELECT id::text FROM acked)
  END AS stale
FROM acked`;
}

/**
 * Every kind. A job is in at most one of the two data-modifying branches, as each takes its own kinds. A delay begins, and a
 * job dies, by the clock, since a transaction that was held while its job ran began when that was claimed.
 */
function settleMixed(table: JobsTable, rules: SettleRules): string {
  return `
WITH outcome AS MATERIALIZED (
  SELECT id, fence, kind, delay_ms, error
  FROM unnest($1::bigint[], $2::integer[], $3::text[], $4::float8[], $5::text[])
    AS outcome (id, fence, kind, delay_ms, error)
), removed AS (
  DELETE FROM ${table.jobs} AS job
  USING outcome
  WHERE outcome.kind IN ('ack', 'dead-letter') AND job.id = outcome.id AND ${rules.owned}
  RETURNING job.id, job.created_at, job.fence, ${rules.attemptAfterFailure} AS attempt, job.max_attempts, job.priority,
    job.queue, job.last_error, outcome.kind, outcome.error, job.payload
), buried AS (
  INSERT INTO ${table.dead} (id, created_at, died_at, fence, attempt, max_attempts, priority, queue, error, payload)
  SELECT id, created_at, clock_timestamp(), fence, attempt, max_attempts, priority, queue,
    ${withError('last_error', 'attempt', 'error')}, payload
  FROM removed
  WHERE kind = 'dead-letter'
), returned AS (
  UPDATE ${table.jobs} AS job
  SET
    state = CASE WHEN outcome.delay_ms > 0 THEN 'd'::"char" ELSE 'r'::"char" END,
    run_at = CASE
      WHEN outcome.kind = 'retry' OR outcome.delay_ms > 0 THEN clock_timestamp() + outcome.delay_ms * interval '1 ms'
      ELSE job.run_at
    END,
    attempt = CASE WHEN outcome.kind = 'retry' THEN ${rules.attemptAfterFailure} ELSE ${rules.attemptAfterRelease} END,
    last_error = CASE
      WHEN outcome.kind = 'retry' THEN ${withError('job.last_error', rules.attemptAfterFailure, 'outcome.error')}
      ELSE job.last_error
    END,
    lease_expires_at = NULL,
    worker = NULL
  FROM outcome
  WHERE outcome.kind IN ('retry', 'release') AND job.id = outcome.id AND ${rules.owned}
  RETURNING job.id, outcome.kind
), settled AS (
  SELECT id, kind FROM removed UNION ALL SELECT id, kind FROM returned
)
SELECT
  (count(*) FILTER (WHERE kind = 'ack'))::integer AS acked,
  (count(*) FILTER (WHERE kind = 'retry'))::integer AS retried,
  (count(*) FILTER (WHERE kind = 'dead-letter'))::integer AS dead_lettered,
  (count(*) FILTER (WHERE kind = 'release'))::integer AS released,
  CASE WHEN count(*) < cardinality($1::bigint[]) THEN
    ARRAY(SELECT id::text FROM outcome EXCEPT ALL SELECT id::text FROM settled)
  END AS stale
FROM settled`;
}

function toResult(row: SettleRow | undefined): SettleResult {
  if (row === undefined) return NOTHING;
  return {
    acked: row.acked,
    retried: row.retried,
    deadLettered: row.dead_lettered,
    released: row.released,
    stale: row.stale ?? [],
  };
}

/** Text that `text` columns can hold: NUL cannot be stored, and an error must not keep its job from being settled. */
export function storableError(error: string): string {
  return error.toWellFormed().replaceAll('\0', '\u{FFFD}');
}

/** How long a job is to wait after its outcome, in ms. */
export function delayMsOf(outcome: Outcome): number {
  return outcome.kind === 'retry' || outcome.kind === 'release' ? (outcome.delayMs ?? 0) : 0;
}

/** The statements of a settle, for whatever tables. Their parameters and rows are those of the ones above. */
export interface SettleTexts {
  readonly ackOne: string;
  readonly ackMany: string;
  readonly mixed: string;
  /** The fence that a claimed job's token carries, as the statement's integer. */
  fence(outcome: Outcome): number;
}

/** Makes the settle of `table` under `rules`. */
export function settleOn(table: JobsTable, rules: SettleRules): Settle {
  return settleWith({
    ackOne: ackOne(table, rules),
    ackMany: ackMany(table, rules),
    mixed: settleMixed(table, rules),
    fence: rules.fence,
  });
}

/** Makes the settle that sends `texts`. */
export function settleWith(texts: SettleTexts): Settle {
  const one = prepared(texts.ackOne);
  const acks = prepared(texts.ackMany);
  const mixed = prepared(texts.mixed);
  return async (connection, outcomes) => {
    const [first] = outcomes;
    if (first === undefined) return NOTHING;
    if (outcomes.length === 1 && first.kind === 'ack') {
      const { rowCount } = await connection.query(one([first.job.id, texts.fence(first)]));
      return { ...NOTHING, acked: rowCount, stale: rowCount === 1 ? [] : [first.job.id] };
    }
    const ids: JobId[] = outcomes.map((outcome) => outcome.job.id);
    const fences = outcomes.map((outcome) => texts.fence(outcome));
    const statement = outcomes.every((outcome) => outcome.kind === 'ack')
      ? acks([ids, fences])
      : mixed([
          ids,
          fences,
          outcomes.map((outcome) => outcome.kind),
          outcomes.map(delayMsOf),
          outcomes.map((outcome) => ('error' in outcome ? storableError(outcome.error) : null)),
        ]);
    const { rows } = await connection.query<SettleRow>(statement);
    return toResult(rows[0]);
  };
}

// How does each day get its partition of finished jobs, and lose it when it is old?
//
// The default partition is the safety net: what is recorded on a day that has none lies there, and is moved when the day gets
// its own. In the ordinary course it stays empty, as partitions are made two days ahead. A day of which too much lies there for
// writers to wait meanwhile stays there, and is deleted row by row when it is old.

import type { Database } from '../drivers/driver.ts';
import { InvalidArgumentError } from '../errors.ts';
import { said } from '../keys.ts';
import type { QueueTables } from '../schema/queue-tables.ts';
import { qualify, quoteLiteral } from '../sql.ts';

/** What an upkeep has done. Days as YYYY-MM-DD. */
export interface HistoryUpkeep {
  readonly made: readonly string[];
  readonly dropped: readonly string[];
  /** Somebody held on to a lock, so that there is more to do: try again in a minute. */
  readonly postponed: boolean;
}

/** Days beyond today that have a partition. */
const DAYS_AHEAD = 2;
const DAY_MS = 86_400_000;
/** For one's turn: nobody else waits meanwhile. */
const TURN_TIMEOUT = '1s';
/** Behind a lock on a table that is waited for, each settle that records may wait too. A writer's transaction is over sooner. */
const LOCK_TIMEOUT = '200ms';
/** Rows of a day that are moved while writers wait. */
const MOVED_MAX = 2_000;
/** Old rows that one statement deletes from the default partition. */
const DELETED_MAX = 2_000;
/** PostgreSQL's lock_not_available. */
const LOCK_NOT_AVAILABLE = '55P03';

/** A day of UTC as YYYY-MM-DD: in this form texts compare as days do. */
type Day = string;

interface Look {
  readonly today: Day;
  /** Unqualified names. */
  readonly partitions: readonly string[];
  /** Days of what lies in the default partition, and those among them that are too full to be moved. */
  readonly astray: readonly Day[];
  readonly crowded: readonly Day[];
}

/**
 * Reads the catalogue and, from day to day by its index, the default partition: whoever wants that to himself waits for a reader.
 * Parameter: the qualified name of the table.
 */
function lookSql({ finishedDefault }: QueueTables): string {
  const text = (day: string) => `to_char(${day}, 'YYYY-MM-DD')`;
  const first = (where: string) =>
    `SELECT date_trunc('day', min(finished_at) AT TIME ZONE 'UTC') FROM ${finishedDefault} ${where}`;
  return `
WITH RECURSIVE days (day) AS (
  SELECT (${first('')})
  UNION ALL
  SELECT (${first(`WHERE finished_at >= (day + interval '1 day') AT TIME ZONE 'UTC'`)}) FROM days WHERE day IS NOT NULL
), astray AS MATERIALIZED (
  SELECT day, EXISTS (
    SELECT FROM ${finishedDefault}
    WHERE finished_at >= day AT TIME ZONE 'UTC' AND finished_at < (day + interval '1 day') AT TIME ZONE 'UTC'
    OFFSET ${MOVED_MAX}
  ) AS crowded
  FROM days
  WHERE day IS NOT NULL
)
SELECT
  ${text(`now() AT TIME ZONE 'UTC'`)} AS today,
  ARRAY(
    SELECT part.relname::text
    FROM pg_catalog.pg_inherits AS link
    JOIN pg_catalog.pg_class AS part ON part.oid = link.inhrelid
    WHERE link.inhparent = to_regclass($1)
  ) AS partitions,
  ARRAY(SELECT ${text('day')} FROM astray) AS astray,
  ARRAY(SELECT ${text('day')} FROM astray WHERE crowded) AS crowded`;
}

const addDays = (day: Day, days: number): Day =>
  new Date(Date.parse(`${day}T00:00:00Z`) + days * DAY_MS).toISOString().slice(0, 10);

const partitionOf = (day: Day): string => `queue_finished_${day.replaceAll('-', '')}`;

/** The day of a partition; `undefined` for the default one, and for what somebody else has attached. */
function dayOf(partition: string): Day | undefined {
  const [, year, month, day] = /^queue_finished_(\d{4})(\d{2})(\d{2})$/.exec(partition) ?? [];
  return year === undefined ? undefined : `${year}-${month}-${day}`;
}

const instantOf = (day: Day): string => quoteLiteral(`${day} 00:00:00+00`);

/**
 * `body` as one transaction, one process after the other. Without parameters it is one message of the simple protocol, so no
 * lock outlasts a round trip, or a client. READ COMMITTED, whatever the role's default: the transaction begins before it waits,
 * and has to see what was committed meanwhile.
 */
async function inTurn(db: Database, { finished }: QueueTables, body: string): Promise<void> {
  const block = `BEGIN${body}\nEND`;
  const text = [
    'SET TRANSACTION ISOLATION LEVEL READ COMMITTED',
    'SET LOCAL client_min_messages = warning',
    `SET LOCAL lock_timeout = '${TURN_TIMEOUT}'`,
    `SELECT pg_advisory_xact_lock(hashtextextended(${quoteLiteral(`claimbench ${finished}`)}, 0))`,
    `SET LOCAL lock_timeout = '${LOCK_TIMEOUT}'`,
    `DO ${quoteLiteral(block)}`,
  ].join(';\n');
  await db.query({ text });
}

/**
 * Of a day that has begun, or may begin meanwhile, whoever records waits before he has chosen a partition: one that had chosen the
 * default one would be refused by it when it no longer takes the day, and his settle with him. So writers are shut out first, and
 * the default partition's readers after them. Of a later day nobody records, and no writer waits.
 * ATTACH by itself lets writers through; PARTITION OF would shut readers out.
 */
function makeSql(tables: QueueTables, day: Day, shutWriters: boolean): string {
  const partition = qualify(tables.schema, partitionOf(day));
  const [from, to] = [instantOf(day), instantOf(addDays(day, 1))];
  return `
  IF ${isPartition(tables, partition)} THEN RETURN; END IF;
  CREATE TABLE ${partition} (LIKE ${tables.finished} INCLUDING ALL);
  ${shutWriters ? `LOCK TABLE ONLY ${tables.finished} IN SHARE ROW EXCLUSIVE MODE;` : ''}
  LOCK TABLE ${tables.finishedDefault} IN ACCESS EXCLUSIVE MODE;
  WITH moved AS (
    DELETE FROM ${tables.finishedDefault} WHERE finished_at >= ${from} AND finished_at < ${to} RETURNING *
  )
  INSERT INTO ${partition} SELECT * FROM moved;
  ALTER TABLE ${tables.finished} ATTACH PARTITION ${partition} FOR VALUES FROM (${from}) TO (${to});`;
}

/**
 * One transaction for both: a process that died between them would leave a table that nobody knows. The table of all days comes
 * last, as every writer waits behind whoever waits for it: a long reader is met before that, at the old day or the default one.
 * Who has the table and waits for either goes on when this gives up.
 */
function dropSql(tables: QueueTables, day: Day): string {
  const partition = qualify(tables.schema, partitionOf(day));
  return `
  IF NOT ${isPartition(tables, partition)} THEN RETURN; END IF;
  LOCK TABLE ${partition} IN ACCESS EXCLUSIVE MODE;
  LOCK TABLE ${tables.finishedDefault} IN ACCESS EXCLUSIVE MODE;
  LOCK TABLE ONLY ${tables.finished} IN ACCESS EXCLUSIVE MODE;
  ALTER TABLE ${tables.finished} DETACH PARTITION ${partition};
  DROP TABLE ${partition};`;
}

/** Deletes what is older than the day `oldest` from the default partition, page by page. What others delete is left to them. */
async function deleteAstray(db: Database, { finishedDefault }: QueueTables, oldest: Day): Promise<void> {
  const text = `
DELETE FROM ${finishedDefault} WHERE ctid = ANY (ARRAY (
  SELECT ctid FROM ${finishedDefault}
  WHERE finished_at < ${instantOf(oldest)}
  ORDER BY finished_at
  LIMIT ${DELETED_MAX}
  FOR UPDATE SKIP LOCKED
))`;
  for (let deleted = DELETED_MAX; deleted === DELETED_MAX; )
    ({ rowCount: deleted } = await db.query({ text }));
}

function isPartition({ finished }: QueueTables, partition: string): string {
  return `EXISTS (
    SELECT FROM pg_catalog.pg_inherits
    WHERE inhparent = to_regclass(${quoteLiteral(finished)}) AND inhrelid = to_regclass(${quoteLiteral(partition)})
  )`;
}

/** Does what `History.upkeep` promises. */
export async function tendHistory(
  db: Database,
  tables: QueueTables,
  days: number,
  givenToday: string | undefined,
): Promise<HistoryUpkeep> {
  if (givenToday !== undefined) requireDay(givenToday);
  const { rows } = await db.query<Look>({ text: lookSql(tables), values: [tables.finished] });
  const [look] = rows;
  if (look === undefined) throw new Error('the look at the partitions of finished jobs returned no row');
  const today = givenToday ?? look.today;
  const oldest = addDays(today, -days);
  const there = new Set(look.partitions.map(dayOf));
  const wanted = new Set(look.astray.filter((day) => day >= oldest));
  for (let ahead = 0; ahead <= DAYS_AHEAD; ahead += 1) wanted.add(addDays(today, ahead));
  const crowded = new Set(look.crowded);
  const old = [...there].filter((day) => day !== undefined).filter((day) => day < oldest);

  const done = { made: [] as Day[], dropped: [] as Day[] };
  try {
    if (look.astray.some((day) => day < oldest)) await deleteAstray(db, tables, oldest);
    for (const day of [...wanted].filter((one) => !there.has(one) && !crowded.has(one)).sort()) {
      await inTurn(db, tables, makeSql(tables, day, day <= addDays(today, 1)));
      done.made.push(day);
    }
    for (const day of old.sort()) {
      await inTurn(db, tables, dropSql(tables, day));
      done.dropped.push(day);
    }
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === LOCK_NOT_AVAILABLE)) throw error;
    return { ...done, postponed: true };
  }
  return { ...done, postponed: false };
}

/** Throws InvalidArgumentError for what is no day: it becomes part of names and bounds. */
function requireDay(day: string): void {
  const read = /^\d{4}-\d{2}-\d{2}$/.test(day) ? Date.parse(`${day}T00:00:00Z`) : Number.NaN;
  if (Number.isNaN(read) || new Date(read).toISOString().slice(0, 10) !== day)
    throw new InvalidArgumentError(`today is ${said(day)}: give a day as YYYY-MM-DD`);
}

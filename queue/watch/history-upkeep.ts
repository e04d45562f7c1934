// How does each day get its partition of finished jobs, and lose it when it is old?
//
// The default partition is the safety net: what is recorded on a day that has none lies there, and is moved when the day gets
// its own. In the ordinary course it stays empty, as partitions are made two days ahead.

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
/** Behind a lock that is waited for, each settle that records waits too. A writer's transaction is over sooner. */
const LOCK_TIMEOUT = '1s';
/** While writers are kept out altogether: in this time a list is read, and a dump is not to be waited for. */
const SHUT_TIMEOUT = '200ms';
/** PostgreSQL's lock_not_available. */
const LOCK_NOT_AVAILABLE = '55P03';

/** A day of UTC as YYYY-MM-DD: in this form texts compare as days do. */
type Day = string;

interface Look {
  readonly today: Day;
  /** Unqualified names. */
  readonly partitions: readonly string[];
  /** Days of what lies in the default partition. */
  readonly astray: readonly Day[];
}

/** Reads the catalogue and the default partition, and locks nothing. Parameter: the qualified name of the table. */
function lookSql({ finishedDefault }: QueueTables): string {
  const day = (instant: string) => `to_char(${instant} AT TIME ZONE 'UTC', 'YYYY-MM-DD')`;
  return `
SELECT
  ${day('now()')} AS today,
  ARRAY(
    SELECT part.relname::text
    FROM pg_catalog.pg_inherits AS link
    JOIN pg_catalog.pg_class AS part ON part.oid = link.inhrelid
    WHERE link.inhparent = to_regclass($1)
  ) AS partitions,
  ARRAY(SELECT DISTINCT ${day('finished_at')} FROM ${finishedDefault}) AS astray`;
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
    `SET LOCAL lock_timeout = '${LOCK_TIMEOUT}'`,
    `SELECT pg_advisory_xact_lock(hashtextextended(${quoteLiteral(`claimbench ${finished}`)}, 0))`,
    `DO ${quoteLiteral(block)}`,
  ].join(';\n');
  await db.query({ text });
}

/**
 * Whoever records waits meanwhile, before he has chosen a partition: one that had chosen the default one would be refused by it
 * when it no longer takes the day, and his settle with him. ATTACH by itself lets writers through; PARTITION OF would shut readers out.
 */
function makeSql(tables: QueueTables, day: Day): string {
  const partition = qualify(tables.schema, partitionOf(day));
  const [from, to] = [instantOf(day), instantOf(addDays(day, 1))];
  return `
  IF ${isPartition(tables, partition)} THEN RETURN; END IF;
  LOCK TABLE ONLY ${tables.finished} IN SHARE ROW EXCLUSIVE MODE;
  SET LOCAL lock_timeout = '${SHUT_TIMEOUT}';
  LOCK TABLE ${tables.finishedDefault} IN ACCESS EXCLUSIVE MODE;
  CREATE TABLE ${partition} (LIKE ${tables.finished} INCLUDING ALL);
  WITH moved AS (
    DELETE FROM ${tables.finishedDefault} WHERE finished_at >= ${from} AND finished_at < ${to} RETURNING *
  )
  INSERT INTO ${partition} SELECT * FROM moved;
  ALTER TABLE ${tables.finished} ATTACH PARTITION ${partition} FOR VALUES FROM (${from}) TO (${to});`;
}

/** One transaction for both: a process that died between them would leave a table that nobody knows. */
function dropSql(tables: QueueTables, day: Day): string {
  const partition = qualify(tables.schema, partitionOf(day));
  return `
  IF NOT ${isPartition(tables, partition)} THEN RETURN; END IF;
  ALTER TABLE ${tables.finished} DETACH PARTITION ${partition};
  DROP TABLE ${partition};`;
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
  const old = [...there].filter((day) => day !== undefined).filter((day) => day < oldest);

  const done = { made: [] as Day[], dropped: [] as Day[] };
  try {
    if (look.astray.some((day) => day < oldest))
      await db.query({
        text: `DELETE FROM ${tables.finishedDefault} WHERE finished_at < $1::timestamptz`,
        values: [`${oldest} 00:00:00+00`],
      });
    for (const day of [...wanted].filter((one) => !there.has(one)).sort()) {
      await inTurn(db, tables, makeSql(tables, day));
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

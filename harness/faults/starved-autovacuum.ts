// How does autovacuum come to pass the tables of the contender over?

import pg from 'pg';
import { errorCode, oneLine } from '../errors.ts';
import type { ConnectionSettings } from '../server/server.ts';
import { endSessions, FAULT_MARK, insist, openFaultSession } from './fault-session.ts';
import type { Holder } from './held.ts';
import { startRepeating } from './repeating.ts';

const LOOK_AGAIN_MS = 1_000;
/**
 * Longer than deadlock_timeout, after which an autovacuum that has the table gives way. What is waited for, SHARE UPDATE EXCLUSIVE,
 * keeps nobody from rows, not even while it waits.
 */
const LOCK_TIMEOUT = `SET lock_timeout = '1500ms'`;
const LOCK_NOT_AVAILABLE = '55P03';
const UNDEFINED_TABLE = '42P01';

/** A table as it was before; what it did not say for itself is undefined. */
interface Table {
  readonly oid: number;
  /** Quoted and qualified. */
  readonly name: string;
  readonly own: string | null;
  readonly toast: string | null;
}

/**
 * Takes autovacuum off every table of the schema, and off those that come later. An autovacuum that is under way is ended by
 * that; one against wraparound is not. Disposing puts back what each table said before.
 */
export async function starve(connection: ConnectionSettings, schema: string): Promise<Holder> {
  const client = await openFaultSession(connection);
  const starved = new Map<number, Table>();
  const putBack = () =>
    insist(connection, async (own) => {
      await own.query(LOCK_TIMEOUT);
      for (const table of [...starved.values()]) {
        await tolerating(UNDEFINED_TABLE, own.query(resetOf(table)));
        starved.delete(table.oid);
      }
    });
  try {
    await client.query(LOCK_TIMEOUT);
    await takeOff(client, schema, starved);
    if (starved.size === 0) throw new Error(`there is no table in the schema ${schema} of the contender`);
    const repeating = await startRepeating(LOOK_AGAIN_MS, () => takeOff(client, schema, starved));
    return {
      async [Symbol.asyncDispose]() {
        try {
          await repeating[Symbol.asyncDispose]();
        } finally {
          await endSessions([client]);
          await putBack();
        }
      },
    };
  } catch (error) {
    await endSessions([client]);
    await putBack().catch(() => undefined);
    throw refused(error, connection.user);
  }
}

async function takeOff(client: pg.Client, schema: string, starved: Map<number, Table>): Promise<void> {
  const { rows } = await client.query<Table>(
    `SELECT ${FAULT_MARK} c.oid::int8::float8 AS oid, format('%I.%I', $1::text, c.relname) AS name,
            (SELECT option_value FROM pg_options_to_table(c.reloptions) WHERE option_name = 'autovacuum_enabled') AS own,
            (SELECT option_value FROM pg_class t, pg_options_to_table(t.reloptions)
              WHERE t.oid = c.reltoastrelid AND option_name = 'autovacuum_enabled') AS toast
       FROM pg_class c
      WHERE c.relnamespace = to_regnamespace($1) AND c.relkind IN ('r', 'm') AND c.oid <> ALL ($2::oid[])
      ORDER BY c.relname`,
    [schema, [...starved.keys()]],
  );
  for (const table of rows) {
    starved.set(table.oid, table);
    await tolerating(
      UNDEFINED_TABLE,
      client.query(
        `${FAULT_MARK} ALTER TABLE ${table.name} SET (autovacuum_enabled = off, toast.autovacuum_enabled = off)`,
      ),
    );
  }
}

function resetOf({ name, own, toast }: Table): string {
  const one = (option: string, value: string | null): string =>
    value === null
      ? `ALTER TABLE ${name} RESET (${option})`
      : `ALTER TABLE ${name} SET (${option} = ${pg.escapeLiteral(value)})`;
  return `${FAULT_MARK} ${one('autovacuum_enabled', own)}; ${one('toast.autovacuum_enabled', toast)}`;
}

async function tolerating(code: string, work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (errorCode(error) !== code) throw error;
  }
}

function refused(error: unknown, user: string): unknown {
  switch (errorCode(error)) {
    case '42501':
      return new Error(`role "${user}" does not own the contender's tables: ${oneLine(error)}`);
    case LOCK_NOT_AVAILABLE:
      return new Error('a table of the contender was locked for too long: leave the fault out, or try again');
    default:
      return error;
  }
}

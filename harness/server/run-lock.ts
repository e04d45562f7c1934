// How does one run know that another is alive on the same server? By an advisory lock on a connection that stays open.

import { randomInt } from 'node:crypto';
import pg from 'pg';

import { isForUser, RuntimeFailure } from '../errors.ts';
import { clearPrepared } from './prepared-transactions.ts';
import type { ConnectionSettings } from './server.ts';

/** First half of every advisory lock of the harness: the letters `clai`. */
const LOCK_CLASS = 0x63_6c_61_69;
/** Second half of the lock that makes a run the only one in a database; runs draw numbers above it. */
const WHOLE_DATABASE = 0;

/** A number that marks what this run makes on the server. */
export function drawRunNumber(): number {
  return randomInt(1, 2 ** 31 - 1);
}

/** Holds the lock of a run's number until `keeper` is closed, by its end or by the harness's death. */
export async function announceRun(keeper: pg.Client, run: number): Promise<void> {
  await keeper.query('SELECT pg_advisory_lock($1, $2)', [LOCK_CLASS, run]);
}

/** Tries to become the only run in the database of `keeper`. False when another holds the place. */
export async function claimDatabase(keeper: pg.Client): Promise<boolean> {
  const { rows } = await keeper.query<{ locked: boolean }>('SELECT pg_try_advisory_lock($1, $2) AS locked', [
    LOCK_CLASS,
    WHOLE_DATABASE,
  ]);
  return rows[0]?.locked === true;
}

/** The comment on a database that a run made. A person who lists databases reads it, too. */
export function databaseMark(run: number): string {
  return `claimbench run ${run}: a benchmark cell, dropped when its run ends, or by the next run`;
}

/**
 * Drops databases that runs of this role left when they died: named and marked as ours, owned by this very role, and
 * of a run whose lock nobody holds. What it left prepared there goes first. Without FORCE: whatever is still in use is not a leftover.
 */
export async function dropLeftoverDatabases(
  keeper: pg.Client,
  settings: ConnectionSettings,
  prefix: string,
): Promise<void> {
  const { rows } = await keeper.query<{ name: string; mark: string }>(
    `SELECT d.datname AS name, shobj_description(d.oid, 'pg_database') AS mark
       FROM pg_database d
      WHERE starts_with(d.datname, $1)
        AND pg_get_userbyid(d.datdba) = current_user
        AND shobj_description(d.oid, 'pg_database') LIKE 'claimbench run %'`,
    [prefix],
  );
  for (const { name, mark } of rows) {
    const run = Number(/^claimbench run (\d+):/.exec(mark)?.[1]);
    if (!Number.isInteger(run) || (await isAnnounced(keeper, run))) continue;
    try {
      await clearPrepared(keeper, settings, name);
      await keeper.query(`DROP DATABASE IF EXISTS ${pg.escapeIdentifier(name)}`);
    } catch (error) {
      // In use, or another run is dropping it, or has dropped it.
      if (!(error instanceof pg.DatabaseError) && !isForUser(error)) throw error;
    }
  }
}

/** pg_locks shows the locks of all databases; the two halves of an advisory lock are classid and objid. */
async function isAnnounced(keeper: pg.Client, run: number): Promise<boolean> {
  const { rows } = await keeper.query(
    `SELECT FROM pg_locks
      WHERE locktype = 'advisory' AND classid = $1::oid AND objid = $2::oid AND objsubid = 2`,
    [LOCK_CLASS, run],
  );
  return rows.length > 0;
}

/** Fails when the connection that holds the run's lock has gone: another run may then take this one for dead. */
export async function assertStillAnnounced(keeper: pg.Client, where: string): Promise<void> {
  try {
    await keeper.query('SELECT 1');
  } catch {
    throw new RuntimeFailure(
      `the connection that marks this run as alive on ${where} was lost: check the server, then start the run again`,
    );
  }
}

// What do a driver's connections go through on their way to the server?
//
// A pooler answers with a process id of its own making when a connection starts. Which mode it is in shows only in what
// becomes of a connection that does nothing: in transaction mode its place at the server is another's meanwhile.

import type { PoolerMode } from './driver.ts';
import type { DriverSettings } from './options.ts';

/** What lies between a driver and its server. */
export interface Passage {
  /** Absent: the server itself answers. */
  readonly pooler?: PoolerMode;
  /** Whether a statement that was prepared once may be run by its name from then on. */
  readonly prepares: boolean;
}

/** A session on which its user has sent nothing yet. */
export interface RawSession {
  /** The process id that it was told as it started. */
  readonly startPid: number;
  query(text: string): Promise<readonly Readonly<Record<string, unknown>>[]>;
  /** Runs `text` as a prepared statement, and answers with the name that it was given. */
  prepare(text: string): Promise<string>;
  /** Ends it at once, whatever it waits for. */
  cut(): void;
}

/** Time to find out; a pooler that has no place free for so long is told by its user. */
const FIND_MS = 5_000;
/** Each shows a pooler in transaction mode unless others take its places at just these moments. */
const ROUNDS = 5;

/** Finds out once for all connections of a driver. */
export class PassageFinder {
  readonly #settings: DriverSettings;
  readonly #open: () => Promise<RawSession>;
  #found: Passage | undefined;
  #finding: Promise<Passage> | undefined;

  /** `open` opens one more session like those that are met. */
  constructor(settings: DriverSettings, open: () => Promise<RawSession>) {
    this.#settings = settings;
    this.#open = open;
  }

  /** As of the session that was met last; absent before the first. */
  get found(): Passage | undefined {
    return this.#found;
  }

  /**
   * To be asked with each new session, before anybody uses it; `pid` is what the server says of it. Rejects when the mode of
   * a pooler is not found out in 5 s.
   */
  async meet(session: RawSession, pid: number): Promise<Passage> {
    const { pooler, prepare } = this.#settings;
    if (pooler === 'none' || (pooler === undefined && session.startPid === pid)) {
      this.#found = { prepares: prepare ?? true };
      return this.#found;
    }
    this.#finding ??= this.#find(session).catch((error: unknown) => {
      this.#finding = undefined;
      throw error;
    });
    this.#found = await this.#finding;
    return this.#found;
  }

  async #find(session: RawSession): Promise<Passage> {
    const { pooler: told, prepare } = this.#settings;
    const pooler = told === undefined || told === 'none' ? await this.#mode(session) : told;
    if (pooler === 'session') return { pooler, prepares: prepare ?? true };
    return { pooler, prepares: prepare ?? (await keepsPrepared(session)) };
  }

  async #mode(session: RawSession): Promise<PoolerMode> {
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => late.reject(new Error(`${UNKNOWN}, within ${FIND_MS} ms: ${MEND}`)),
      FIND_MS,
    );
    const opening = this.#open();
    try {
      return await Promise.race([modeOf(session, opening), late.promise]);
    } finally {
      clearTimeout(timer);
      opening.then(
        (other) => other.cut(),
        () => undefined,
      );
    }
  }
}

const UNKNOWN =
  'a pooler stands before the server, and gave two connections no place in which its mode shows';
const MEND = "give the driver the option pooler, 'transaction' or 'session', or the pooler more connections";

async function pidOf(session: RawSession): Promise<number> {
  const [row] = await session.query(PID);
  return Number(row?.['pid']);
}

/** The server's process for a session. */
export const PID = 'SELECT pg_backend_pid() AS pid';

/**
 * In session mode both keep their own server processes. In transaction mode `one`, which has none between two statements, is
 * given another while `other` holds one within a transaction, or `other` gets the one that was just `one`'s. Nothing is
 * written anywhere, nor set.
 */
async function modeOf(one: RawSession, opening: Promise<RawSession>): Promise<PoolerMode> {
  const other = await opening;
  const mine = new Set<number>();
  for (let round = 0; round < ROUNDS; round += 1) {
    mine.add(await pidOf(one));
    await other.query('BEGIN');
    const theirs = await pidOf(other);
    // Where its process was ours there may be no other, so that we would wait for it in vain.
    if (!mine.has(theirs)) mine.add(await pidOf(one));
    await other.query('COMMIT');
    if (mine.has(theirs) || mine.size > 1) return 'transaction';
  }
  return 'session';
}

/** A pooler that keeps prepared statements gives them names of its own at the server. One that does not keeps no trace of this. */
async function keepsPrepared(session: RawSession): Promise<boolean> {
  const probe = 'SELECT pg_backend_pid() AS claimbench_probe';
  await session.query('BEGIN');
  try {
    const name = await session.prepare(probe);
    const there = await session.query(`SELECT name FROM pg_prepared_statements WHERE statement = '${probe}'`);
    const ours = there.some((statement) => statement['name'] === name);
    if (ours) await session.query(`DEALLOCATE "${name}"`);
    return !ours && there.length > 0;
  } finally {
    await session.query('COMMIT');
  }
}

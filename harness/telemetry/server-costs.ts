// What has the server spent so far, so that a difference over a phase divided by its jobs is the cost of one job?

import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

import { oneLine } from '../errors.ts';
import { withConnection } from '../server/connect.ts';
import type { Watched } from './sampler.ts';
import { OWN_MARK, SAMPLER_NAME } from './sampler-statements.ts';

/** Shown in pg_stat_activity, and a comment in every statement of such a session. */
export const COSTS_NAME = 'claimbench costs';
const QUIET_POLL_MS = 50;
const OWN_SESSIONS_MS = 2_000;
const OWN_SESSIONS_POLL_MS = 10;
const COLLECTOR_MS = 700;

/** Amounts of work. Those that are absent could not be read; `missing` says why. */
interface Amounts {
  /** WAL of the whole server, bytes; exact. */
  readonly walBytes: number;
  /** Full-page images × 8 KiB, whole server: an upper bound, as the free space within a page is left out of its image. */
  readonly walFpiBytes: number;
  /** Commits in the database, without those of the harness's own sessions. */
  readonly commits: number;
  /** Shared buffers that statements touched (hit + read), without those of the harness's own. */
  readonly buffers?: number;
  /** Row versions made dead by updates and deletes: in the database where it is the cell's own, else in the schema. */
  readonly deadTuples: number;
  /** Updates of the schema's tables, and those among them that touched no index (HOT). */
  readonly updates: number;
  readonly hotUpdates: number;
  /** Rows that scans of the schema's tables gave, and rows fetched from them by way of an index, live or not. */
  readonly rowsRead: number;
  /** Calls of functions in a procedural language or SQL, such as a trigger's; where the server counts them (`track_functions`). */
  readonly functionCalls?: number;
  /** Executions of statements of their own, and times that one was planned for it (`pg_stat_statements.track_planning`). */
  readonly statements?: number;
  readonly plans?: number;
  /** CPU time of all server processes, µs. */
  readonly serverCpuUs?: number;
}

/** Counters at one instant. Only differences of them mean anything: see `costsBetween`. */
export interface CostSnapshot extends Amounts {
  /** Times that pg_stat_statements has thrown statements out since the server started; 0 where it is not there. */
  readonly evictions: number;
  readonly missing: readonly string[];
}

/** What was spent between two snapshots; never negative, absent where a counter fell. `walFpiBytes` is at most `walBytes`. */
export interface CostDifference extends Partial<Amounts> {
  readonly missing: readonly string[];
}

/**
 * Reads the counters. Backends report theirs only when idle, a second apart, and when they end: so both snapshots are
 * to be taken while no agent is connected (`waitForQuiet`). WAL and CPU are exact at any time.
 * @throws UsageError or RuntimeFailure when it cannot connect.
 */
export async function readCosts(watched: Watched, cpuUs?: () => number): Promise<CostSnapshot> {
  return inOwnSession(watched, async (session) => {
    const missing = watched.exclusive
      ? []
      : ['costs of this cell alone: the database is shared, others are counted in'];
    await ownSessionsEnd(session);
    const ownReported = await reportOwnCommits(session);
    const { commits, ...counters } = await readCounters(session, watched);
    const { evictions, ...spent } = await readStatements(session, missing);
    if (cpuUs === undefined) missing.push('server CPU: its processes are not visible from here');
    return {
      ...counters,
      commits: commits - ownReported,
      evictions,
      ...spent,
      ...(cpuUs === undefined ? {} : { serverCpuUs: cpuUs() }),
      missing,
    };
  });
}

/** A connection of this file's, which counts what it adds to the commits of the database. */
export interface OwnSession {
  readonly query: <T extends pg.QueryResultRow>(sql: string, values?: readonly unknown[]) => Promise<T[]>;
  /** By all sessions of this file in this database so far. */
  readonly allCommits: () => number;
  readonly commits: () => number;
}

/** Commits of this file's sessions, by the database they were made in: the object that names it is the cell's own. */
const ownCommits = new WeakMap<Watched['connection'], number>();

/** Runs `work` on a connection of the harness whose commits are taken out of the costs. */
export async function inOwnSession<T>(
  watched: Watched,
  work: (session: OwnSession) => Promise<T>,
): Promise<T> {
  const { connection } = watched;
  return withConnection(connection, { applicationName: COSTS_NAME }, async (client) => {
    let commits = 0;
    const allCommits = () => ownCommits.get(connection) ?? 0;
    const committed = () => {
      commits += 1;
      ownCommits.set(connection, allCommits() + 1);
    };
    // Starting a session commits once, and so does every statement that succeeds.
    committed();
    const query = async <R extends pg.QueryResultRow>(sql: string, values: readonly unknown[] = []) => {
      const { rows } = await client.query<R>(sql, [...values]);
      committed();
      return rows;
    };
    return work({ query, allCommits, commits: () => commits });
  });
}

/** A client is done before its backend is, and a backend reports as it ends. */
async function ownSessionsEnd(session: OwnSession): Promise<void> {
  const deadline = performance.now() + OWN_SESSIONS_MS;
  while (performance.now() < deadline) {
    const others = await session.query(
      `SELECT /* ${COSTS_NAME} */ FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name = '${COSTS_NAME}'`,
    );
    if (others.length === 0) return;
    await sleep(OWN_SESSIONS_POLL_MS);
  }
}

/** Makes this file's commits so far show in the counters. Resolves to how many of them the next statement will see. */
async function reportOwnCommits(session: OwnSession): Promise<number> {
  const [row] = await session.query<{ version: number }>(
    `SELECT /* ${COSTS_NAME} */ current_setting('server_version_num')::int AS version`,
  );
  if ((row?.version ?? 0) >= 150_000) {
    await session.query(`SELECT /* ${COSTS_NAME} */ pg_stat_force_next_flush()`);
    return session.allCommits();
  }
  // Up to 14 a collector writes reports to a file, and readers are content with one that is half a second old. This
  // session's start was reported at once, its statements since then are not.
  await sleep(COLLECTOR_MS);
  return session.allCommits() - (session.commits() - 1);
}

type OfStatements = 'buffers' | 'statements' | 'plans';
type Counters = Omit<Amounts, OfStatements | 'functionCalls' | 'serverCpuUs'> & {
  readonly functionCalls?: number;
};

async function readCounters(session: OwnSession, watched: Watched): Promise<Counters> {
  const [row] = await session.query<Counters & { schemaDead: number; calls: number | null }>(
    `SELECT /* ${COSTS_NAME} */
            (pg_current_wal_insert_lsn() - '0/0')::float8 AS "walBytes",
            (SELECT wal_fpi * current_setting('block_size')::int FROM pg_stat_wal)::float8 AS "walFpiBytes",
            pg_stat_get_db_xact_commit(me.oid)::float8 AS commits,
            (pg_stat_get_db_tuples_updated(me.oid) + pg_stat_get_db_tuples_deleted(me.oid))::float8 AS "deadTuples",
            tables.updates, tables.hot AS "hotUpdates", tables.updates + tables.deletes AS "schemaDead", tables.read AS "rowsRead",
            CASE WHEN current_setting('track_functions') <> 'none'
                 THEN (SELECT coalesce(sum(calls), 0)::float8 FROM pg_stat_user_functions) END AS calls
       FROM (SELECT oid FROM pg_database WHERE datname = current_database()) me,
            (SELECT coalesce(sum(pg_stat_get_tuples_updated(oid)), 0)::float8 AS updates,
                    coalesce(sum(pg_stat_get_tuples_hot_updated(oid)), 0)::float8 AS hot,
                    coalesce(sum(pg_stat_get_tuples_deleted(oid)), 0)::float8 AS deletes,
                    coalesce(sum(pg_stat_get_tuples_returned(oid) + pg_stat_get_tuples_fetched(oid)), 0)::float8
                    -- Of an index scan the rows are counted where their entries lie.
                    + coalesce((SELECT sum(pg_stat_get_tuples_fetched(oid)) FROM pg_class
                                 WHERE relnamespace = to_regnamespace($1) AND relkind = 'i'), 0)::float8 AS read
               FROM pg_class WHERE relnamespace = to_regnamespace($1) AND relkind = 'r') tables`,
    [watched.schema],
  );
  if (row === undefined) throw new Error('the database does not list itself');
  const { schemaDead, calls, ...read } = row;
  const counters = { ...read, ...(calls === null ? {} : { functionCalls: calls }) };
  // The database's own counter also keeps the work on partitions that were dropped meanwhile.
  return watched.exclusive ? counters : { ...counters, deadTuples: schemaDead };
}

/** From pg_stat_statements; without it from the database's counters, in which autovacuum and the harness are counted, too. */
async function readStatements(session: OwnSession, missing: string[]): Promise<OfAllStatements> {
  try {
    const [row] = await session.query<{
      touched: number;
      calls: number;
      plans: number | null;
      evicted: number;
    }>(
      `SELECT /* ${COSTS_NAME} */
              coalesce(sum(shared_blks_hit + shared_blks_read), 0)::float8 AS touched,
              coalesce(sum(calls), 0)::float8 AS calls,
              CASE WHEN current_setting('pg_stat_statements.track_planning', true)::bool
                   THEN coalesce(sum(plans), 0)::float8 END AS plans,
              (SELECT dealloc::float8 FROM pg_stat_statements_info) AS evicted
         FROM pg_stat_statements
        WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
          AND query NOT LIKE '%${OWN_MARK}%'`,
    );
    if (row === undefined) return { evictions: 0 };
    const { touched, calls, plans, evicted } = row;
    return { buffers: touched, statements: calls, ...(plans === null ? {} : { plans }), evictions: evicted };
  } catch (error) {
    if (!(error instanceof pg.DatabaseError)) throw error;
    missing.push(
      'buffers by statement: pg_stat_statements is not there, so autovacuum and the sampler are counted in',
    );
  }
  const [row] = await session.query<{ touched: number }>(
    `SELECT (blks_hit + blks_read)::float8 AS touched FROM pg_stat_database WHERE datname = current_database()`,
  );
  return { ...(row === undefined ? {} : { buffers: row.touched }), evictions: 0 };
}

type OfAllStatements = Pick<Amounts, OfStatements> & { readonly evictions: number };

/**
 * What was spent between two snapshots. `samplerCommits`: how far `Sampler.commits()` rose meanwhile, as those are not
 * the load's.
 */
export function costsBetween(before: CostSnapshot, after: CostSnapshot, samplerCommits = 0): CostDifference {
  const fell: string[] = [];
  // A counter that was reset, or whose table was dropped meanwhile, goes back: what was spent is not known then, and not 0.
  const rise = (name: keyof Amounts, own = 0): number | undefined => {
    const from = before[name];
    const to = after[name];
    if (from === undefined || to === undefined) return undefined;
    if (to < from) fell.push(`${COUNTER_WORDS[name]}: the counter fell while the load ran`);
    return to < from ? undefined : Math.max(0, to - from - own);
  };
  const amounts: { -readonly [name in keyof Amounts]?: number } = {};
  for (const name of COUNTERS) {
    const spent = rise(name, name === 'commits' ? samplerCommits : 0);
    if (spent !== undefined) amounts[name] = spent;
  }
  if (amounts.walFpiBytes !== undefined && amounts.walBytes !== undefined)
    amounts.walFpiBytes = Math.min(amounts.walBytes, amounts.walFpiBytes);
  const evicted =
    after.evictions > before.evictions
      ? ['buffers of some statements: pg_stat_statements.max was too small']
      : [];
  return { ...amounts, missing: [...new Set([...before.missing, ...after.missing, ...fell, ...evicted])] };
}

/** What a counter is called in a note. */
const COUNTER_WORDS: Readonly<Record<keyof Amounts, string>> = {
  walBytes: 'WAL',
  walFpiBytes: 'full-page images',
  commits: 'commits',
  buffers: 'buffers',
  deadTuples: 'dead tuples',
  updates: 'updates',
  hotUpdates: 'HOT updates',
  rowsRead: 'rows read',
  functionCalls: 'function calls',
  statements: 'statements',
  plans: 'plans',
  serverCpuUs: 'server CPU',
};
const COUNTERS = Object.keys(COUNTER_WORDS) as readonly (keyof Amounts)[];

/** Sessions of the harness that stay or come and go, and report next to nothing. */
const HARNESS_SESSIONS = [
  SAMPLER_NAME,
  COSTS_NAME,
  'claimbench keeper',
  'claimbench admin',
  'claimbench plans',
];

/**
 * Waits until the load's sessions have ended, and so have reported what they did. Resolves to the application names of
 * those that are still there at the deadline: none, when it is quiet. On a shared database only sessions of the same
 * role are looked at.
 */
export async function waitForQuiet(watched: Watched, timeoutMs: number): Promise<readonly string[]> {
  return inOwnSession(watched, async (session) => {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const rows = await session.query<{ name: string }>(
        `SELECT /* ${COSTS_NAME} */ coalesce(nullif(application_name, ''), 'a session without a name') AS name
           FROM pg_stat_activity
          WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
            AND application_name <> ALL ($1::text[]) AND ($2 OR usename = current_user)`,
        [HARNESS_SESSIONS, watched.exclusive],
      );
      if (rows.length === 0 || performance.now() >= deadline) return rows.map((row) => row.name);
      await sleep(QUIET_POLL_MS);
    }
  });
}

/**
 * Makes the start of the measured load the same for every cell: counters at zero, planner statistics fresh, nothing
 * dirty left to be written by the first checkpoint. Resolves to what was not permitted, and what that means.
 *
 * Statistics are reset only in a database of the cell's own: those of a user's database steer their autovacuum. ANALYZE
 * comes after the reset, since that also forgets the dead rows which tell autovacuum when to begin. A checkpoint is all
 * the server's: on one that is not `ours` there is none while anybody else is connected.
 */
export async function resetStatistics(
  watched: Watched,
  ours: boolean,
  analyse = true,
): Promise<readonly string[]> {
  return inOwnSession(watched, async (session) => {
    const missing: string[] = [];
    const attempt = async (sql: string, lacking: string) => {
      try {
        await session.query(sql);
      } catch (error) {
        if (!(error instanceof pg.DatabaseError)) throw error;
        missing.push(`${lacking} (${oneLine(error)})`);
      }
    };
    if (watched.exclusive) {
      await attempt('SELECT pg_stat_reset()', 'statistics at zero: counters include the preparation');
      await attempt(
        `SELECT pg_stat_statements_reset(0, oid, 0) FROM pg_database WHERE datname = current_database()`,
        'statement statistics at zero',
      );
    }
    const tables = analyse ? await tablesOf(session, watched.schema) : [];
    if (tables.length > 0) await attempt(`ANALYZE ${tables.join(', ')}`, 'fresh planner statistics');
    if (ours || !(await othersUseServer(session, watched)))
      await attempt('CHECKPOINT', 'a checkpoint before the load: one of the preparation may fall into it');
    else missing.push('no checkpoint before the cells: others use this server');
    return missing;
  });
}

/** ANALYZE of the schema's tables as they are. Rejects with the server's error. */
export async function analyseTables(watched: Watched): Promise<void> {
  await inOwnSession(watched, async (session) => {
    const tables = await tablesOf(session, watched.schema);
    if (tables.length > 0) await session.query(`ANALYZE ${tables.join(', ')}`);
  });
}

/** Whether a client is connected that is neither the harness's nor the cell's. Of a hidden session only the place is known. */
async function othersUseServer(session: OwnSession, { exclusive }: Watched): Promise<boolean> {
  const others = await session.query(
    `SELECT /* ${COSTS_NAME} */ FROM pg_stat_activity
      WHERE pid <> pg_backend_pid() AND datid IS NOT NULL
        AND coalesce(backend_type, 'client backend') = 'client backend'
        AND coalesce(application_name, '') <> ALL ($1::text[])
        AND NOT (datname = current_database() AND ($2 OR coalesce(application_name, '') LIKE 'claimbench %'))
      LIMIT 1`,
    [HARNESS_SESSIONS, exclusive],
  );
  return others.length > 0;
}

/** Quoted names of the schema's tables. */
async function tablesOf(session: OwnSession, schema: string): Promise<readonly string[]> {
  const rows = await session.query<{ name: string }>(
    `SELECT format('%I.%I', $1::text, relname) AS name
       FROM pg_class WHERE relnamespace = to_regnamespace($1) AND relkind IN ('r', 'p') ORDER BY relname`,
    [schema],
  );
  return rows.map((row) => row.name);
}

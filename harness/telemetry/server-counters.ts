// What did the server's own counters rise by over a load: WAL, checkpoints, vacuum, I/O, statements?

import pg from 'pg';

import { oneLine } from '../errors.ts';
import type { Telemetry } from '../result/result.ts';
import { firstWords } from './plan-shape.ts';
import type { Watched } from './sampler.ts';
import { OWN_MARK } from './sampler-statements.ts';
import { COSTS_NAME, inOwnSession } from './server-costs.ts';

const QUERY_CHARACTERS = 1_000;
const STATEMENTS_KEPT = 24;

type Numbers = Readonly<Record<string, number>>;

/** Counters at one instant, by name; of I/O and statements by name and row. A part that could not be read is absent. */
export interface CounterSnapshot {
  readonly wal: Numbers | undefined;
  readonly walIo: Numbers | undefined;
  readonly checkpoints: Numbers | undefined;
  readonly vacuum: Numbers | undefined;
  readonly io: ReadonlyMap<string, Numbers> | undefined;
  readonly statements: ReadonlyMap<string, Numbers> | undefined;
  readonly texts: ReadonlyMap<string, string>;
  readonly missing: readonly string[];
}

/**
 * Reads all counters; the texts of statements only `after` the load. To be called while no session of the load is
 * connected: backends report when they end.
 */
export async function readCounters(watched: Watched, when: 'before' | 'after'): Promise<CounterSnapshot> {
  return inOwnSession(watched, async (session) => {
    const missing: string[] = [];
    const [row] = await session.query<{ version: number }>(
      `SELECT /* ${COSTS_NAME} */ current_setting('server_version_num')::int AS version`,
    );
    const version = row?.version ?? 0;
    const ask = async <T extends pg.QueryResultRow>(
      what: string,
      sql: string,
      values: readonly unknown[] = [],
    ) => {
      try {
        return await session.query<T>(sql, values);
      } catch (error) {
        if (!(error instanceof pg.DatabaseError)) throw error;
        missing.push(`${what}: ${oneLine(error)}`);
        return undefined;
      }
    };
    if (version < 160_000) missing.push('I/O by kind of process: pg_stat_io came with PostgreSQL 16');
    const io = version < 160_000 ? undefined : await ask<IoRow>('I/O', IO);
    const statements = await readStatements(ask, watched, when);
    return {
      wal: (await ask<Numbers>('WAL', WAL))?.[0],
      walIo: (await ask<Numbers>('WAL writes', version >= 180_000 ? WAL_IO_18 : WAL_IO))?.[0],
      checkpoints: (await ask<Numbers>('checkpoints', checkpointsSql(version)))?.[0],
      vacuum: (await ask<Numbers>('vacuum', VACUUM, [watched.schema]))?.[0],
      io:
        io &&
        new Map(io.map(({ backend, object, context, ...n }) => [[backend, object, context].join('\t'), n])),
      statements: statements && new Map(statements.map(({ id, query: _, ...n }) => [id, n])),
      texts: new Map(statements?.map(({ id, query }) => [id, query ?? '']) ?? []),
      missing,
    };
  });
}

type IoRow = { backend: string; object: string; context: string } & Record<string, never>;
type StatementRow = { id: string; query: string | null } & Record<string, never>;
type Ask = <T extends pg.QueryResultRow>(
  what: string,
  sql: string,
  values?: readonly unknown[],
) => Promise<T[] | undefined>;

const WAL = `
SELECT /* ${COSTS_NAME} */ wal_records::float8 AS records, wal_bytes::float8 AS bytes, wal_fpi::float8 AS "fullPageImages",
       wal_buffers_full::float8 AS "buffersFull"
  FROM pg_stat_wal`;

const WAL_IO = `
SELECT /* ${COSTS_NAME} */ wal_write::float8 AS writes, wal_sync::float8 AS fsyncs FROM pg_stat_wal`;

/** In 18 these moved from pg_stat_wal to pg_stat_io, whose context `init` is the making of new segments. */
const WAL_IO_18 = `
SELECT /* ${COSTS_NAME} */ coalesce(sum(writes), 0)::float8 AS writes, coalesce(sum(fsyncs), 0)::float8 AS fsyncs
  FROM pg_stat_io WHERE object = 'wal' AND context = 'normal'`;

/** Until 16 a part of pg_stat_bgwriter. */
function checkpointsSql(version: number): string {
  return version >= 170_000
    ? `SELECT /* ${COSTS_NAME} */ num_timed::float8 AS timed, num_requested::float8 AS requested,
              ${version >= 180_000 ? 'num_done::float8 AS done,' : ''} buffers_written::float8 AS "buffersWritten",
              write_time AS "writeMs", sync_time AS "syncMs"
         FROM pg_stat_checkpointer`
    : `SELECT /* ${COSTS_NAME} */ checkpoints_timed::float8 AS timed, checkpoints_req::float8 AS requested,
              buffers_checkpoint::float8 AS "buffersWritten", checkpoint_write_time AS "writeMs",
              checkpoint_sync_time AS "syncMs"
         FROM pg_stat_bgwriter`;
}

const VACUUM = `
SELECT /* ${COSTS_NAME} */ coalesce(sum(pg_stat_get_autovacuum_count(oid)), 0)::float8 AS autovacuums,
       coalesce(sum(pg_stat_get_autoanalyze_count(oid)), 0)::float8 AS autoanalyzes,
       coalesce(sum(pg_stat_get_vacuum_count(oid)), 0)::float8 AS vacuums
  FROM pg_class WHERE relnamespace = to_regnamespace($1) AND relkind IN ('r', 'm')`;

const IO = `
SELECT /* ${COSTS_NAME} */ backend_type AS backend, object, context,
       coalesce(sum(reads), 0)::float8 AS reads, coalesce(sum(writes), 0)::float8 AS writes,
       coalesce(sum(extends), 0)::float8 AS extends, coalesce(sum(hits), 0)::float8 AS hits,
       coalesce(sum(evictions), 0)::float8 AS evictions, coalesce(sum(fsyncs), 0)::float8 AS fsyncs
  FROM pg_stat_io GROUP BY 1, 2, 3`;

/**
 * Of the role alone where the database is shared: other people's statements are neither ours to read nor of this load.
 * All of them: one that is left out before the load would show its whole life, and one that is left out after it nothing.
 * The file of their texts is needed afterwards only.
 */
function readStatements(
  ask: Ask,
  watched: Watched,
  when: 'before' | 'after',
): Promise<StatementRow[] | undefined> {
  const loads = when === 'before' ? '' : `AND query NOT LIKE '%${OWN_MARK}%'`;
  return ask<StatementRow>(
    'statements',
    `SELECT /* ${COSTS_NAME} */ userid || ' ' || queryid || ' ' || toplevel AS id, left(query, ${QUERY_CHARACTERS}) AS query, calls::float8 AS calls,
            total_exec_time * 1000 AS us, rows::float8 AS rows, plans::float8 AS plans,
            current_setting('pg_stat_statements.track_planning')::bool::int::float8 AS planning, wal_bytes::float8 AS "walBytes",
            (shared_blks_hit + shared_blks_read)::float8 AS buffers
       FROM pg_stat_statements(${when === 'after'})
      WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND queryid IS NOT NULL AND ($1 OR userid = (SELECT oid FROM pg_roles WHERE rolname = current_user)) ${loads}`,
    [watched.exclusive],
  );
}

/** What rose between two snapshots. Parts that are in neither, or in one alone, are absent. */
export function countersBetween(
  before: CounterSnapshot,
  after: CounterSnapshot,
): Pick<Telemetry, 'wal' | 'checkpoints' | 'vacuum' | 'io' | 'statements'> {
  const wal = rise(before.wal, after.wal);
  const walIo = rise(before.walIo, after.walIo);
  const checkpoints = rise(before.checkpoints, after.checkpoints);
  const vacuum = rise(before.vacuum, after.vacuum);
  const io = after.io && before.io && ioBetween(before.io, after.io);
  const statements = statementsBetween(before, after);
  return {
    ...(wal === undefined ? {} : { wal: { ...walOf(wal), ...walIo } }),
    ...(checkpoints === undefined ? {} : { checkpoints: checkpointsOf(checkpoints) }),
    ...(vacuum === undefined ? {} : { vacuum: vacuumOf(vacuum) }),
    ...(io === undefined ? {} : { io }),
    ...(statements === undefined ? {} : { statements }),
  };
}

/** Undefined when a counter fell: it was reset meanwhile, and by how much the others rose since is not the load's. */
function rise(before: Numbers | undefined, after: Numbers | undefined): Numbers | undefined {
  if (before === undefined || after === undefined) return undefined;
  const rows = Object.entries(after).map(([name, value]) => [name, value - (before[name] ?? 0)] as const);
  return rows.some(([, risen]) => risen < 0) ? undefined : Object.fromEntries(rows);
}

const get = (numbers: Numbers, name: string): number => numbers[name] ?? 0;

function walOf(n: Numbers): NonNullable<Telemetry['wal']> {
  return {
    records: get(n, 'records'),
    bytes: get(n, 'bytes'),
    fullPageImages: get(n, 'fullPageImages'),
    buffersFull: get(n, 'buffersFull'),
  };
}

function checkpointsOf(n: Numbers): NonNullable<Telemetry['checkpoints']> {
  return {
    timed: get(n, 'timed'),
    requested: get(n, 'requested'),
    ...('done' in n ? { done: get(n, 'done') } : {}),
    buffersWritten: get(n, 'buffersWritten'),
    writeMs: get(n, 'writeMs'),
    syncMs: get(n, 'syncMs'),
  };
}

function vacuumOf(n: Numbers): NonNullable<Telemetry['vacuum']> {
  return {
    autovacuums: get(n, 'autovacuums'),
    autoanalyzes: get(n, 'autoanalyzes'),
    vacuums: get(n, 'vacuums'),
  };
}

type Io = NonNullable<Telemetry['io']>[number];

/** Rows in which anything but a hit happened, and those with many hits; the order is that of the view. */
function ioBetween(before: ReadonlyMap<string, Numbers>, after: ReadonlyMap<string, Numbers>): Io[] {
  return [...after].flatMap(([key, numbers]) => {
    const n = rise(before.get(key) ?? {}, numbers) ?? {};
    if (Object.values(n).every((value) => value === 0)) return [];
    const [backend = '', object = '', context = ''] = key.split('\t');
    const counted = { reads: get(n, 'reads'), writes: get(n, 'writes'), extends: get(n, 'extends') };
    const rest = { hits: get(n, 'hits'), evictions: get(n, 'evictions'), fsyncs: get(n, 'fsyncs') };
    return [{ backend, object, context, ...counted, ...rest }];
  });
}

function statementsBetween(before: CounterSnapshot, after: CounterSnapshot): Telemetry['statements'] {
  if (before.statements === undefined || after.statements === undefined) return undefined;
  const risen = [...after.statements].flatMap(([id, numbers]) => {
    const { planning = 0, ...counts } = numbers;
    const n = { ...rise(before.statements?.get(id) ?? {}, counts), planning };
    return get(n, 'calls') === 0 ? [] : [{ id, n }];
  });
  const total = risen.reduce((sum, { n }) => sum + get(n, 'us'), 0);
  return risen
    .toSorted((a, b) => get(b.n, 'us') - get(a.n, 'us'))
    .slice(0, STATEMENTS_KEPT)
    .map(({ id, n }) => ({
      statement: firstWords(after.texts.get(id) ?? ''),
      calls: get(n, 'calls'),
      meanUs: round(get(n, 'us') / get(n, 'calls')),
      timeShare: total === 0 ? 0 : round(get(n, 'us') / total),
      rows: get(n, 'rows'),
      ...(n.planning > 0 ? { plans: get(n, 'plans') } : {}),
      walBytes: get(n, 'walBytes'),
      buffers: get(n, 'buffers'),
    }));
}

function round(value: number): number {
  return Number(value.toPrecision(4));
}

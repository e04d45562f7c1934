// How full, how dead and how fragmented are a contender's tables and indexes? Asked before and after a load, never during it.

import pg from 'pg';

import { oneLine } from '../errors.ts';
import type { StorageReading } from '../result/result.ts';
import type { Watched } from './sampler.ts';
import { COSTS_NAME, inOwnSession, type OwnSession } from './server-costs.ts';

/** Where the extension is put in a database of the cell's own: away from the queue's objects. */
const EXTENSION_SCHEMA = 'claimbench_storage';
/** Every page of a relation is read: more than this would take longer than the load it follows. */
const LARGEST_READ_BYTES = 2 ** 30;
/** Above this a table is read where the visibility map does not say that a page is clean. */
const LARGEST_EXACT_BYTES = 2 ** 27;
const RELATIONS = 60;
const TIMEOUT_MS = 10_000;

export interface Storage {
  readonly relations: readonly StorageReading[];
  readonly missing: readonly string[];
}

interface Relation {
  readonly oid: string;
  readonly relation: string;
  readonly kind: StorageReading['kind'];
  readonly method: string | null;
  readonly bytes: number;
}

/** Reads all relations of the schema, the largest first. What could not be read says why; it never throws for that. */
export async function readStorage(watched: Watched, when: StorageReading['when']): Promise<Storage> {
  return inOwnSession(watched, async (session) => {
    await session.query(`SET statement_timeout = ${TIMEOUT_MS}`);
    const missing: string[] = [];
    const schema = await extensionSchema(session, watched, missing);
    const found = await session.query<Relation>(RELATIONS_OF, [watched.schema]);
    if (found.length > RELATIONS) {
      missing.push(`storage of ${found.length - RELATIONS} of ${found.length} relations: the smallest ones`);
    }
    const relations: StorageReading[] = [];
    for (const { oid, method, ...relation } of found.slice(0, RELATIONS)) {
      const detail = await detailOf(session, schema, { oid, method, ...relation });
      relations.push({ ...relation, when, ...detail });
    }
    return { relations, missing };
  });
}

const RELATIONS_OF = `
SELECT /* ${COSTS_NAME} */ c.oid::text AS oid, am.amname AS method, pg_relation_size(c.oid)::float8 AS bytes,
       CASE c.relkind WHEN 't' THEN 'TOAST of ' || owner.relname ELSE c.relname END AS relation,
       CASE c.relkind WHEN 'r' THEN 'table' WHEN 'm' THEN 'materialized view' WHEN 't' THEN 'toast' ELSE 'index' END AS kind
  FROM pg_class c
  LEFT JOIN pg_am am ON am.oid = c.relam
  LEFT JOIN pg_class owner ON owner.reltoastrelid = c.oid
 WHERE c.relkind IN ('r', 'm', 'i') AND c.relnamespace = to_regnamespace($1)
    OR c.relkind = 't' AND owner.relnamespace = to_regnamespace($1) AND pg_relation_size(c.oid) > 0
 ORDER BY bytes DESC, relation`;

/** The quoted schema of pgstattuple: as it is, or made in a database of the cell's own; undefined when it cannot be used. */
async function extensionSchema(
  session: OwnSession,
  watched: Watched,
  missing: string[],
): Promise<string | undefined> {
  const find = () =>
    session.query<{ schema: string }>(
      `SELECT /* ${COSTS_NAME} */ quote_ident(n.nspname) AS schema
         FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'pgstattuple'`,
    );
  const [there] = await find();
  if (there !== undefined) return there.schema;
  if (!watched.exclusive) {
    missing.push(
      'storage in detail: pgstattuple is not in the database, and nothing is installed in a database of yours',
    );
    return undefined;
  }
  try {
    await session.query(`CREATE SCHEMA IF NOT EXISTS ${EXTENSION_SCHEMA}`);
    await session.query(`CREATE EXTENSION IF NOT EXISTS pgstattuple SCHEMA ${EXTENSION_SCHEMA}`);
    return (await find())[0]?.schema;
  } catch (error) {
    if (!(error instanceof pg.DatabaseError)) throw error;
    missing.push(`storage in detail: pgstattuple cannot be installed (${oneLine(error)})`);
    return undefined;
  }
}

type Detail = Omit<StorageReading, 'relation' | 'kind' | 'when' | 'bytes'>;

async function detailOf(
  session: OwnSession,
  schema: string | undefined,
  { oid, kind, method, bytes }: Relation,
): Promise<Detail> {
  if (schema === undefined) return { skipped: 'pgstattuple is not there' };
  if (bytes > LARGEST_READ_BYTES) return { skipped: 'larger than 1 GB: not read' };
  if (kind === 'index' && method !== 'btree') return { skipped: `an index of kind ${method}` };
  const sql = kind === 'index' ? indexSql(schema) : tableSql(schema, bytes > LARGEST_EXACT_BYTES);
  try {
    const [row] = await session.query<Record<string, number | null>>(sql, [oid]);
    return Object.fromEntries(
      // NaN: leaf pages of an empty index have no density.
      Object.entries(row ?? {}).filter(([, value]) => value !== null && Number.isFinite(value)),
    ) as Detail;
  } catch (error) {
    if (!(error instanceof pg.DatabaseError)) throw error;
    return { skipped: oneLine(error) };
  }
}

function tableSql(schema: string, approximately: boolean): string {
  return approximately
    ? `SELECT /* ${COSTS_NAME} */ approx_tuple_count::float8 AS tuples, dead_tuple_count::float8 AS "deadTuples",
              dead_tuple_percent AS "deadPercent", approx_free_percent AS "freePercent"
         FROM ${schema}.pgstattuple_approx($1::oid)`
    : `SELECT /* ${COSTS_NAME} */ tuple_count::float8 AS tuples, dead_tuple_count::float8 AS "deadTuples",
              dead_tuple_percent AS "deadPercent", free_percent AS "freePercent"
         FROM ${schema}.pgstattuple($1::oid::regclass)`;
}

function indexSql(schema: string): string {
  return `SELECT /* ${COSTS_NAME} */ avg_leaf_density AS "leafDensityPercent",
                 leaf_fragmentation AS "leafFragmentationPercent",
                 (empty_pages + deleted_pages)::float8 AS "emptyPages"
            FROM ${schema}.pgstatindex($1::oid::regclass)`;
}

// How does a cell work in a database that belongs to somebody else, without touching anything that it did not make?

import pg from 'pg';

import { RuntimeFailure, UsageError } from '../errors.ts';
import { CELL_SCHEMA } from './cell-database.ts';
import { connect, describe } from './connect.ts';
import { PREPARED_PREFIX, rollBackPrepared } from './prepared-transactions.ts';
import type { CellDatabase, ConnectionSettings } from './server.ts';

/**
 * The mark of a schema that a run made. What lies in a marked schema was put there by a contender: while a run is
 * alive nobody else is asked to use the name, and a run that ends drops it whole.
 */
const SCHEMA_MARK = 'claimbench: made by a benchmark run, which drops it whole; keep nothing of yours here';

const SCHEMA = pg.escapeIdentifier(CELL_SCHEMA);
const CLIENT = { applicationName: 'claimbench admin', queryTimeoutMs: 30_000 } as const;

/**
 * Makes sure that the schema does not exist, dropping a marked one that a dead run left.
 * @throws UsageError when a schema of that name is not ours, holds an object of another role, or something outside it
 * depends on it (DROP … CASCADE would take that along); the message names the object.
 */
export async function clearSchema(client: pg.Client, where: string): Promise<void> {
  const { rows } = await client.query<{ mark: string | null; owned: boolean }>(
    `SELECT obj_description(n.oid, 'pg_namespace') AS mark, pg_get_userbyid(n.nspowner) = current_user AS owned
       FROM pg_namespace n WHERE n.nspname = $1`,
    [CELL_SCHEMA],
  );
  const found = rows[0];
  if (found === undefined) return;
  if (found.mark !== SCHEMA_MARK || !found.owned) {
    throw new UsageError(
      `${where} already has a schema "${CELL_SCHEMA}" that claimbench did not make: name another database, or rename that schema`,
    );
  }
  await dropSchema(client, where);
}

async function dropSchema(client: pg.Client, where: string): Promise<void> {
  const foreign = (await foreignObjects(client)) ?? (await outsideDependents(client));
  if (foreign !== undefined) {
    throw new UsageError(
      `schema "${CELL_SCHEMA}" of ${where} cannot be dropped: it ${foreign}, which claimbench did not make; move that elsewhere`,
    );
  }
  await client.query("SET lock_timeout = '10s'");
  await client.query(`DROP SCHEMA IF EXISTS ${SCHEMA} CASCADE`);
}

/** An object in the schema whose owner is another role. */
async function foreignObjects(client: pg.Client): Promise<string | undefined> {
  const { rows } = await client.query<{ what: string }>(
    `WITH ours AS (SELECT oid FROM pg_namespace WHERE nspname = $1),
          me AS (SELECT oid FROM pg_roles WHERE rolname = current_user)
     SELECT 'holds ' || pg_describe_object(classid, objid, 0) || ' of role ' || pg_get_userbyid(owner) AS what
       FROM (SELECT 'pg_class'::regclass AS classid, oid AS objid, relowner AS owner
               FROM pg_class WHERE relnamespace = (SELECT oid FROM ours)
             UNION ALL
             SELECT 'pg_proc'::regclass, oid, proowner FROM pg_proc WHERE pronamespace = (SELECT oid FROM ours)
             UNION ALL
             SELECT 'pg_type'::regclass, oid, typowner FROM pg_type WHERE typnamespace = (SELECT oid FROM ours)
            ) AS objects
      WHERE owner <> (SELECT oid FROM me)
      LIMIT 1`,
    [CELL_SCHEMA],
  );
  return rows[0]?.what;
}

/**
 * An object outside the schema that depends on one inside: a view, a foreign key, an inherited table, a trigger, a
 * default. pg_identify_object_as_address gives the schema first, also for rules, constraints and defaults.
 */
async function outsideDependents(client: pg.Client): Promise<string | undefined> {
  const { rows } = await client.query<{ what: string }>(
    `WITH ours AS (SELECT oid FROM pg_namespace WHERE nspname = $1),
          inside AS (
            SELECT 'pg_class'::regclass AS classid, oid AS objid FROM pg_class WHERE relnamespace = (SELECT oid FROM ours)
            UNION ALL
            SELECT 'pg_proc'::regclass, oid FROM pg_proc WHERE pronamespace = (SELECT oid FROM ours)
            UNION ALL
            SELECT 'pg_type'::regclass, oid FROM pg_type WHERE typnamespace = (SELECT oid FROM ours)
          )
     SELECT 'is used by ' || pg_describe_object(d.classid, d.objid, d.objsubid) AS what
       FROM pg_depend d
       JOIN inside i ON d.refclassid = i.classid AND d.refobjid = i.objid
      CROSS JOIN LATERAL pg_identify_object_as_address(d.classid, d.objid, d.objsubid) AS a
      WHERE d.deptype IN ('n', 'a')
        AND NOT EXISTS (SELECT FROM inside AS own WHERE own.classid = d.classid AND own.objid = d.objid)
        AND a.object_names[1] IS DISTINCT FROM $1
      LIMIT 1`,
    [CELL_SCHEMA],
  );
  return rows[0]?.what;
}

/**
 * Creates the marked, empty schema for one cell; disposing it drops it. The caller holds the database's lock.
 * @throws UsageError as `clearSchema`.
 */
export async function createCellSchema(settings: ConnectionSettings): Promise<CellDatabase> {
  const where = describe(settings);
  const client = await connect(settings, CLIENT);
  try {
    await clearSchema(client, where);
    // One transaction: an unmarked schema of ours would be refused by every later run.
    await client.query(
      `BEGIN; CREATE SCHEMA ${SCHEMA}; COMMENT ON SCHEMA ${SCHEMA} IS ${pg.escapeLiteral(SCHEMA_MARK)}; COMMIT`,
    );
  } finally {
    await client.end().catch(() => {});
  }
  let dropped = false;
  return {
    connection: settings,
    schema: CELL_SCHEMA,
    exclusive: false,
    async [Symbol.asyncDispose]() {
      if (dropped) return;
      dropped = true;
      await leave(settings, where);
    },
  };
}

async function leave(settings: ConnectionSettings, where: string): Promise<void> {
  const client = await connect(settings, CLIENT);
  try {
    await rollBackPrepared(client, PREPARED_PREFIX);
    await dropSchema(client, where);
  } catch (error) {
    if (!(error instanceof pg.DatabaseError)) throw error;
    throw new RuntimeFailure(
      `schema "${CELL_SCHEMA}" of ${where} could not be dropped (${error.message}): end what still uses it; the next run drops it`,
    );
  } finally {
    await client.end().catch(() => {});
  }
}

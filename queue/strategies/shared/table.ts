// Which tables and indexes do the single-table strategies share?

import type { Database } from '../../drivers/driver.ts';
import { qualify, quoteIdentifier } from '../../sql.ts';
import type { StrategyOptions } from '../../strategy.ts';

/** The qualified, quoted names of one schema's relations. */
export interface JobsTable {
  readonly schema: string;
  /** Share of a page that inserts fill, in %. */
  readonly fillfactor: number;
  readonly jobs: string;
  readonly dead: string;
}

/** Unqualified names of what `installJobsTable` creates, indexes included. */
export const JOBS_RELATIONS: readonly string[] = [
  'jobs',
  'jobs_id_seq',
  'jobs_pkey',
  'jobs_ready',
  'jobs_delayed',
  'jobs_leased',
  'dead',
  'dead_pkey',
];

/** The names for `schema`. Throws InvalidArgumentError when it is no valid identifier. */
export function jobsTable({ schema, fillfactor = 100 }: StrategyOptions): JobsTable {
  return { schema, fillfactor, jobs: qualify(schema, 'jobs'), dead: qualify(schema, 'dead') };
}

/**
 * One row is one job; what is done is deleted, what is exhausted moves to `dead`.
 *
 * - Column order: fixed widths first, widest first, so that no byte is lost to alignment. `payload` is last: when a
 *   claim puts the new version on the same page, WAL leaves out the bytes that old and new tuple share at their end.
 * - `state` is one byte: 'r' ready, 'd' delayed, 'l' leased. Each has a partial index of its own, so that a job lies
 *   in exactly one, and the ready index holds nothing that cannot run now.
 * - `fence` grows at each claim, and with `id` is the fencing token. It survives retries: an old token stays stale.
 * - `run_at`, `lease_expires_at`, `worker` and `last_error` are NULL, thus free, until they mean something.
 */
function createJobs(table: JobsTable): string {
  return `
CREATE TABLE IF NOT EXISTS ${table.jobs} (
  id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  created_at       timestamptz NOT NULL DEFAULT now(),
  run_at           timestamptz,
  lease_expires_at timestamptz,
  fence            integer     NOT NULL DEFAULT 0,
  attempt          smallint    NOT NULL DEFAULT 0,
  max_attempts     smallint    NOT NULL,
  priority         smallint    NOT NULL,
  state            "char"      NOT NULL CHECK (state IN ('r', 'd', 'l')),
  queue            text        NOT NULL,
  worker           text,
  last_error       text,
  payload          jsonb       NOT NULL
) WITH (fillfactor = ${table.fillfactor}, ${STORAGE})`;
}

/**
 * - fillfactor is 100 unless asked for: \`state\` is in every index predicate, so no claim can be a HOT update, and spare room would only
 *   make the table longer.
 * - A queue turns its whole content over while its size stays the same: a share of the table says nothing about the
 *   number of dead rows, so autovacuum counts rows alone, and does not pause.
 * - Inserted rows are deleted soon: vacuuming for inserts would freeze what is about to die.
 */
const STORAGE = `
  autovacuum_vacuum_scale_factor = 0,
  autovacuum_vacuum_threshold = 5000,
  autovacuum_vacuum_insert_threshold = -1,
  autovacuum_analyze_scale_factor = 0,
  autovacuum_analyze_threshold = 20000,
  autovacuum_vacuum_cost_delay = 0`;

function createDead(table: JobsTable): string {
  return `
CREATE TABLE IF NOT EXISTS ${table.dead} (
  id           bigint      PRIMARY KEY,
  created_at   timestamptz NOT NULL,
  died_at      timestamptz NOT NULL DEFAULT now(),
  attempt      smallint    NOT NULL,
  max_attempts smallint    NOT NULL,
  priority     smallint    NOT NULL,
  queue        text        NOT NULL,
  error        text,
  payload      jsonb       NOT NULL
)`;
}

/** Any fixed number will do: it only keeps two installers apart. */
const INSTALL_LOCK = 7_020_170_001;

/** How long an installer waits for a lock that the queue's users hold, before it gives up instead of stopping them all. */
const INSTALL_LOCK_TIMEOUT = '5s';

/**
 * Creates schema, tables, indexes and `extra` statements; sends nothing but one look where all of `relations` (and
 * `routine`) exist: CREATE INDEX IF NOT EXISTS locks its table before it looks, and behind that lock every enqueue
 * and claim would wait for the longest open transaction. One statement block, thus one transaction, under a lock:
 * CREATE … IF NOT EXISTS by two sessions at once fails on the catalogue's unique indexes.
 */
export async function installJobsTable(
  db: Database,
  table: JobsTable,
  extra: readonly string[] = [],
  relations: readonly string[] = JOBS_RELATIONS,
  routine?: string,
): Promise<void> {
  if (await isInstalled(db, table, relations, routine)) return;
  const statements = [
    `SELECT pg_advisory_xact_lock(${INSTALL_LOCK})`,
    // Quiet about what exists already: NOTICEs of an idempotent install are noise in the log.
    'SET LOCAL client_min_messages = warning',
    `SET LOCAL lock_timeout = '${INSTALL_LOCK_TIMEOUT}'`,
    `CREATE SCHEMA IF NOT EXISTS ${quoteIdentifier(table.schema)}`,
    createJobs(table),
    `CREATE INDEX IF NOT EXISTS jobs_ready ON ${table.jobs} (queue, priority, id) WHERE state = 'r'`,
    `CREATE INDEX IF NOT EXISTS jobs_delayed ON ${table.jobs} (run_at) WHERE state = 'd'`,
    `CREATE INDEX IF NOT EXISTS jobs_leased ON ${table.jobs} (lease_expires_at) WHERE state = 'l'`,
    createDead(table),
    ...extra,
  ];
  // Without parameters this is one message of the simple protocol, which the server runs as one transaction.
  await db.query({ text: statements.join(';\n') });
}

async function isInstalled(
  db: Database,
  table: JobsTable,
  relations: readonly string[],
  routine: string | undefined,
): Promise<boolean> {
  const { rows } = await db.query<{ readonly missing: number }>({
    text: `
SELECT (
  (SELECT count(*) FROM unnest($1::text[]) AS relation (name) WHERE to_regclass(name) IS NULL)
  + (SELECT count(*) FROM unnest($2::text[]) AS routine (name) WHERE to_regprocedure(name) IS NULL)
)::integer AS missing`,
    values: [
      relations.map((relation) => qualify(table.schema, relation)),
      routine === undefined ? [] : [routine],
    ],
  });
  return rows[0]?.missing === 0;
}

// How do a strategy's relations get into their schema once, whoever installs at the same time?

import type { Database } from '../../drivers/driver.ts';
import { qualify, quoteIdentifier } from '../../sql.ts';

/** What has to be there, and the statements that make it. */
export interface Installation {
  readonly schema: string;
  /** Unqualified names of relations. */
  readonly relations: readonly string[];
  /** Qualified, with their argument types, as `to_regprocedure` takes them. */
  readonly routines?: readonly string[];
  /** Each does nothing where its object exists. */
  readonly statements: readonly string[];
}

/** Any fixed number will do: it only keeps two installers apart. */
const INSTALL_LOCK = 7_020_170_001;

/** How long an installer waits for a lock that the queue's users hold, before it gives up instead of stopping them all. */
const INSTALL_LOCK_TIMEOUT = '5s';

/**
 * Creates what is missing; sends nothing but one look where all is there: CREATE INDEX IF NOT EXISTS locks its table
 * before it looks, and behind that lock every enqueue and claim would wait for the longest open transaction. One
 * statement block, thus one transaction, under a lock: CREATE … IF NOT EXISTS by two sessions at once fails on the
 * catalogue's unique indexes.
 */
export async function installRelations(db: Database, installation: Installation): Promise<void> {
  if (await isInstalled(db, installation)) return;
  const statements = [
    `SELECT pg_advisory_xact_lock(${INSTALL_LOCK})`,
    // Quiet about what exists already: NOTICEs of an idempotent install are noise in the log.
    'SET LOCAL client_min_messages = warning',
    `SET LOCAL lock_timeout = '${INSTALL_LOCK_TIMEOUT}'`,
    `CREATE SCHEMA IF NOT EXISTS ${quoteIdentifier(installation.schema)}`,
    ...installation.statements,
  ];
  // Without parameters this is one message of the simple protocol, which the server runs as one transaction.
  await db.query({ text: statements.join(';\n') });
}

async function isInstalled(db: Database, installation: Installation): Promise<boolean> {
  const { rows } = await db.query<{ readonly missing: number }>({
    text: `
SELECT (
  (SELECT count(*) FROM unnest($1::text[]) AS relation (name) WHERE to_regclass(name) IS NULL)
  + (SELECT count(*) FROM unnest($2::text[]) AS routine (name) WHERE to_regprocedure(name) IS NULL)
)::integer AS missing`,
    values: [
      installation.relations.map((relation) => qualify(installation.schema, relation)),
      installation.routines ?? [],
    ],
  });
  return rows[0]?.missing === 0;
}

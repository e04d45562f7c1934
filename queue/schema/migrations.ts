// How does a schema come from one version of its tables to the next, once, whoever asks at the same time?

import type { Database } from '../drivers/driver.ts';
import { qualify, quoteIdentifier, quoteLiteral } from '../sql.ts';

/**
 * One step forward. Its statements do nothing where what they make exists, and change nothing that a worker of the version
 * before stands on: such a worker goes on while and after it is applied.
 */
export interface Migration {
  /** 1, 2, … without a gap, within its component. */
  readonly version: number;
  /** What it brings, in a few words. */
  readonly name: string;
  /** Each a statement of SQL without its semicolon. */
  readonly statements: readonly string[];
}

/** Tables with versions of their own: those of a strategy's layout, or those that every queue has. */
export interface Component {
  readonly name: string;
  readonly migrations: readonly Migration[];
}

/** A migration and whose it is, as it is applied and printed. */
export interface Step extends Migration {
  readonly component: string;
}

/** Any fixed number will do: it only keeps two installers apart. */
const INSTALL_LOCK = 7_020_170_001;

/** How long an installer waits for a lock that the queue's users hold, before it gives up instead of stopping them all. */
const INSTALL_LOCK_TIMEOUT = '5s';

/** The table of what was applied. */
export const MIGRATIONS = 'queue_migrations';

/** Every step of `components`, in the order in which they are to be applied. */
export function stepsOf(components: readonly Component[]): readonly Step[] {
  return components.flatMap(({ name, migrations }) =>
    migrations.map((migration) => ({ ...migration, component: name })),
  );
}

/** The steps that the schema has not seen. Takes no lock on any table. */
export async function pendingSteps(
  db: Database,
  schema: string,
  steps: readonly Step[],
): Promise<readonly Step[]> {
  const { rows: found } = await db.query({
    text: `
SELECT FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relname = $2`,
    values: [schema, MIGRATIONS],
  });
  if (found.length === 0) return steps;
  const { rows } = await db.query<{ readonly component: string; readonly version: number }>({
    text: `SELECT component, version FROM ${qualify(schema, MIGRATIONS)}`,
  });
  const applied = new Set(rows.map(({ component, version }) => `${component} ${version}`));
  return steps.filter(({ component, version }) => !applied.has(`${component} ${version}`));
}

/**
 * The schema itself and the table of what was applied. CREATE SCHEMA IF NOT EXISTS asks for the right to make schemas even
 * where there is nothing to make, which a role that owns only its schema has not.
 */
function foundation(schema: string): readonly string[] {
  const create = `
BEGIN
  IF to_regnamespace(${quoteLiteral(quoteIdentifier(schema))}) IS NULL THEN
    CREATE SCHEMA ${quoteIdentifier(schema)};
  END IF;
END`;
  return [
    `DO ${quoteLiteral(create)}`,
    `CREATE TABLE IF NOT EXISTS ${qualify(schema, MIGRATIONS)} (
  component  text        NOT NULL,
  version    integer     NOT NULL,
  name       text        NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (component, version)
)`,
  ];
}

/** Statements that go with a transaction of steps. */
export interface Beside {
  readonly before: readonly string[];
  readonly after: readonly string[];
}

const ALONE: Beside = { before: [], after: [] };

/**
 * First of all in a transaction. Under a stricter default its snapshot would be of before the lock: who comes second would not see
 * what the first has done, and fail with 40001.
 */
const READ_COMMITTED = 'SET TRANSACTION ISOLATION LEVEL READ COMMITTED';

/** `steps` as the statements of one transaction, in their order. */
function transactionOf(schema: string, steps: readonly Step[], { before, after }: Beside): readonly string[] {
  return [
    `SELECT pg_advisory_xact_lock(${INSTALL_LOCK})`,
    // The look has left in this session's catalogue cache that there is no such schema, and an advisory lock takes in no
    // news of what others have created meanwhile. The first lock of a relation does.
    'SELECT FROM pg_catalog.pg_namespace WHERE false',
    // Quiet about what exists already: NOTICEs of an idempotent install are noise in the log.
    'SET LOCAL client_min_messages = warning',
    `SET LOCAL lock_timeout = '${INSTALL_LOCK_TIMEOUT}'`,
    ...foundation(schema),
    ...before,
    ...steps.flatMap(({ component, version, name, statements }) => [
      ...statements,
      `INSERT INTO ${qualify(schema, MIGRATIONS)} (component, version, name)
VALUES (${quoteLiteral(component)}, ${version}, ${quoteLiteral(name)}) ON CONFLICT DO NOTHING`,
    ]),
    ...after,
  ];
}

/**
 * Applies `steps` in one transaction, under a lock: CREATE … IF NOT EXISTS by two sessions at once fails on the
 * catalogue's unique indexes. Rejects with the driver's error, nothing changed; 55P03 when a table is locked for 5 s.
 */
export async function applySteps(
  db: Database,
  schema: string,
  steps: readonly Step[],
  beside: Beside = ALONE,
): Promise<void> {
  // Without parameters this is one message of the simple protocol, which the server runs as one transaction.
  await db.query({ text: [READ_COMMITTED, ...transactionOf(schema, steps, beside)].join(';\n') });
}

/**
 * The SQL that `applySteps` sends, for who runs migrations with tools of his own. Without `transaction` it says nothing of one, nor
 * of its isolation: the tool may have sent something in it before.
 */
export function printSteps(
  schema: string,
  steps: readonly Step[],
  beside: Beside,
  transaction: boolean,
): string {
  const within = transactionOf(schema, steps, beside);
  const statements = transaction ? ['BEGIN', READ_COMMITTED, ...within, 'COMMIT'] : within;
  return `${statements.map((statement) => `${statement};`).join('\n\n')}\n`;
}

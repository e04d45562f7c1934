// How do a strategy's relations get into their schema once, whoever installs at the same time?

import type { Database } from '../../drivers/driver.ts';
import { InvalidArgumentError } from '../../errors.ts';
import { qualify, quoteIdentifier, quoteLiteral } from '../../sql.ts';

/** Tables that belong together. Strategies that stand on the same ones share a layout, and its name. */
export interface Layout {
  readonly name: string;
  /** Unqualified names of what each strategy of the layout has; `dead` is among them, and bears the mark. */
  readonly relations: readonly string[];
}

/** What has to be there, and the statements that make it. */
export interface Installation {
  readonly schema: string;
  readonly layout: Layout;
  /** Unqualified names of relations, those of the layout among them. */
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

/** The table that every layout has, whose comment says which layout it is of: a relation for the mark would be one more. */
const MARKED = 'dead';
const MARK = 'claimbench layout ';

/**
 * Creates what is missing; sends nothing but one look where all is there: CREATE INDEX IF NOT EXISTS locks its table
 * before it looks, and behind that lock every enqueue and claim would wait for the longest open transaction. One
 * statement block, thus one transaction, under a lock: CREATE … IF NOT EXISTS by two sessions at once fails on the
 * catalogue's unique indexes. Throws InvalidArgumentError when the schema holds the tables of another layout:
 * IF NOT EXISTS would take them for ours. Tables of before there were marks count as the layout's when none is missing.
 */
export async function installRelations(db: Database, installation: Installation): Promise<void> {
  if (await isInstalled(db, installation)) return;
  const statements = [
    `SELECT pg_advisory_xact_lock(${INSTALL_LOCK})`,
    // The look has left in this session's catalogue cache that there is no such schema, and an advisory lock takes in no
    // news of what others have created meanwhile. The first lock of a relation does.
    'SELECT FROM pg_catalog.pg_namespace WHERE false',
    // Quiet about what exists already: NOTICEs of an idempotent install are noise in the log.
    'SET LOCAL client_min_messages = warning',
    `SET LOCAL lock_timeout = '${INSTALL_LOCK_TIMEOUT}'`,
    `CREATE SCHEMA IF NOT EXISTS ${quoteIdentifier(installation.schema)}`,
    failOnForeignMark(installation),
    ...installation.statements,
    `COMMENT ON TABLE ${qualify(installation.schema, MARKED)} IS ${quoteLiteral(markOf(installation))}`,
  ];
  try {
    // Without parameters this is one message of the simple protocol, which the server runs as one transaction.
    await db.query({ text: statements.join(';\n') });
  } catch (error) {
    if (error instanceof Error && error.message.startsWith(MARK)) refuseForeign(installation, error.message);
    throw error;
  }
}

function markOf({ layout }: Installation): string {
  return `${MARK}${layout.name}`;
}

/** Between the look and the lock another layout may have been installed. Its mark is the message of the error. */
function failOnForeignMark(installation: Installation): string {
  const marked = quoteLiteral(qualify(installation.schema, MARKED));
  const body = `
DECLARE
  mark text := obj_description(to_regclass(${marked}), 'pg_class');
BEGIN
  IF starts_with(mark, ${quoteLiteral(MARK)}) AND mark <> ${quoteLiteral(markOf(installation))} THEN
    RAISE EXCEPTION '%', mark;
  END IF;
END`;
  return `DO ${quoteLiteral(body)}`;
}

function refuseForeign({ schema, layout }: Installation, mark: string): never {
  throw new InvalidArgumentError(
    `schema "${schema}" holds the tables of ${mark.slice(MARK.length)}, and not those of ${layout.name}: give another schema, or drop it`,
  );
}

/** What the look answers. */
interface Look {
  readonly missing: number;
  readonly layout_missing: number;
  /** Names of the layout that something bears; NULL when none does. */
  readonly layout_found: readonly string[] | null;
  readonly mark: string | null;
}

/**
 * Whether nothing is missing. Throws InvalidArgumentError for the tables of another layout. Takes no lock on any table.
 * Reads the catalogue by the statement's one snapshot, not by `to_regclass`, which sees what is committed meanwhile: half
 * of an installation that others finish at this moment would look like somebody else's tables.
 */
async function isInstalled(db: Database, installation: Installation): Promise<boolean> {
  const { schema, layout, relations, routines = [] } = installation;
  const { rows } = await db.query<Look>({
    text: `
WITH here AS MATERIALIZED (
  SELECT c.oid, c.relname FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
  WHERE n.nspname = $1
)
SELECT (
  (SELECT count(*) FROM unnest($2::text[]) AS relation (name) WHERE name NOT IN (SELECT relname FROM here))
  + (SELECT count(*) FROM unnest($3::text[]) AS routine (name) WHERE to_regprocedure(name) IS NULL)
)::integer AS missing, of_layout.missing AS layout_missing, of_layout.found AS layout_found,
  (SELECT obj_description(oid, 'pg_class') FROM here WHERE relname = $5) AS mark
FROM (
  SELECT count(*) FILTER (WHERE here.oid IS NULL)::integer AS missing,
    array_agg(name) FILTER (WHERE here.oid IS NOT NULL) AS found
  FROM unnest($4::text[]) AS relation (name) LEFT JOIN here ON here.relname = name
) AS of_layout`,
    values: [schema, relations, routines, layout.relations, MARKED],
  });
  const [look] = rows;
  if (look === undefined) return false;
  const { mark, missing, layout_missing, layout_found } = look;
  if (mark?.startsWith(MARK)) {
    if (mark !== markOf(installation)) refuseForeign(installation, mark);
  } else if (layout_found !== null && layout_missing > 0)
    throw new InvalidArgumentError(
      `schema "${schema}" holds ${layout_found.map((name) => qualify(schema, name)).join(', ')}, but not as tables of ${layout.name}: give another schema, or drop it`,
    );
  return missing === 0;
}

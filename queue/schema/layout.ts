// How do a strategy's relations get into their schema once, whoever installs at the same time?

import type { Database } from '../drivers/driver.ts';
import { InvalidArgumentError } from '../errors.ts';
import { qualify, quoteLiteral } from '../sql.ts';
import { applySteps, type Beside, type Migration, pendingSteps, type Step, stepsOf } from './migrations.ts';

/** Tables that belong together. Strategies that stand on the same ones share a layout, and its name. */
export interface Layout {
  readonly name: string;
  /** Unqualified names of what each strategy of the layout has; `dead` is among them, and bears the mark. */
  readonly relations: readonly string[];
}

/** A server-side function whose name or body tells versions apart, so that it needs none. */
export interface VersionlessRoutine {
  /** Qualified, with the argument types, as `to_regprocedure` takes it. */
  readonly signature: string;
  readonly create: string;
}

/** What has to be there, and the statements that make it. */
export interface Installation {
  readonly schema: string;
  readonly layout: Layout;
  /** Unqualified names of relations, those of the layout among them. */
  readonly relations: readonly string[];
  /** Server-side functions, which have no version: the name of each carries a digest of it. */
  readonly routines?: readonly VersionlessRoutine[];
  /** Version 1 of the layout. Each does nothing where its object exists. */
  readonly statements: readonly string[];
  /** The versions from 2 on. */
  readonly changes?: readonly Migration[];
}

/** The table that every layout has, whose comment says which layout it is of: a relation for the mark would be one more. */
const MARKED = 'dead';
const MARK = 'claimbench layout ';
/** What to do about the tables of another layout. */
const FOREIGN_MEND = 'give another schema, or drop it';

/** What makes the layout, version by version. */
export function layoutSteps(installation: Installation): readonly Step[] {
  const { layout, statements, changes = [] } = installation;
  const first = { version: 1, name: `tables of ${layout.name}`, statements };
  return stepsOf([{ name: layout.name, migrations: [first, ...changes] }]);
}

/** What goes with the steps of the layout: before them a guard, after them what has no version, functions and the mark. */
export function besideLayout(installation: Installation): Beside {
  return {
    before: [failOnForeignMark(installation)],
    after: [
      ...(installation.routines ?? []).map((routine) => routine.create),
      `COMMENT ON TABLE ${qualify(installation.schema, MARKED)} IS ${quoteLiteral(markOf(installation))}`,
    ],
  };
}

/**
 * Creates what is missing; sends nothing but looks where all is there: CREATE INDEX IF NOT EXISTS locks its table
 * before it looks, and behind that lock every enqueue and claim would wait for the longest open transaction. Throws
 * InvalidArgumentError when the schema holds the tables of another layout: IF NOT EXISTS would take them for ours. Tables
 * of before there were marks count as the layout's when none is missing, those of before there were versions as version 1.
 */
export async function installLayout(db: Database, installation: Installation): Promise<void> {
  const steps = layoutSteps(installation);
  const { relations, routines } = await findMissing(db, installation);
  const pending = await pendingSteps(db, installation.schema, steps);
  if (relations + routines + pending.length === 0) return;
  const due =
    relations > 0 ? steps : pending.map((step) => (step.version === 1 ? { ...step, statements: [] } : step));
  try {
    await applySteps(db, installation.schema, due, besideLayout(installation));
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
    RAISE EXCEPTION '%', mark USING HINT = ${quoteLiteral(`another strategy's tables: ${FOREIGN_MEND}`)};
  END IF;
END`;
  return `DO ${quoteLiteral(body)}`;
}

function refuseForeign({ schema, layout }: Installation, mark: string): never {
  throw new InvalidArgumentError(
    `schema "${schema}" holds the tables of ${mark.slice(MARK.length)}, and not those of ${layout.name}: ${FOREIGN_MEND}`,
  );
}

/** What the look answers. */
interface Look {
  readonly relations: number;
  readonly routines: number;
  readonly layout_missing: number;
  /** Names of the layout that something bears; NULL when none does. */
  readonly layout_found: readonly string[] | null;
  readonly mark: string | null;
}

/**
 * How many relations and routines are missing. Throws InvalidArgumentError for the tables of another layout. Takes no lock on any table.
 * Reads the catalogue by the statement's one snapshot, not by `to_regclass`, which sees what is committed meanwhile: half
 * of an installation that others finish at this moment would look like somebody else's tables.
 */
async function findMissing(
  db: Database,
  installation: Installation,
): Promise<{ readonly relations: number; readonly routines: number }> {
  const { schema, layout, relations, routines = [] } = installation;
  const { rows } = await db.query<Look>({
    text: `
WITH here AS MATERIALIZED (
  SELECT c.oid, c.relname FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
  WHERE n.nspname = $1
)
SELECT
  (
    SELECT count(*)::integer FROM unnest($2::text[]) AS relation (name) WHERE name NOT IN (SELECT relname FROM here)
  ) AS relations,
  (SELECT count(*)::integer FROM unnest($3::text[]) AS routine (name) WHERE to_regprocedure(name) IS NULL) AS routines,
  of_layout.missing AS layout_missing, of_layout.found AS layout_found,
  (SELECT obj_description(oid, 'pg_class') FROM here WHERE relname = $5) AS mark
FROM (
  SELECT count(*) FILTER (WHERE here.oid IS NULL)::integer AS missing,
    array_agg(name) FILTER (WHERE here.oid IS NOT NULL) AS found
  FROM unnest($4::text[]) AS relation (name) LEFT JOIN here ON here.relname = name
) AS of_layout`,
    values: [schema, relations, routines.map(({ signature }) => signature), layout.relations, MARKED],
  });
  const [look] = rows;
  if (look === undefined) throw new Error('the look at the schema returned no row');
  const { mark, layout_missing, layout_found } = look;
  if (mark?.startsWith(MARK)) {
    if (mark !== markOf(installation)) refuseForeign(installation, mark);
  } else if (layout_found !== null && layout_missing > 0)
    throw new InvalidArgumentError(
      `schema "${schema}" holds ${layout_found.map((name) => qualify(schema, name)).join(', ')}, but not as tables of ${layout.name}: ${FOREIGN_MEND}`,
    );
  return look;
}

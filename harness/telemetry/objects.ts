// Which objects make up the contender's schema? One line for each, so that two versions of it can be set side by side.

import type { Watched } from './sampler.ts';
import { COSTS_NAME, inOwnSession } from './server-costs.ts';

const OBJECTS = 400;
const CHARACTERS = 400;

/** Columns, options, indexes, triggers, constraints and functions, sorted; names without the schema. */
export async function readObjects(watched: Watched): Promise<string[]> {
  const rows = await inOwnSession(watched, (session) =>
    session.query<{ line: string }>(OBJECTS_OF, [watched.schema]),
  );
  const schema = new RegExp(`\\b${watched.schema.replaceAll(/[^\w]/g, '\\$&')}\\.`, 'g');
  return rows.map(({ line }) => {
    const text = line.replaceAll(schema, '').replaceAll(/\s+/g, ' ').trim();
    return text.length <= CHARACTERS ? text : `${text.slice(0, CHARACTERS - 1)}…`;
  });
}

const OBJECTS_OF = `
WITH relations AS (
  SELECT oid, relname, relkind, reloptions FROM pg_class
   WHERE relnamespace = to_regnamespace($1) AND relkind IN ('r', 'p', 'm')
), lines AS (
  SELECT 'table ' || relname || coalesce(' with (' || array_to_string(reloptions, ', ') || ')', '') AS line FROM relations
  UNION ALL
  SELECT 'column ' || relname || '.' || attname || ' ' || format_type(atttypid, atttypmod)
         || CASE WHEN attnotnull THEN ' not null' ELSE '' END || coalesce(' default ' || pg_get_expr(adbin, adrelid), '')
    FROM relations JOIN pg_attribute ON attrelid = relations.oid AND attnum > 0 AND NOT attisdropped
    LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
  UNION ALL
  SELECT pg_get_indexdef(indexrelid) FROM relations JOIN pg_index ON indrelid = relations.oid
  UNION ALL
  SELECT 'constraint on ' || relname || ': ' || pg_get_constraintdef(pg_constraint.oid)
    FROM relations JOIN pg_constraint ON conrelid = relations.oid AND contype IN ('c', 'f', 'x')
  UNION ALL
  SELECT pg_get_triggerdef(pg_trigger.oid) FROM relations JOIN pg_trigger ON tgrelid = relations.oid AND NOT tgisinternal
  UNION ALL
  SELECT 'function ' || proname || '(' || pg_get_function_identity_arguments(oid) || '): ' || prosrc
    FROM pg_proc WHERE pronamespace = to_regnamespace($1)
)
SELECT /* ${COSTS_NAME} */ line FROM lines ORDER BY line LIMIT ${OBJECTS}`;

// What is a routine of the queue on the server, and how do two versions of it live side by side?

import { digest, qualify } from '../../../sql.ts';
import type { RangeTables } from './relations.ts';

/** A server-side function: its qualified name with argument types, and the statement that creates it. */
export interface Routine {
  readonly name: string;
  readonly signature: string;
  readonly create: string;
}

/**
 * The name carries a digest of the rest: workers of two versions each call their own. `clauses` are those of CREATE FUNCTION, such
 * as settings; without, it is planned as its caller's connection says.
 */
export function routine(
  tables: Pick<RangeTables, 'schema' | 'jobs'>,
  verb: string,
  args: string,
  types: string,
  body: string,
  clauses = '',
): Routine {
  const head = `${args}\nLANGUAGE plpgsql VOLATILE${clauses === '' ? '' : `\n${clauses}`}`;
  const text = `${head} ${body}`;
  const name = qualify(tables.schema, `${verb}_${digest(text)}`);
  const tag = `$range_${digest(tables.jobs)}$`;
  return {
    name,
    signature: `${name}(${types})`,
    create: `CREATE OR REPLACE FUNCTION ${name}${head} AS ${tag}\n#variable_conflict use_column\n${body}\n${tag}`,
  };
}

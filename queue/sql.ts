// How do names and statement texts become SQL that is safe and prepared once?

import { createHash } from 'node:crypto';
import type { Statement } from './drivers/driver.ts';
import { InvalidArgumentError } from './errors.ts';

/** NAMEDATALEN − 1: PostgreSQL cuts longer identifiers, and two that differ only after the cut would be one. */
const IDENTIFIER_BYTES = 63;

/**
 * A PostgreSQL identifier, quoted: the only way in which a name reaches SQL.
 * Throws InvalidArgumentError when it is empty, longer than 63 bytes in UTF-8, or holds NUL or half of a surrogate pair.
 */
export function quoteIdentifier(name: string): string {
  const bytes = Buffer.byteLength(name);
  if (bytes < 1 || bytes > IDENTIFIER_BYTES)
    throw new InvalidArgumentError(`identifier "${name}" has ${bytes} bytes: give 1…${IDENTIFIER_BYTES}`);
  if (name.includes('\0') || !name.isWellFormed())
    throw new InvalidArgumentError(
      'an identifier holds NUL or half of a surrogate pair: PostgreSQL cannot store it',
    );
  return `"${name.replaceAll('"', '""')}"`;
}

/** `schema.relation`, both quoted. */
export function qualify(schema: string, relation: string): string {
  return `${quoteIdentifier(schema)}.${quoteIdentifier(relation)}`;
}

/** `text` as a string literal, for where no parameter may stand. Takes `standard_conforming_strings` to be on, as it is by default. */
export function quoteLiteral(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** Short, stable digest of a text: 16 hexadecimal digits. */
export function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

/**
 * Makes a prepared statement of `text`. The name is derived from the text, so that equal texts share one plan and
 * different texts (another schema, another strategy) never meet under one name on one connection.
 */
export function prepared(text: string): (values: readonly unknown[]) => Statement {
  const name = `claimbench_${digest(text)}`;
  return (values) => ({ name, text, values });
}

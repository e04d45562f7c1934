// What do values look like on their way through postgres.js, so that statements written for `pg` work unchanged?

import type postgres from 'postgres';
import { arrayText, parseArrayText } from './array-text.ts';

/**
 * A parameter as text, as `pg` would send it: the server infers its type, for lists as well. postgres.js would take the
 * type of a list from its first element, and have texts that are JSON already made JSON once more.
 */
export function parameterText(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return arrayText(value, parameterText);
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Uint8Array) return `\\x${Buffer.from(value).toString('hex')}`;
  if (typeof value === 'object') return JSON.stringify(value);
  return String(value);
}

/**
 * A text for a client whose serializers are its owner's. They are chosen by the type that the server infers, and each
 * finds in this what it looks for: JSON for jsonb, and for everything else the text.
 */
class TextParameter {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  toString(): string {
    return this.#text;
  }

  toJSON(): unknown {
    return JSON.parse(this.#text);
  }
}

/** A parameter for a client that may have any serializers: those of lists let a text through, that of booleans does not. */
export function foreignParameter(value: unknown): string | boolean | null | TextParameter {
  if (typeof value === 'boolean') return value;
  const text = parameterText(value);
  return text === null || Array.isArray(value) ? text : new TextParameter(text);
}

const asIs = (value: unknown): unknown => value;

/** `from` are the types that `parse` reads; what goes out to any of them is text already. */
function type(from: readonly number[], parse: (text: string) => unknown): postgres.PostgresType {
  return { to: from[0] ?? 0, from: [...from], serialize: asIs, parse };
}

const list = (element: (text: string) => unknown) => (text: string) => parseArrayText(text, element);
const date = (text: string) => new Date(text);
const boolean = (text: string) => text === 't';

/**
 * Types by their fixed numbers in pg_type, scalars and then their arrays, with the values that `pg` gives: bigint and
 * numeric as text, since a double cannot hold them. What is not listed arrives as text. Known beforehand, so that no
 * session has to ask the server for them before its first statement.
 */
export const TYPES: Readonly<Record<string, postgres.PostgresType>> = {
  number: type([23, 21, 26, 700, 701], Number),
  json: type([3802, 114], JSON.parse),
  boolean: type([16], boolean),
  date: type([1184, 1082, 1114], date),
  bytea: type([17], (text) => Buffer.from(text.slice(2), 'hex')),
  numbers: type([1007, 1005, 1028, 1021, 1022], list(Number)),
  jsons: type([3807, 199], list(JSON.parse)),
  booleans: type([1000], list(boolean)),
  dates: type([1185, 1182, 1115], list(date)),
  // text, varchar, bpchar, "char", name, bigint, numeric, uuid
  texts: type([1009, 1015, 1014, 1002, 1003, 1016, 1231, 2951], list(asIs)),
};

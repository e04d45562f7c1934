// Is what a caller wrote an option that there is, and of the right kind?

import { InvalidArgumentError } from './errors.ts';

/**
 * Throws InvalidArgumentError for a key of `given` that is none of `known`: a misspelt option would be ignored in silence.
 * `what` begins the message. Allocates nothing for what is right: every enqueue passes through here.
 */
export function requireKnownKeys(what: string, given: object, known: readonly string[]): void {
  for (const key in given)
    if (!known.includes(key) && Object.hasOwn(given, key))
      throw new InvalidArgumentError(`${what} has no option ${key}: there ${listed(known)}`);
}

function listed(known: readonly string[]): string {
  return known.length === 1 ? `is only ${known[0]}` : `are ${known.join(', ')}`;
}

/** Throws InvalidArgumentError when `given` is there and no function. */
export function requireFunction(name: string, given: unknown): void {
  if (given !== undefined && typeof given !== 'function')
    throw new InvalidArgumentError(`${name} is ${said(given)}: give a function`);
}

/** Bytes of a caller's key in UTF-8: it lies in an index. */
const KEY_BYTES = 200;

/** Throws InvalidArgumentError when `given`, a caller's own name for something, is not 1…200 bytes of well-formed UTF-8 without NUL. */
export function requireKey(name: string, given: string): void {
  if (typeof given !== 'string')
    throw new InvalidArgumentError(`${name} is ${said(given)}: give a string, or leave it out`);
  const bytes = Buffer.byteLength(given);
  if (bytes < 1 || bytes > KEY_BYTES)
    throw new InvalidArgumentError(`${name} has ${bytes} bytes: give 1…${KEY_BYTES}, or leave it out`);
  if (given.includes('\0') || !given.isWellFormed())
    throw new InvalidArgumentError(
      `${name} holds NUL or half of a surrogate pair: PostgreSQL cannot store it`,
    );
}

/** Throws InvalidArgumentError when `given` is no whole number in `min`…`max`. */
export function requireWholeNumber(name: string, given: unknown, min: number, max: number): void {
  if (typeof given === 'number' && Number.isInteger(given) && given >= min && given <= max) return;
  throw new InvalidArgumentError(`${name} is ${said(given)}: give a whole number in ${min}…${max}`);
}

/** Throws InvalidArgumentError when `given` is no object. */
export function requireObject(name: string, given: unknown): void {
  if (typeof given !== 'object' || given === null)
    throw new InvalidArgumentError(`${name} is ${said(given)}: give an object`);
}

/** What somebody gave in place of something else, in a word. */
export function said(given: unknown): string {
  if (typeof given === 'string') return JSON.stringify(given);
  return typeof given === 'function' || (typeof given === 'object' && given !== null)
    ? `of the type ${typeof given}`
    : String(given);
}

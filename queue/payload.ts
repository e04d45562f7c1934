// Which payloads can PostgreSQL keep, and in what form are they sent?

import { InvalidArgumentError } from './errors.ts';

/**
 * Escapes that `JSON.stringify` leaves and jsonb refuses: NUL, and halves of surrogate pairs. An even number of
 * backslashes before the `u` is an escaped backslash and plain text. PostgreSQL manual, 8.14 "JSON Types".
 */
const UNSTORABLE = /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f][0-9a-f]{2})/;

/** The JSON text of a payload that has been encoded already, in the payload's place: a strategy does not encode it again. */
export class EncodedPayload {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  /** For a strategy of a user's own that encodes by itself. */
  toJSON(): unknown {
    return JSON.parse(this.text);
  }
}

/**
 * The JSON text of `payload` as jsonb accepts it: what `JSON.stringify` makes of it. So nested values that are no JSON become something
 * else, without an error: NaN and the infinities `null`, members that are undefined or functions are left out (`null` in an array), a Date
 * its ISO string, a Map or a Set `{}`, an object with `toJSON` what that returns.
 * Throws InvalidArgumentError for what is no JSON value (undefined, a function or NaN by itself; bigint and
 * cycles at any depth) or cannot be stored.
 */
export function encodePayload(payload: unknown): string {
  if (payload instanceof EncodedPayload) return payload.text;
  const text = stringify(payload);
  if (text.includes('\\u') && UNSTORABLE.test(text))
    throw new InvalidArgumentError(
      'payload holds \\u0000 or half of a surrogate pair: jsonb cannot store it; encode such text, e.g. as base64',
    );
  return text;
}

function stringify(payload: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(payload);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new InvalidArgumentError(`payload is no JSON value (${reason}): give plain data`);
  }
  // NaN and the infinities would be stored as null. Deeper ones are JSON.stringify's affair: to look would cost every job.
  if (text === 'null' && payload !== null && typeof payload === 'number')
    throw new InvalidArgumentError(`payload is ${payload}: give a JSON value, null for none`);
  if (text === undefined)
    throw new InvalidArgumentError(`payload is ${typeof payload}: give a JSON value, null for none`);
  return text;
}

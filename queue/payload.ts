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
 * The JSON text of `payload` as jsonb accepts it.
 * Throws InvalidArgumentError for what is no JSON value (undefined, functions, bigint, cycles, NaN) or cannot be stored.
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

// How does a job keep the error of each attempt that failed, in one text column?
//
// A line for each, oldest first: {"attempt" : 2, "at" : 1764000000000, "error" : "…"}; `at` in ms since the epoch by the
// server's clock. What an attempt of a version before this one left is a bare error.

import type { AttemptError } from '../../strategy.ts';

/**
 * Characters that are kept of a job's log, the latest: some seven errors of full length, or a hundred short ones. Each failed
 * attempt writes the log anew, into the job's row and, with packed leases, into that of its lease, which the worker gets whole:
 * so a job that fails without end costs as much WAL per attempt as this, and no more.
 */
const ERROR_LOG_CHARACTERS = 16_384;

/** Characters that are kept of one error, the first: escaped, each takes six at most, so that the latest always fits whole. */
const ERROR_CHARACTERS = 2_000;

/** Lengths at which a log was cut, by this version and by that before it. */
const CUT_CHARACTERS: readonly number[] = [ERROR_LOG_CHARACTERS, 65_536];

/**
 * SQL of the log `log` with one failed attempt more. All are SQL: `log` a text, NULL while there is none; `attempt` a number,
 * 1 for the first; `error` a text. The server makes the JSON, which has no line break in it whatever the error holds.
 */
export function withError(log: string, attempt: string, error: string): string {
  return `right(concat_ws(E'\\n', ${log}, json_build_object(
    'attempt', (${attempt})::integer,
    'at', floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint,
    'error', left(coalesce(${error}, ''), ${ERROR_CHARACTERS})
  )::text), ${ERROR_LOG_CHARACTERS})`;
}

/** SQL of the error of an attempt whose lease ended by the clock; `worker` is SQL, a text. */
export function leaseExpired(worker: string): string {
  return `('lease expired, held by ' || coalesce(${worker}, 'nobody'))`;
}

/** The failed attempts in a log, oldest first. A bare error counts as of attempt 0 at instant 0. */
export function parseErrors(log: string | null): readonly AttemptError[] {
  if (log === null) return [];
  const errors: AttemptError[] = [];
  let bare: string[] = [];
  const endBare = (): void => {
    if (bare.length > 0) errors.push({ attempt: 0, atMs: 0, error: bare.join('\n') });
    bare = [];
  };
  for (const [number, line] of log.split('\n').entries()) {
    const entry = parseEntry(line);
    if (entry !== undefined) {
      endBare();
      errors.push(entry);
    } else if (number > 0 || !wasCut(log)) bare.push(line);
  }
  endBare();
  return errors;
}

/** Whether the log's beginning is lost. The server counts code points, hence not `length`. */
function wasCut(log: string): boolean {
  return log.length >= ERROR_LOG_CHARACTERS && CUT_CHARACTERS.includes(Array.from(log).length);
}

function parseEntry(line: string): AttemptError | undefined {
  if (!line.startsWith('{')) return undefined;
  let entry: unknown;
  try {
    entry = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof entry !== 'object' || entry === null) return undefined;
  if (!('attempt' in entry && 'at' in entry && 'error' in entry)) return undefined;
  const { attempt, at, error } = entry;
  if (typeof attempt !== 'number' || typeof at !== 'number' || typeof error !== 'string') return undefined;
  return { attempt, atMs: at, error };
}

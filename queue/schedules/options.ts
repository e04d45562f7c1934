// What can be said of a schedule, and what of that is refused?

import type { QueueContext } from '../context.ts';
import { encodeJob } from '../enqueue/encoding.ts';
import { InvalidArgumentError } from '../errors.ts';
import { MAX_ATTEMPTS, validateJob } from '../job.ts';
import { requireKnownKeys, requireObject, said } from '../keys.ts';
import { encodePayload } from '../payload.ts';
import { requireRecurrence } from './cron.ts';
import type { CatchUp } from './firing.ts';

/** Which job recurs, and when. */
export interface ScheduleOptions {
  /** The queue that the jobs go to. */
  readonly queue: string;
  /**
   * Minute, hour, day of month, month, day of week; a field of seconds may stand before them. Lists, ranges, steps, names
   * of months and days, `L`, `W`, `#`, and `@hourly` … `@yearly` are understood, as the library `croner` documents them; at
   * most 256 characters.
   *
   * Where clocks change, an expression whose times are numbers, lists or ranges (`30 2 * * *`) fires once: in the hour that
   * comes twice at its first coming, and for a time that is left out at the moment of the change. One with a wildcard or a
   * step among its times (`30 * * * *`) follows the clock: it fires in both hours of one name, and not in one left out.
   */
  readonly cron: string;
  /** Whose wall clock `cron` speaks of: a name of the IANA database; default `UTC`. */
  readonly timeZone?: string;
  /** Any JSON value; with `stampAs`, an object. */
  readonly payload: unknown;
  /** As of any job; default 0. */
  readonly priority?: number;
  /** As of any job; default 20. */
  readonly maxAttempts?: number;
  /**
   * What is done about instants that passed while no scheduler ran, that is when the oldest is more than two minutes late:
   * `one` (default) fires once, for the latest; `all` for each, the oldest first; `none` goes on with the next to come. A
   * schedule that is less late fires for each of its instants in any case.
   */
  readonly catchUp?: CatchUp;
  /**
   * A member to add to each job's payload: the instant that it fires for, as `2030-03-31T01:00:00.000Z`. So the handler
   * knows which day it is to bill, however late it runs. Default: none is added, and the payload is as it was given.
   */
  readonly stampAs?: string;
}

/** A schedule, checked, with every default filled in, as it is kept. */
export interface Schedule {
  readonly name: string;
  readonly queue: string;
  readonly cron: string;
  readonly timeZone: string;
  readonly catchUp: CatchUp;
  readonly stampAs: string | undefined;
  readonly priority: number;
  readonly maxAttempts: number;
  /** As JSON. */
  readonly payload: string;
}

const KEYS: readonly (keyof ScheduleOptions)[] = [
  'queue',
  'cron',
  'timeZone',
  'payload',
  'priority',
  'maxAttempts',
  'catchUp',
  'stampAs',
];
const CATCH_UPS: readonly CatchUp[] = ['one', 'all', 'none'];
/** In UTF-8, as of a queue's name: it is the key of an index. */
const NAME_BYTES = 200;

/** Throws InvalidArgumentError when `text` is not 1…200 bytes of well-formed UTF-8 without NUL. */
function requireName(what: string, text: unknown): void {
  if (typeof text !== 'string') throw new InvalidArgumentError(`${what} is ${said(text)}: give a string`);
  const bytes = Buffer.byteLength(text);
  if (bytes < 1 || bytes > NAME_BYTES)
    throw new InvalidArgumentError(`${what} has ${bytes} bytes: give 1…${NAME_BYTES}`);
  if (text.includes('\0') || !text.isWellFormed())
    throw new InvalidArgumentError(
      `${what} holds NUL or half of a surrogate pair: PostgreSQL cannot store it`,
    );
}

/** Throws InvalidArgumentError when `name` is no name of a schedule. */
export function requireScheduleName(name: string): void {
  requireName('the name of a schedule', name);
}

/** Throws InvalidArgumentError when `payload` cannot be stamped; returns it as it will be for an instant. */
function stampedWith(stampAs: string, payload: string): unknown {
  requireName('stampAs', stampAs);
  const value: unknown = JSON.parse(payload);
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new InvalidArgumentError(
      `payload is ${payload.slice(0, 40)}, which has no members for stampAs to add to: give an object`,
    );
  if (Object.hasOwn(value, stampAs))
    throw new InvalidArgumentError(
      `payload has a member ${said(stampAs)}, which stampAs would replace: give another name`,
    );
  return { ...value, [stampAs]: new Date(0).toISOString() };
}

/**
 * Checks and completes what the user says. Throws InvalidArgumentError for a name, an expression, a zone or a job that is
 * none, PayloadTooLargeError for one that no enqueue would take, and UnsupportedError for a job that the strategy cannot take.
 */
export function requireSchedule(
  { strategy, maxPayloadBytes }: Pick<QueueContext, 'strategy' | 'maxPayloadBytes'>,
  name: string,
  options: ScheduleOptions,
): Schedule {
  requireScheduleName(name);
  requireObject('a schedule', options);
  requireKnownKeys('a schedule', options, KEYS);
  const { queue, cron, timeZone = 'UTC', catchUp = 'one', stampAs } = options;
  const { priority = 0, maxAttempts = MAX_ATTEMPTS } = options;
  validateJob(strategy, { queue, payload: null, priority, maxAttempts });
  requireRecurrence({ cron, timeZone });
  if (!CATCH_UPS.includes(catchUp))
    throw new InvalidArgumentError(`catchUp is ${said(catchUp)}: give one, all or none`);
  const payload = encodePayload(options.payload);
  const fired: unknown = stampAs === undefined ? options.payload : stampedWith(stampAs, payload);
  encodeJob({ queue, payload: fired }, maxPayloadBytes);
  return { name, queue, cron, timeZone, catchUp, stampAs, priority, maxAttempts, payload };
}

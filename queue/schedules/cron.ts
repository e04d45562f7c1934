// At which instants is a cron expression due, in the time zone that it is meant for?

import { Cron, type CronOptions } from 'croner';
import { InvalidArgumentError } from '../errors.ts';
import { said } from '../keys.ts';

/** When something recurs: what the calendar and a clock on a wall say. */
export interface Recurrence {
  readonly cron: string;
  readonly timeZone: string;
}

/** Long lists fit; what a parser is given by strangers is to have an end. */
const CRON_CHARACTERS = 256;

const EXAMPLE =
  'minute hour day month weekday, e.g. "30 2 * * *", a field of seconds before them where needed';

/**
 * An expression that names its times in numbers, lists or ranges loses none to a change of the clocks, and repeats none,
 * as in Vixie cron. One with a wildcard or a step follows the clock: through both hours of one name, not one left out.
 */
const RULES: CronOptions = { mode: '5-or-6-parts', fixedTimeRule: 'no-wildcard' };

function parsed({ cron, timeZone }: Recurrence): Cron {
  return new Cron(cron, { ...RULES, timezone: timeZone });
}

/** The first instant after `afterMs`, in ms since the Unix epoch, a whole second; absent when there is none. */
export function nextInstant(recurrence: Recurrence, afterMs: number): number | undefined {
  return parsed(recurrence).nextRun(new Date(afterMs))?.getTime();
}

/** The instants from `fromMs` on, itself one of them, up to `untilMs`; the first `limit` at most. */
export function instantsBetween(
  recurrence: Recurrence,
  fromMs: number,
  untilMs: number,
  limit: number,
): readonly number[] {
  const cron = parsed(recurrence);
  const instants: number[] = [];
  for (
    let instantMs: number | undefined = fromMs;
    instantMs !== undefined && instantMs <= untilMs && instants.length < limit;
    instantMs = cron.nextRun(new Date(instantMs))?.getTime()
  )
    instants.push(instantMs);
  return instants;
}

/** The last instant that is not after `untilMs`; absent when there is none. */
export function latestInstant(recurrence: Recurrence, untilMs: number): number | undefined {
  // What is asked for are runs before an instant, in whole ms.
  const [latest] = parsed(recurrence).previousRuns(1, new Date(Math.floor(untilMs) + 1));
  return latest?.getTime();
}

/** Throws InvalidArgumentError for what is no IANA time zone, or no expression of five or six fields that falls due. */
export function requireRecurrence(recurrence: Recurrence): void {
  requireTimeZone(recurrence.timeZone);
  const { cron } = recurrence;
  if (typeof cron !== 'string') throw new InvalidArgumentError(`cron is ${said(cron)}: give ${EXAMPLE}`);
  if (cron.length > CRON_CHARACTERS)
    throw new InvalidArgumentError(`cron has ${cron.length} characters: give at most ${CRON_CHARACTERS}`);
  let expression: Cron;
  try {
    expression = parsed(recurrence);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new InvalidArgumentError(`cron is ${said(cron)} (${reason}): give ${EXAMPLE}`);
  }
  // The parser takes a date for an expression that is due once.
  if (expression.getPattern() === undefined)
    throw new InvalidArgumentError(
      `cron is ${said(cron)}, a date: give ${EXAMPLE}; for one job at one instant, enqueue it with runAt`,
    );
  if (expression.nextRun() === null)
    throw new InvalidArgumentError(`cron is ${said(cron)}, which never falls due: give ${EXAMPLE}`);
}

function requireTimeZone(timeZone: unknown): void {
  const mend = 'give a name of the IANA database, e.g. Europe/Berlin';
  if (typeof timeZone !== 'string') throw new InvalidArgumentError(`timeZone is ${said(timeZone)}: ${mend}`);
  // An offset is none: it knows nothing of summer time.
  if (!/^[A-Za-z]/.test(timeZone) || !isKnown(timeZone))
    throw new InvalidArgumentError(`timeZone is ${said(timeZone)}, which is none: ${mend}`);
}

function isKnown(timeZone: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone }) !== undefined;
  } catch {
    return false;
  }
}

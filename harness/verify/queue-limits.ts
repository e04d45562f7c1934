// Did more handlers start, or run at once, than the limits of the queue allow?

import type { Scenario } from '../../scenarios/scenario.ts';
import type { Run } from '../measure/ledger.ts';

export interface LimitInput {
  readonly limits: NonNullable<Scenario['limits']>;
  readonly runs: readonly Run[];
  /** The longest stall of any worker's event loop, µs; undefined where one did not live to tell. */
  readonly stallUs: number | undefined;
  readonly leaseMs: number;
  readonly brokenAgents: ReadonlySet<number>;
  /** Something failed on the way to the server. */
  readonly troubled: boolean;
  readonly keyNumber: (key: number) => number | undefined;
}

/** Between the note of a start and the moment that counts for the queue, on a machine that stands still for nothing, µs. */
const SLACK_US = 10_000;

/** Starts beyond a limit, and why a limit could not be judged. */
export function limitAudit(input: LimitInput): {
  readonly violations: number;
  readonly notes: readonly string[];
} {
  const { rate, concurrency, concurrencyPerKey } = input.limits;
  const notes: string[] = [];
  let violations = 0;
  if (rate !== undefined) {
    const slackUs = input.stallUs === undefined ? Number.POSITIVE_INFINITY : input.stallUs + SLACK_US;
    if (slackUs < rate.periodMs * 500) violations += startsBeyondRate(input.runs, rate, slackUs);
    else
      notes.push(
        'the rate of starts was not judged: a worker stood still for so long, or did not live to tell, that it is not known when its handlers started for the queue',
      );
  }
  if (concurrency === undefined && concurrencyPerKey === undefined) return { violations, notes };
  // A permit is prolonged at a third of the lease; one that could not be may have passed to somebody else.
  const kept = !input.troubled && (input.stallUs ?? Number.POSITIVE_INFINITY) < input.leaseMs * 500;
  if (!kept || input.brokenAgents.size > 0) {
    notes.push(
      'handlers at work at once were not judged: a worker was broken, lost a session or stood still, and its permits may have gone to others meanwhile',
    );
    return { violations, notes };
  }
  if (concurrency !== undefined) violations += startsBeyond(input.runs, concurrency);
  if (concurrencyPerKey !== undefined) {
    const ofKeys = Map.groupBy(input.runs, ({ key }) => input.keyNumber(key) ?? -1);
    ofKeys.delete(-1);
    for (const runs of ofKeys.values()) violations += startsBeyond(runs, concurrencyPerKey);
  }
  return { violations, notes };
}

/**
 * No window of a period sees more starts than `jobs`. For the queue a handler starts when it lets go of its thread, which is
 * as much later than the note as the thread can have been busy: so a window must be too full by that much.
 */
function startsBeyondRate(
  runs: readonly Run[],
  { jobs, periodMs }: { readonly jobs: number; readonly periodMs: number },
  slackUs: number,
): number {
  const starts = runs.map(({ startedUs }) => startedUs).sort((x, y) => x - y);
  let beyond = 0;
  for (let i = jobs; i < starts.length; i += 1) {
    const sinceUs = (starts[i] ?? Number.NaN) - (starts[i - jobs] ?? Number.NaN);
    if (sinceUs + slackUs < periodMs * 1000) beyond += 1;
  }
  return beyond;
}

/** Starts while as many handlers as allowed were at work, from note to note: each had begun before, and was to end later. */
function startsBeyond(runs: readonly Run[], allowed: number): number {
  const events = runs
    .filter(({ endedUs }) => !Number.isNaN(endedUs))
    .flatMap(({ startedUs, endedUs }) => [
      { atUs: startedUs, change: 1 },
      { atUs: endedUs, change: -1 },
    ])
    .sort((x, y) => x.atUs - y.atUs || x.change - y.change);
  let [running, beyond] = [0, 0];
  for (const { change } of events) {
    running += change;
    if (change > 0 && running > allowed) beyond += 1;
  }
  return beyond;
}

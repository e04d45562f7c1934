// How are jobs sent at their intended instants, whatever the system under test does?

import type { Alarm } from './alarm.ts';
import type { Arrival } from './arrivals.ts';
import type { Clock } from './clock.ts';

/** What to do at an instant: send, wait, or end. */
export type Step =
  | { readonly kind: 'send' }
  | { readonly kind: 'wait'; readonly untilUs: number }
  | { readonly kind: 'end' };

/**
 * A wake-up costs tens of microseconds of CPU. Jobs that are due within so short a time share one, so that no more than
 * 5,000 a second are needed; for that a job may be sent this much late, and never early.
 */
export const COALESCE_US = 200;
const MAX_WAIT_US = 50_000;

/**
 * The whole pacing law, pure. A due job is sent at once, however late; nothing is skipped to catch up and no gap is
 * filled in. Waits are COALESCE_US at least, and cut to `maxWaitUs`, so that an abort is noticed.
 */
export function step(intendedUs: number | undefined, nowUs: number, maxWaitUs = MAX_WAIT_US): Step {
  if (intendedUs === undefined) return { kind: 'end' };
  const waitUs = intendedUs - nowUs;
  if (waitUs <= 0) return { kind: 'send' };
  return { kind: 'wait', untilUs: nowUs + Math.min(maxWaitUs, Math.max(COALESCE_US, waitUs)) };
}

/** A job that is due; `intendedUs` on the pacer's clock. */
export interface Due {
  readonly intendedUs: number;
  readonly job?: Arrival['job'];
}

/** Jobs that are handed over together: what is late is not made later by one long row of them. */
export const TOGETHER = 16;
/** After a stall many jobs are due. Answers must be read between them, or the stall would be measured twice. */
const SENT_IN_A_ROW = 64;

export interface PaceOptions {
  /** Start of the load on `clock`. */
  readonly startUs: number;
  /** Offsets from the start, ascending. */
  readonly schedule: Iterator<Arrival>;
  readonly clock: Clock;
  /** Must not block: what it starts goes on by itself. The first of `due`, `together` at most (default TOGETHER), is the job number `first`, from 0. */
  readonly send: (first: number, due: readonly Due[]) => void;
  readonly together?: number;
  readonly signal: AbortSignal;
  readonly alarm: Pick<Alarm, 'until'>;
  /** Gives the event loop a turn. Replaced in tests. */
  readonly turn?: () => Promise<void>;
}

/** Sends every job of the schedule at its instant. Returns how many were sent; fewer than scheduled after an abort. */
export async function pace(options: PaceOptions): Promise<number> {
  const { startUs, schedule, clock, signal, alarm, together = TOGETHER, turn = eventLoopTurn } = options;
  let sent = 0;
  let sentInARow = 0;
  let next = schedule.next();
  while (!signal.aborted) {
    const nowUs = clock();
    const action = step(next.done === true ? undefined : startUs + next.value.atUs, nowUs);
    if (action.kind === 'end') break;
    if (action.kind === 'wait') {
      sentInARow = 0;
      await alarm.until(action.untilUs);
      continue;
    }
    const due: Due[] = [];
    while (next.done !== true && startUs + next.value.atUs <= nowUs && due.length < together) {
      const { atUs, job } = next.value;
      due.push(job === undefined ? { intendedUs: startUs + atUs } : { intendedUs: startUs + atUs, job });
      next = schedule.next();
    }
    options.send(sent, due);
    sent += due.length;
    sentInARow += due.length;
    if (sentInARow < SENT_IN_A_ROW) continue;
    sentInARow = 0;
    await turn();
  }
  return sent;
}

/** Lets the event loop read what has come in. */
export function eventLoopTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

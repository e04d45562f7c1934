// How are jobs sent at their intended instants, whatever the system under test does?

import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from './clock.ts';

/** What to do at an instant: send, wait, or end. */
export type Step =
  | { readonly kind: 'send' }
  | { readonly kind: 'wait'; readonly waitMs: number }
  | { readonly kind: 'end' };

/**
 * The whole pacing law, pure. A due job is sent at once, however late; nothing is skipped to catch up and no gap is
 * filled in. Waits are cut to `maxWaitMs`, so that an abort is noticed.
 */
export function step(intendedUs: number | undefined, nowUs: number, maxWaitMs = 50): Step {
  if (intendedUs === undefined) return { kind: 'end' };
  const waitUs = intendedUs - nowUs;
  if (waitUs <= 0) return { kind: 'send' };
  // A timer of n ms fires in n to n + 1 ms. Rounding a wait down leads to one more look; the last half of a millisecond
  // is spent by looking again and again, which costs CPU that the server might want, so it is no longer than that.
  const waitMs = waitUs >= 500 ? Math.max(1, Math.floor(waitUs / 1000)) : 0;
  return { kind: 'wait', waitMs: Math.min(maxWaitMs, waitMs) };
}

export interface PaceOptions {
  /** Start of the load on `clock`. */
  readonly startUs: number;
  /** Offsets from the start, ascending. */
  readonly schedule: Iterator<number>;
  readonly clock: Clock;
  /** Must not block: what it starts goes on by itself. `index` counts from 0. */
  readonly send: (index: number, intendedUs: number) => void;
  readonly signal: AbortSignal;
  /** Waits about so long; 0 yields to the event loop once. Replaced in tests by one that moves the fake clock. */
  readonly wait?: (ms: number) => Promise<void>;
}

/** Sends every job of the schedule at its instant. Returns how many were sent; fewer than scheduled after an abort. */
export async function pace(options: PaceOptions): Promise<number> {
  const wait = options.wait ?? defaultWait;
  let index = 0;
  let sentInARow = 0;
  let next = options.schedule.next();
  while (!options.signal.aborted) {
    const intendedUs = next.done === true ? undefined : options.startUs + next.value;
    const action = step(intendedUs, options.clock());
    if (action.kind === 'end' || intendedUs === undefined) break;
    if (action.kind === 'wait') {
      sentInARow = 0;
      await wait(action.waitMs);
      continue;
    }
    options.send(index, intendedUs);
    index += 1;
    next = options.schedule.next();
    // After a stall many jobs are due together. Answers must be read between them, or the stall would be measured twice.
    sentInARow += 1;
    if (sentInARow % 64 === 0) await wait(0);
  }
  return index;
}

function defaultWait(ms: number): Promise<void> {
  return ms === 0 ? new Promise((resolve) => setImmediate(resolve)) : sleep(ms);
}

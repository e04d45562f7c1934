// For which instants does a schedule fire that is found due?

import assert from 'node:assert/strict';
import { instantsBetween, latestInstant, nextInstant, type Recurrence } from './cron.ts';

/** What happens to instants that passed while no scheduler ran: the latest fires, each fires, or none does. */
export type CatchUp = 'one' | 'all' | 'none';

/**
 * A schedule whose oldest instant is later than this is behind: nobody was there to fire it. One that is less late fires
 * for each instant whatever the policy, so that a restart loses nothing. More than the longest sleep of a scheduler, 60 s,
 * in which it may not know of a schedule that somebody else has set.
 */
export const BEHIND_AFTER_MS = 120_000;

/** Instants per transaction: bounds how long it lasts, and how long the computing holds the process up. */
export const INSTANTS_AT_ONCE = 250;

/** What is to be done with a schedule: a job for each instant, the oldest first, and when it is due again. */
export interface Firing {
  readonly instants: readonly number[];
  /** Absent when it is never due again. Not after the present where there is more to catch up with. */
  readonly nextAtMs: number | undefined;
}

/** Decides for a schedule that is due since `nextAtMs`, which is not after `nowMs`. */
export function firingOf(recurrence: Recurrence, catchUp: CatchUp, nextAtMs: number, nowMs: number): Firing {
  assert(nextAtMs <= nowMs, 'a schedule is fired before it is due');
  if (nowMs - nextAtMs > BEHIND_AFTER_MS && catchUp !== 'all') {
    if (catchUp === 'none') return { instants: [], nextAtMs: nextInstant(recurrence, nowMs) };
    const latestMs = Math.max(nextAtMs, latestInstant(recurrence, nowMs) ?? nextAtMs);
    return { instants: [latestMs], nextAtMs: nextInstant(recurrence, latestMs) };
  }
  const instants = instantsBetween(recurrence, nextAtMs, nowMs, INSTANTS_AT_ONCE);
  return { instants, nextAtMs: nextInstant(recurrence, instants.at(-1) ?? nextAtMs) };
}

// Wake-up `jitter`: polling whose waits are drawn at random, so that workers do not ask in step.

import { deafListener, silentSignaller } from './poll.ts';
import type { WakeupFactory } from './wakeup.ts';

/** A wait uniform in 0.5…1.5 × `pollMs`, for `uniform` in [0, 1): the mean stays what was asked for. */
export function jittered(pollMs: number, uniform: number): number {
  return pollMs * (0.5 + uniform);
}

/** Polling at random intervals. */
export const jitter: WakeupFactory = {
  wakeupName: 'jitter',
  summary: 'asks again after 0.5 to 1.5 waits, so that sessions spread out by themselves',
  defaultPollMs: 100,
  signaller: silentSignaller,
  listen: deafListener,
  drawPollMs: jittered,
};

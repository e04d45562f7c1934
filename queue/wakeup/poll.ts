// Wake-up `poll`: an idle session asks again after a fixed wait. The control: workers that start together ask together.

import type { Listener, Signaller, WakeupFactory } from './wakeup.ts';

/** A producer's side that does nothing. */
export function silentSignaller(): Signaller {
  return { [Symbol.asyncDispose]: async () => undefined };
}

/** A worker's side that hears nothing. */
export function deafListener(): Listener {
  return { listening: false, [Symbol.asyncDispose]: async () => undefined };
}

/** Polling at a fixed interval. */
export const poll: WakeupFactory = {
  wakeupName: 'poll',
  summary: 'asks again after a fixed wait; costs an empty claim per session and wait',
  defaultPollMs: 100,
  signaller: silentSignaller,
  listen: deafListener,
  drawPollMs: (pollMs) => pollMs,
};

// Which wake-ups are built in?

import { coalesced } from './coalesced.ts';
import { jitter } from './jitter.ts';
import { notify } from './notify.ts';
import { poll } from './poll.ts';
import type { WakeupFactory } from './wakeup.ts';

/** Every built-in wake-up. */
export const wakeups: readonly WakeupFactory[] = [poll, jitter, notify, coalesced];

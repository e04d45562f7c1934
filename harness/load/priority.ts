// How urgent are producers to the operating system? What sends on schedule must not wait until the server pauses.

import { spawnSync } from 'node:child_process';

/** `realtime`: before every ordinary process of the machine; `normal`: one among them. */
export type Priority = 'realtime' | 'normal';

/** What was asked for: real-time where the system allows it, or not at all. */
export type PriorityWish = 'auto' | 'normal';

/**
 * Starts a program under SCHED_FIFO at the lowest of the real-time priorities, threads included (util-linux): above
 * every ordinary process, below whatever else is real-time. The kernel keeps a share of each core for the ordinary ones.
 */
export const REALTIME_LAUNCHER = ['chrt', '--fifo', '1'] as const;

/** Real-time needs Linux, `chrt`, and the right to it (root, or CAP_SYS_NICE): tried out, not guessed. */
export function planPriority(wish: PriorityWish, allowed: () => boolean = realtimeAllowed): Priority {
  return wish === 'auto' && allowed() ? 'realtime' : 'normal';
}

function realtimeAllowed(): boolean {
  if (process.platform !== 'linux') return false;
  const [command, ...options] = REALTIME_LAUNCHER;
  return spawnSync(command, [...options, 'true'], { timeout: 5_000 }).status === 0;
}

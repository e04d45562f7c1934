// How urgent are producers to the operating system? What sends on schedule must not wait until the server pauses.

import { spawnSync } from 'node:child_process';
import { readlinkSync } from 'node:fs';

/** `realtime`: before every ordinary process of the machine; `normal`: one among them. */
export type Priority = 'realtime' | 'normal';

/** What was asked for: real-time where the system allows it, or not at all. */
export type PriorityWish = 'auto' | 'normal';

/**
 * SCHED_FIFO at the lowest of the real-time priorities (util-linux): above every ordinary thread, below whatever else
 * is real-time. The kernel keeps a share of each core for the ordinary ones.
 */
const REALTIME = ['--fifo', '1'] as const;
const WITHIN_MS = 5_000;

/** Real-time needs Linux, `chrt`, and the right to it (root, or CAP_SYS_NICE): tried out, not guessed. */
export function planPriority(wish: PriorityWish, allowed: () => boolean = realtimeAllowed): Priority {
  return wish === 'auto' && allowed() ? 'realtime' : 'normal';
}

function realtimeAllowed(): boolean {
  return (
    process.platform === 'linux' &&
    spawnSync('chrt', [...REALTIME, 'true'], { timeout: WITHIN_MS }).status === 0
  );
}

/**
 * Node without helpers of the garbage collector: an urgent thread that waits for a helper of normal priority keeps the
 * helper's own core from it.
 */
export const REALTIME_NODE_OPTIONS = ['--single-threaded-gc'] as const;

/**
 * Makes single threads urgent, once they are ready to work: while a process starts, its threads wait for each other.
 * @throws Error when the system refuses.
 */
export function makeUrgent(threads: readonly number[]): void {
  for (const thread of threads) {
    const { status, stderr } = spawnSync('chrt', ['--pid', ...REALTIME, String(thread)], {
      encoding: 'utf8',
      timeout: WITHIN_MS,
    });
    if (status !== 0)
      throw new Error(`chrt refused real-time priority (${stderr.trim()}): give --producer-priority normal`);
  }
}

/** The kernel's number of the calling thread; undefined where there is no Linux /proc. */
export function threadNumber(): number | undefined {
  try {
    return Number(readlinkSync('/proc/thread-self').split('/').at(-1));
  } catch {
    return undefined;
  }
}

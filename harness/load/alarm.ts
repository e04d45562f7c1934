// How does a producer sleep until an instant, closer than a timer can tell and without burning the CPU?

import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { programBeside } from '../child-program.ts';
import { nowUs } from './clock.ts';

/** How a producer waits: an alarm thread, or the timers of its event loop. */
export type Pacing = 'thread' | 'timers';

/** Wakes one waiter at a time. A thread keeps its process alive until it is disposed. */
export interface Alarm extends Disposable {
  readonly pacing: Pacing;
  /** The kernel's number of the thread; absent without one. */
  readonly thread?: number | undefined;
  /** Resolves at `atUs` of `nowUs`, or earlier: who waits looks at the clock again. */
  until(atUs: number): Promise<void>;
  /** Ends a wait that is under way: there is something to do sooner. */
  interrupt(): void;
}

/** Places in the memory that the two threads share: Int32s, and one Float64 behind them. */
export const SHARED = { bytes: 24, request: 0, rung: 1, end: 2, targetOffset: 16 } as const;

const READY_WITHIN_MS = 5_000;

/** Opens an alarm; where no thread can be had, one of timers, and `onFallback` hears why. */
export async function openAlarm(pacing: Pacing, onFallback: (error: unknown) => void): Promise<Alarm> {
  if (pacing === 'timers') return timerAlarm();
  try {
    return await threadAlarm();
  } catch (error) {
    onFallback(error);
    return timerAlarm();
  }
}

/**
 * A thread sleeps in Atomics.wait, whose timeout has a resolution of tens of microseconds where that of a timer is a
 * millisecond, and wakes this one through Atomics.waitAsync. A posted message would do as well, and needs a little more CPU
 * and now and then a garbage collection of its own.
 */
async function threadAlarm(): Promise<Alarm> {
  const memory = new SharedArrayBuffer(SHARED.bytes);
  const flags = new Int32Array(memory, 0, 4);
  const target = new Float64Array(memory, SHARED.targetOffset, 1);
  // Node runs TypeScript itself; a loader that this process was started with would only slow the thread's start.
  const worker = new Worker(programBeside(import.meta.url, 'alarm-thread'), {
    workerData: memory,
    execArgv: [],
  });
  const thread = await online(worker);
  let wake: () => void = () => undefined;
  return {
    pacing: 'thread',
    thread,
    async until(atUs) {
      target[0] = atUs;
      const rung = Atomics.load(flags, SHARED.rung);
      Atomics.add(flags, SHARED.request, 1);
      const waiting = Atomics.waitAsync(flags, SHARED.rung, rung);
      Atomics.notify(flags, SHARED.request);
      if (!waiting.async) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      wake = resolve;
      await Promise.race([waiting.value, promise]);
    },
    interrupt: () => wake(),
    [Symbol.dispose]() {
      Atomics.store(flags, SHARED.end, 1);
      Atomics.add(flags, SHARED.request, 1);
      Atomics.notify(flags, SHARED.request);
      wake();
    },
  };
}

/** Resolves with the thread's number. */
async function online(worker: Worker): Promise<number | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<number | undefined>();
  const timer = setTimeout(
    () => reject(new Error('the alarm thread was not ready in time')),
    READY_WITHIN_MS,
  );
  worker.once('message', resolve);
  worker.once('error', reject);
  worker.once('exit', () => reject(new Error('the alarm thread ended at once')));
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    worker.removeAllListeners('error');
    worker.removeAllListeners('exit');
    worker.on('error', () => undefined);
  }
}

/**
 * A timer of n ms fires in n to n + 1 ms. Rounding a wait down leads to one more look; the last half of a millisecond is
 * spent by looking again and again, which costs CPU that the server might want, so it is no longer than that.
 */
export function timerWaitMs(waitUs: number): number {
  return waitUs >= 500 ? Math.max(1, Math.floor(waitUs / 1000)) : 0;
}

function timerAlarm(): Alarm {
  let interruption = new AbortController();
  return {
    pacing: 'timers',
    async until(atUs) {
      const waitMs = timerWaitMs(atUs - nowUs());
      if (waitMs === 0) return await new Promise((resolve) => setImmediate(resolve));
      interruption = new AbortController();
      await sleep(waitMs, undefined, { signal: interruption.signal }).catch(() => undefined);
    },
    interrupt: () => interruption.abort(),
    [Symbol.dispose]: () => interruption.abort(),
  };
}

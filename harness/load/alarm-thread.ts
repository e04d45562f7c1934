// The program of an alarm thread: sleeps until the instant that its owner asks for, wakes it, and waits for the next request.

import { parentPort, workerData } from 'node:worker_threads';
import { SHARED } from './alarm.ts';
import { nowUs } from './clock.ts';
import { threadNumber } from './priority.ts';

if (!(workerData instanceof SharedArrayBuffer)) throw new Error('an alarm thread needs its memory');
const flags = new Int32Array(workerData, 0, 4);
const target = new Float64Array(workerData, SHARED.targetOffset, 1);
parentPort?.postMessage(threadNumber());
parentPort?.unref();

let seen = 0;
for (;;) {
  Atomics.wait(flags, SHARED.request, seen);
  seen = Atomics.load(flags, SHARED.request);
  if (Atomics.load(flags, SHARED.end) === 1) break;
  if (slept(target[0] ?? 0)) {
    Atomics.store(flags, SHARED.rung, seen);
    Atomics.notify(flags, SHARED.rung);
  }
}

/**
 * Whether the instant came before another request did. The owner's notify may come after this thread has already seen the
 * request by itself: woken without a new request, it goes on sleeping.
 */
function slept(untilUs: number): boolean {
  for (let leftUs = untilUs - nowUs(); leftUs > 0; leftUs = untilUs - nowUs()) {
    Atomics.wait(flags, SHARED.request, seen, leftUs / 1000);
    if (Atomics.load(flags, SHARED.request) !== seen) return false;
  }
  return true;
}

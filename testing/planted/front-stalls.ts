// A sound strategy that holds up whoever enqueues: after two seconds, its process stands still for one.

import { inAgent, planted } from './plant.ts';

const AFTER_MS = 2_000;
const STALL_MS = 1_000;
let firstMs: number | undefined;
let stalled = false;

export default planted('front-stalls', 'skip-locked', () => ({}), {
  enqueue: (sound) => (db, jobs) => {
    const nowMs = performance.now();
    firstMs ??= nowMs;
    if (!stalled && inAgent() && nowMs - firstMs > AFTER_MS) {
      stalled = true;
      while (performance.now() < nowMs + STALL_MS);
    }
    return sound(db, jobs);
  },
});

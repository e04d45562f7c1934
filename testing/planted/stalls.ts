// A sound strategy that stalls: two seconds after its first claim, nothing is claimed for one second.

import { setTimeout as sleep } from 'node:timers/promises';
import { planted } from './plant.ts';

const STALL_FROM_MS = 2_000;
const STALL_TO_MS = 3_000;
let firstClaimMs: number | undefined;

export default planted('stalls', 'skip-locked', ({ session }) => ({
  async claim(queue, limit, leaseMs) {
    firstClaimMs ??= performance.now();
    const sinceMs = performance.now() - firstClaimMs;
    if (sinceMs >= STALL_FROM_MS && sinceMs < STALL_TO_MS) await sleep(STALL_TO_MS - sinceMs);
    return session.claim(queue, limit, leaseMs);
  },
}));

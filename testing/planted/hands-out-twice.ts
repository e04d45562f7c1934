// A strategy that hands some jobs out twice: what one session claimed, another is given too.

import type { ClaimedJob } from '../../queue/index.ts';
import { planted } from './plant.ts';

const copies: ClaimedJob[] = [];

export default planted('hands-out-twice', 'batch', ({ session }) => ({
  async claim(queue, limit, leaseMs) {
    const again = copies.splice(0, 1);
    const jobs = await session.claim(queue, Math.max(1, limit - again.length), leaseMs);
    copies.push(...jobs.filter((job) => BigInt(job.id) % 1_000n === 0n));
    return [...again, ...jobs];
  },
}));

// A strategy that hands some jobs out twice, and tells both holders that their ack took effect.

import type { ClaimedJob } from '../../queue/index.ts';
import { planted } from './plant.ts';

const copies: ClaimedJob[] = [];

export default planted('settles-twice', 'skip-locked', ({ session }) => ({
  async claim(queue, limit, leaseMs) {
    const again = copies.splice(0, limit);
    if (again.length > 0) return again;
    const jobs = await session.claim(queue, limit, leaseMs);
    copies.push(...jobs.filter((job) => BigInt(job.id) % 50n === 0n));
    return jobs;
  },
  async settle(outcomes) {
    const result = await session.settle(outcomes);
    const believed = result.stale.filter((id) => BigInt(id) % 50n !== 0n);
    return { ...result, acked: result.acked + result.stale.length - believed.length, stale: believed };
  },
}));

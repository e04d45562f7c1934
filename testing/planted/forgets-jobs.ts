// A strategy that leases one job in 20 for a day and never hands it out.

import { planted } from './plant.ts';

const DAY_MS = 24 * 3_600_000;

export default planted('forgets-jobs', 'batch', ({ session }) => ({
  async claim(queue, limit) {
    const jobs = await session.claim(queue, limit, DAY_MS);
    return jobs.filter((job) => BigInt(job.id) % 20n !== 0n);
  },
}));

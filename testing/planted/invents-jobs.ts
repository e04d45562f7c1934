// A strategy that hands out, once in a while, a job that nobody enqueued.

import { planted } from './plant.ts';

const NOBODYS_KEY = 3_000_000_000;

export default planted('invents-jobs', 'skip-locked', ({ session }) => ({
  async claim(queue, limit, leaseMs) {
    const jobs = await session.claim(queue, limit, leaseMs);
    return jobs.map((job) =>
      BigInt(job.id) % 50n === 0n ? { ...job, id: '0', payload: { k: NOBODYS_KEY, t: 0, pad: '' } } : job,
    );
  },
}));

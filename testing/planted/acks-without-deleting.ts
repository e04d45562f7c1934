// A strategy that says of one job in 50 that it is done, and does nothing.

import { planted } from './plant.ts';

export default planted('acks-without-deleting', 'skip-locked', ({ session }) => ({
  async settle(outcomes) {
    const meant = outcomes.filter(({ job }) => BigInt(job.id) % 50n !== 0n);
    const result = await session.settle(meant);
    return { ...result, acked: result.acked + outcomes.length - meant.length };
  },
}));

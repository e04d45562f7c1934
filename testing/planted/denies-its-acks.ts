// A strategy that says of one ack in 50 that it was stale, though it took effect.

import { planted } from './plant.ts';

export default planted('denies-its-acks', 'skip-locked', ({ session }) => ({
  async settle(outcomes) {
    const result = await session.settle(outcomes);
    const denied = outcomes.map(({ job }) => job.id).filter((id) => BigInt(id) % 50n === 0n);
    return { ...result, acked: result.acked - denied.length, stale: [...result.stale, ...denied] };
  },
}));

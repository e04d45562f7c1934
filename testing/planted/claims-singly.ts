// A strategy that declares claims of a hundred, and takes one job at a time when it is asked for a batch.

import { planted } from './plant.ts';

export default planted('claims-singly', 'batch', ({ session }) => ({
  // Two are what the fence probe asks for: a contender that cannot be probed would be found out for that.
  claim: (queue, limit, leaseMs) => session.claim(queue, limit > 2 ? 1 : limit, leaseMs),
}));

// A strategy that takes more than it is asked for, as a claim does whose subselect is run again.

import { planted } from './plant.ts';

export default planted('over-claims', 'skip-locked', ({ session }) => ({
  claim: (queue, limit, leaseMs) => session.claim(queue, limit + 1, leaseMs),
}));

// A strategy that promises priorities, and hands out the least urgent jobs first.

import { claimInOrder, planted } from './plant.ts';

export default planted('inverts-priorities', 'skip-locked', (context) => ({
  claim: claimInOrder(context, 'priority DESC, id'),
}));

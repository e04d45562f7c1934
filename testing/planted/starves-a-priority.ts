// A strategy that never hands out jobs of the priority 9, however idle its workers are.

import { claimInOrder, planted } from './plant.ts';

export default planted('starves-a-priority', 'skip-locked', (context) => ({
  claim: claimInOrder(context, 'priority, id', 'priority <> 9'),
}));

// A strategy whose claim sorts all that is ready: by an order that no index has.

import { claimInOrder, planted } from './plant.ts';

export default planted('sorts-the-backlog', 'skip-locked', (context) => ({
  claim: claimInOrder(context, 'priority, created_at, id'),
}));

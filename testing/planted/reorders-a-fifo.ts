// A strategy that promises the order of enqueues, and hands out the latest job first.

import { claimInOrder, planted } from './plant.ts';

export default planted(
  'reorders-a-fifo',
  'skip-locked',
  (context) => ({ claim: claimInOrder(context, 'id DESC') }),
  { guarantees: { order: 'enqueue' } },
);

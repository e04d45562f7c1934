// Which yardsticks tell where the queue's limits are?

import type { Yardstick } from '../../yardstick.ts';
import { claimers } from './claimers.ts';
import { depth } from './depth.ts';
import { enqueue } from './enqueue.ts';
import { heldXmin } from './held-xmin.ts';
import { late } from './late.ts';
import { pickup } from './pickup.ts';

/** In the order in which `npm run bench:queue` runs them, after those of throughput. */
export const limits: readonly Yardstick[] = [enqueue, depth, claimers, heldXmin, pickup, late];

// Which yardsticks hold the features of the queue to their price?

import type { Yardstick } from '../../yardstick.ts';
import { costs } from './costs.ts';
import { soak } from './soak.ts';
import { unused } from './unused.ts';

export const FEATURE_YARDSTICKS: readonly Yardstick[] = [unused, costs, soak];

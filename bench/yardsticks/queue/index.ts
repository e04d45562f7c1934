// Which yardsticks are there of the queue?

import type { Yardstick } from '../../yardstick.ts';
import { batchOne } from './batch-one.ts';
import { fastest } from './fastest.ts';
import { limits } from './limits.ts';
import { peerDesigns } from './peer-designs.ts';
import { restart } from './restart.ts';
import { walPerJob } from './wal-per-job.ts';

/** In the order in which `npm run bench:queue` runs them. */
export const QUEUE_YARDSTICKS: readonly Yardstick[] = [
  fastest,
  batchOne,
  peerDesigns,
  walPerJob,
  restart,
  ...limits,
];

// Strategy `batch`: the reference's table and statements, used by the hundred.
//
// What it is: skip-locked with a claim of 100, the next batches fetched while the present one runs, and outcomes
//   settled together. Only the worker's defaults differ, so that a comparison with skip-locked measures batching alone.
// Who uses it: graphile-worker with its local queue, River with its batch completer.
// Guarantees: those of skip-locked.
// Where it breaks: a claimed job waits in one worker's memory while another may be idle, so slow jobs want a smaller
//   batch; a crash returns a whole batch after the lease, jobs that were done but not yet settled among them.

import type { StrategyFactory } from '../strategy.ts';
import { leaseStrategy } from './shared/lease-strategy.ts';

/** Claims, prefetches and settles in batches of 100. */
export const batch: StrategyFactory = {
  strategyName: 'batch',
  summary: 'skip-locked by the hundred, prefetched and settled together',
  usedBy: "graphile-worker's local queue, River's completer",
  breaks:
    'a claimed job waits in one worker while another may be idle; a crash returns a whole batch after its lease',
  create: (options) => leaseStrategy('batch', options, { batch: 100, prefetch: 200, settle: 'batched' }),
};

// Which strategies are built in?

import type { StrategyFactory } from '../strategy.ts';
import { advisory } from './advisory.ts';
import { advisoryCandidates } from './advisory-candidates.ts';
import { batch } from './batch.ts';
import { blocking } from './blocking.ts';
import { heldTransaction } from './held-transaction.ts';
import { nowait } from './nowait.ts';
import { optimistic } from './optimistic.ts';
import { packedLease } from './packed-lease.ts';
import { rangeLease } from './range-lease.ts';
import { ring } from './ring.ts';
import { sharded } from './sharded.ts';
import { skipLocked } from './skip-locked.ts';
import { tableMove } from './table-move.ts';
import { tickLog } from './tick-log.ts';
import { visibilityTimeout } from './visibility-timeout.ts';

/** Every built-in strategy, the reference first. A user's own needs no entry: hand its factory to `createQueue`. */
export const strategies: readonly StrategyFactory[] = [
  skipLocked,
  batch,
  advisory,
  advisoryCandidates,
  blocking,
  nowait,
  optimistic,
  heldTransaction,
  visibilityTimeout,
  tableMove,
  packedLease,
  rangeLease,
  ring,
  sharded,
  tickLog,
];

// Which scenarios and suites come with claimbench?

import burst from './burst.ts';
import drain from './drain.ts';
import type { ScenarioInput } from './scenario.ts';
import slotLeftBehind from './slot-left-behind.ts';
import slowHandlers from './slow-handlers.ts';
import standbyQuery from './standby-query.ts';
import steady from './steady.ts';
import throughPooler from './through-pooler.ts';
import workerCrash from './worker-crash.ts';
import workerStall from './worker-stall.ts';

/** The scenarios that come with claimbench, in the order in which `list` shows them. */
export const BUILT_IN_SCENARIOS: readonly ScenarioInput[] = [
  drain,
  steady,
  burst,
  slowHandlers,
  workerCrash,
  workerStall,
  throughPooler,
  standbyQuery,
  slotLeftBehind,
];

/** A named choice of scenarios, contenders and repeats. */
export interface Suite {
  readonly name: string;
  readonly purpose: string;
  readonly scenarios: readonly string[];
  readonly contenders: readonly string[];
  readonly repeats: number;
}

/** Every strategy of the reference queue, in the order of its own list. */
export const STRATEGY_CONTENDERS: readonly string[] = [
  'skip-locked',
  'batch',
  'advisory',
  'advisory-candidates',
  'blocking',
  'nowait',
  'optimistic',
  'held-transaction',
  'visibility-timeout',
  'table-move',
  'packed-lease',
  'range-lease',
  'ring',
  'sharded',
  'tick-log',
];

export const SUITES: readonly Suite[] = [
  {
    name: 'bench',
    purpose: 'compares three claim strategies and a wake-up in four minutes; what `npm run bench` runs',
    scenarios: ['drain', 'steady', 'burst'],
    contenders: ['skip-locked', 'batch', 'advisory', 'notify'],
    repeats: 3,
  },
  {
    name: 'strategies',
    purpose:
      'every claim strategy, drained, at a steady rate and in a burst, often enough to judge: half an hour',
    scenarios: ['drain', 'steady', 'burst'],
    contenders: STRATEGY_CONTENDERS,
    repeats: 5,
  },
  {
    name: 'crash',
    purpose: 'kills and stalls workers: is anything lost, or settled twice?',
    scenarios: ['worker-crash', 'worker-stall'],
    contenders: ['skip-locked', 'batch', 'advisory'],
    repeats: 1,
  },
  {
    name: 'topology',
    purpose: 'a pooler between, and a standby whose query or slot holds back VACUUM; a quarter of an hour',
    scenarios: ['steady', 'through-pooler', 'standby-query', 'slot-left-behind'],
    // No signal is heard through a pooler in transaction mode: all poll, so that all are alike.
    contenders: ['skip-locked', 'batch', 'packed-lease'].map((name) => `${name}?wakeup=jitter`),
    repeats: 3,
  },
  {
    name: 'adaptive',
    purpose:
      'a concurrency that follows the load, beside one that is fixed as high as its bound, and a low one; ten minutes',
    scenarios: ['slow-handlers'],
    contenders: ['concurrency=64', 'adaptive=64', 'concurrency=4'].map((axes) => `skip-locked?${axes}`),
    repeats: 5,
  },
  {
    name: 'drivers',
    purpose: 'compares the client libraries, and pipelining with none; a report of their own',
    scenarios: ['drain', 'steady'],
    contenders: ['skip-locked', 'batch'].flatMap((name) =>
      ['driver=pg', 'driver=pg&pipeline=off', 'driver=postgres'].map((axes) => `${name}?${axes}`),
    ),
    repeats: 3,
  },
];

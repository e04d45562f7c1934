// Which scenarios and suites come with claimbench?

import lostSessions from './crash/lost-sessions.ts';
import poison from './crash/poison.ts';
import poolExhaustion from './crash/pool-exhaustion.ts';
import retryHerd from './crash/retry-herd.ts';
import serverCrash from './crash/server-crash.ts';
import serverRestart from './crash/server-restart.ts';
import workerCrash from './crash/worker-crash.ts';
import workerCrashes from './crash/worker-crashes.ts';
import workerStall from './crash/worker-stall.ts';
import burst from './load/burst.ts';
import dayCurve from './load/day-curve.ts';
import drain from './load/drain.ts';
import gateDrain from './load/gate-drain.ts';
import gateSteady from './load/gate-steady.ts';
import httpBackpressure from './load/http-backpressure.ts';
import httpEnqueue from './load/http-enqueue.ts';
import mixedTimes from './load/mixed-times.ts';
import oversupply from './load/oversupply.ts';
import ramp from './load/ramp.ts';
import slowHandlers from './load/slow-handlers.ts';
import soak from './load/soak.ts';
import steady from './load/steady.ts';
import abandonedSlot from './mvcc/abandoned-slot.ts';
import heldXmin from './mvcc/held-xmin.ts';
import heldXminWriter from './mvcc/held-xmin-writer.ts';
import preparedTransaction from './mvcc/prepared-transaction.ts';
import slotLeftBehind from './mvcc/slot-left-behind.ts';
import staggeredReaders from './mvcc/staggered-readers.ts';
import standbyQuery from './mvcc/standby-query.ts';
import starvedAutovacuum from './mvcc/starved-autovacuum.ts';
import bystander from './neighbours/bystander.ts';
import checkpointStorm from './neighbours/checkpoint-storm.ts';
import idleListeners from './neighbours/idle-listeners.ts';
import notifyStorm from './neighbours/notify-storm.ts';
import throughPooler from './neighbours/through-pooler.ts';
import blackHole from './network/black-hole.ts';
import jitter from './network/jitter.ts';
import narrowNetwork from './network/narrow-network.ts';
import networkCut from './network/network-cut.ts';
import resetConnections from './network/reset-connections.ts';
import slowNetwork from './network/slow-network.ts';
import email from './presets/email.ts';
import media from './presets/media.ts';
import orders from './presets/orders.ts';
import webhooks from './presets/webhooks.ts';
import type { ScenarioInput } from './scenario.ts';
import { backlogs } from './shape/backlogs.ts';
import delayedDue from './shape/delayed-due.ts';
import finishedRows from './shape/finished-rows.ts';
import lateCommit from './shape/late-commit.ts';
import noisyTenant from './shape/noisy-tenant.ts';
import { payloads } from './shape/payloads.ts';
import priorityFlood from './shape/priority-flood.ts';
import staleStatistics from './shape/stale-statistics.ts';
import starvedPriority from './shape/starved-priority.ts';
import stuckKey from './shape/stuck-key.ts';
import uniqueContention from './shape/unique-contention.ts';

/** The scenarios that come with claimbench, in the order in which `list` shows them. */
export const BUILT_IN_SCENARIOS: readonly ScenarioInput[] = [
  drain,
  steady,
  ramp,
  burst,
  oversupply,
  dayCurve,
  soak,
  mixedTimes,
  slowHandlers,
  gateDrain,
  gateSteady,
  httpEnqueue,
  httpBackpressure,
  ...backlogs,
  ...payloads,
  delayedDue,
  priorityFlood,
  starvedPriority,
  noisyTenant,
  stuckKey,
  finishedRows,
  lateCommit,
  staleStatistics,
  uniqueContention,
  heldXmin,
  heldXminWriter,
  staggeredReaders,
  preparedTransaction,
  starvedAutovacuum,
  abandonedSlot,
  slotLeftBehind,
  standbyQuery,
  workerCrash,
  workerCrashes,
  workerStall,
  lostSessions,
  serverCrash,
  serverRestart,
  poolExhaustion,
  retryHerd,
  poison,
  slowNetwork,
  jitter,
  narrowNetwork,
  resetConnections,
  blackHole,
  networkCut,
  bystander,
  notifyStorm,
  idleListeners,
  checkpointStorm,
  throughPooler,
  orders,
  email,
  media,
  webhooks,
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
    name: 'survival',
    purpose:
      'eight ways to hurt a queue, each before, during and after: what survives, and how soon is it back? An hour and a half; with --scale smoke a quarter of an hour',
    scenarios: [
      'held-xmin',
      'worker-crash',
      'worker-stall',
      'lost-sessions',
      'server-crash',
      'pool-exhaustion',
      'poison',
      'network-cut',
    ],
    contenders: STRATEGY_CONTENDERS,
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

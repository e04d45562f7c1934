// Is what a reference queue's sessions send for jobs told from its maintenance?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { strategies } from '../../queue/index.ts';
import { testDatabase } from '../../testing/database.ts';
import type { ConsumerEvents } from '../contender.ts';
import { nowUs } from '../load/clock.ts';
import { referenceQueue } from './reference-queue.ts';

const EVENTS: ConsumerEvents = {
  claimed: () => undefined,
  settling: () => 0,
  settled: () => undefined,
  settleFailed: () => undefined,
  emptyClaim: () => undefined,
  overClaimed: () => undefined,
  sessionLost: () => undefined,
  extended: () => undefined,
  error: assert.ifError,
};

test('statements of maintenance and of the coordinator count as round trips, and are of no mode', async (t) => {
  const { settings: connection } = await testDatabase(t);
  const strategy = strategies.find((one) => one.strategyName === 'batch');
  assert.ok(strategy !== undefined);
  const { open } = referenceQueue(strategy, { name: 'batch', axes: { pollMs: 10_000 } });
  await using contender = await open({ connection, schema: 'claimbench' }, {});
  await contender.install();
  for (let i = 0; i < 50; i += 1) await contender.pending?.();
  const consumer = await contender.openConsumer({
    connections: 1,
    leaseMs: 30_000,
    firstClaimer: 0,
    keys: { first: 0, stride: 1, end: 0 },
    nowUs,
    handler: () => undefined,
    events: EVENTS,
  });
  await sleep(300);
  await consumer.stop(1_000);
  const { prepared, extended, simple } = contender.sessions?.().statements ?? assert.fail();
  assert.ok((contender.roundTrips?.() ?? 0) > 50);
  // The session's own set-up, and a claim or two that found nothing.
  assert.deepEqual([extended, simple], [1, 0]);
  assert.ok(prepared >= 1 && prepared <= 5, `${prepared} prepared`);
});

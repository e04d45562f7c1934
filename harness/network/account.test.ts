// When is a proxy the bound, so that its cell is void?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { proxyAccount } from './account.ts';
import type { ProxyHealth } from './protocol.ts';

const HEALTH: ProxyHealth = {
  ...{
    eventLoopP99Us: 100,
    eventLoopMaxUs: 400_000,
    stalledShare: 0.01,
    cpuShare: 0.3,
    cpuUs: 0,
    gcShare: 0,
  },
  ...{ stalledAfterUs: 0, peakRssBytes: 1, busyShare: 0.05 },
};
const COUNTERS = {
  ...{ connections: 0, connectionsEver: 12, bytesUp: 1, bytesDown: 1, bytesHeld: 0, resets: 5, refused: 3 },
};

function account(health: Partial<ProxyHealth> | undefined, openLoop = true) {
  const own = health === undefined ? {} : { health: { ...HEALTH, ...health } };
  return proxyAccount({ counters: COUNTERS, port: 1, ...own }, openLoop);
}

test('one with pauses is not, and says what it took and did', () => {
  assert.deepEqual(account({}), {
    failures: [],
    notes: [
      '12 connections went through the network proxy; it reset 5 of them and refused 3 more',
      'the network proxy shared the machine of the agents, and took 30 % of one core under the load, of which it can use one',
    ],
  });
});

test('one without, one that stood still, and one that nobody watched are', () => {
  assert.match(account({ busyShare: 0.11 }).failures.join(), /hardly a pause in 11 % of the time/);
  assert.match(
    account({ stalledShare: 0.03 }).failures.join(),
    /stood still for 3\.0 % of the time \(limit 2\.0 %; longest 400 ms\)/,
  );
  assert.deepEqual(
    account({ stalledShare: 0.03 }, false).failures,
    [],
    'a drain pays for a stall what it took',
  );
  assert.match(account(undefined).failures.join(), /was not watched/);
});

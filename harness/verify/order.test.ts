// Is a job that was handed out against the promised order counted, and no other?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomStream, shuffled } from '../../stats/random.ts';
import type { Promises } from '../contender.ts';
import { ENQUEUE, Ledger } from '../measure/ledger.ts';
import { type OrderInput, orderAudit } from './order.ts';

interface Lane {
  readonly claimer?: number;
  readonly keys: readonly number[];
}

function ledgerOf(size: number, lanes: readonly Lane[], preloaded = size): Ledger {
  const ledger = new Ledger(size, preloaded, 0);
  for (const { keys, claimer = 0 } of lanes) {
    for (const [i, key] of keys.entries()) claim(ledger, key, i + 1, claimer);
  }
  return ledger;
}

/** All claims of a batch are answered at one instant: only the sequence tells their order. */
function claim(ledger: Ledger, key: number, sequence: number, claimer = 0): void {
  ledger.addClaim(key, { agent: 1, claimer, attempt: 1, requestedUs: 1, answeredUs: 2 }, sequence);
}

function inputOf(ledger: Ledger, order: Promises['order']): OrderInput {
  return {
    ledger,
    promises: { order, lease: 'timed' },
    preloaded: ledger.size,
    priorityOf: () => 0,
    brokenAgents: new Set(),
    troubled: false,
    isReady: () => false,
  };
}

function audit(ledger: Ledger, order: Promises['order'], over: Partial<OrderInput> = {}): [number, number] {
  const found = orderAudit({ ...inputOf(ledger, order), ...over });
  return [found.orderViolations, found.priorityInversions];
}

const mod3 = { priorityOf: (key: number) => key % 3 };

test('what one claimer receives in ascending order is in order, gaps and all', () => {
  assert.deepEqual(audit(ledgerOf(9, [{ keys: [0, 1, 4, 7] }]), 'enqueue'), [0, 0]);
  assert.deepEqual(
    audit(ledgerOf(9, [{ keys: [0, 3, 6, 1, 4, 7, 2] }]), 'priority-then-enqueue', mod3),
    [0, 0],
  );
});

test('claimers overlap: each is judged by what it received itself', () => {
  const lanes = [{ keys: [3, 4, 5] }, { claimer: 1, keys: [0, 1, 2] }];
  assert.deepEqual(audit(ledgerOf(6, lanes), 'enqueue'), [0, 0]);
});

test('each job that came after one that should have come later is counted once', () => {
  assert.deepEqual(audit(ledgerOf(5, [{ keys: [1, 0, 2, 3, 4] }]), 'enqueue'), [1, 0]);
  assert.deepEqual(audit(ledgerOf(5, [{ keys: [4, 0, 1, 2, 3] }]), 'enqueue'), [4, 0]);
  assert.deepEqual(audit(ledgerOf(5, [{ keys: [0, 2, 1, 4, 3] }]), 'enqueue'), [2, 0]);
  assert.deepEqual(audit(ledgerOf(4, [{ keys: [1, 0] }, { claimer: 1, keys: [3, 2] }]), 'enqueue'), [2, 0]);
});

test('lower priority first is an inversion; within one priority it is the order', () => {
  // Priorities 0 1 2 0 1 2; the least number is the most urgent.
  assert.deepEqual(audit(ledgerOf(6, [{ keys: [0, 3, 2, 1, 4, 5] }]), 'priority-then-enqueue', mod3), [0, 2]);
  assert.deepEqual(audit(ledgerOf(6, [{ keys: [3, 0, 1, 4, 2, 5] }]), 'priority-then-enqueue', mod3), [1, 0]);
  assert.deepEqual(audit(ledgerOf(6, [{ keys: [2, 5, 4, 1, 3, 0] }]), 'priority-then-enqueue', mod3), [0, 4]);
});

test('a starved priority is an inversion for each job that waited', () => {
  const urgentLast = Array.from({ length: 30 }, (_, i) => i).sort((x, y) => (y % 3) - (x % 3) || x - y);
  assert.deepEqual(
    audit(ledgerOf(30, [{ keys: urgentLast }]), 'priority-then-enqueue', mod3),
    [0, 20],
    '10 of priority 1 and 10 of priority 0 came after 10 of priority 2',
  );
});

test('a shuffled backlog of a FIFO queue is found in every lane', () => {
  for (let seed = 0; seed < 20; seed += 1) {
    const keys = shuffled(
      Array.from({ length: 200 }, (_, i) => i),
      randomStream(seed, 'order'),
    );
    const [violations] = audit(ledgerOf(200, [{ keys }]), 'enqueue');
    // All but the record highs; their number is about ln 200.
    let highest = -1;
    const late = keys.filter((key) => {
      if (key < highest) return true;
      highest = key;
      return false;
    });
    assert.equal(violations, late.length, `seed ${seed}`);
  }
});

test('where no order is promised, or an agent was broken, nothing is said', () => {
  const ledger = ledgerOf(3, [{ keys: [2, 1, 0] }]);
  assert.deepEqual(audit(ledger, 'none'), [0, 0]);
  assert.deepEqual(audit(ledger, 'enqueue', { brokenAgents: new Set([1]) }), [0, 0]);
});

test('after a failed statement or a lost session nothing is proven, and that is said', () => {
  const shuffledLane = (): Ledger => ledgerOf(3, [{ keys: [2, 1, 0] }]);
  const judged = (ledger: Ledger, troubled: boolean): boolean =>
    orderAudit({ ...inputOf(ledger, 'enqueue'), troubled }).judged;
  assert.deepEqual(audit(shuffledLane(), 'enqueue', { troubled: true }), [0, 0]);
  const lost = shuffledLane();
  lost.lostSessions.add(9);
  assert.deepEqual(audit(lost, 'enqueue'), [0, 0]);
  assert.deepEqual(
    [judged(shuffledLane(), false), judged(shuffledLane(), true), judged(lost, false)],
    [true, false, false],
  );
});

test('a job that came back has lost its place, a job that was never claimed had none', () => {
  const ledger = ledgerOf(4, [{ keys: [2, 0, 3] }]);
  assert.deepEqual(audit(ledger, 'enqueue'), [1, 0]);
  claim(ledger, 0, 9, 1);
  assert.deepEqual(audit(ledger, 'enqueue'), [0, 0]);
});

test('jobs enqueued during the load have no known order', () => {
  const ledger = ledgerOf(4, [{ keys: [3, 2] }], 2);
  ledger.enqueueState.fill(ENQUEUE.confirmed);
  assert.deepEqual(audit(ledger, 'enqueue', { preloaded: 2 }), [0, 0]);
});

test('a delayed job has no place in the order, early or late', () => {
  const ledger = ledgerOf(4, [{ keys: [2, 3, 0, 1] }]);
  assert.deepEqual(audit(ledger, 'enqueue'), [2, 0]);
  ledger.delay(2, 1);
  ledger.delay(3, -1);
  assert.deepEqual(audit(ledger, 'enqueue'), [0, 0]);
});

// Is the sum of several databases told only where each of them held?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openLoad } from '../../cli/capacity/loads.ts';
import { CellSequence } from '../../harness/run/plan.ts';
import { uslAt } from '../../stats/usl.ts';
import { CONTENDER, LINEAR, patternFor } from '../../testing/synthetic/capacity-world.ts';
import { simulateCell } from '../../testing/synthetic/simulated-cell.ts';
import { crewOf } from './crew.ts';
import { measuredNow } from './measured.ts';
import { heldTogether, partitionsOf } from './partitions.ts';

const PICKUP = { of: 'pickup', percentile: 99, limitUs: 250_000, text: 'pickup.p99 < 250 ms' } as const;
const RESPONSE = { of: 'response', percentile: 95, limitUs: 1e6, text: 'response.p95 < 1 s' } as const;
const pattern = await patternFor();
const sequence = new CellSequence(3);

function partition(ratePerSec: number) {
  const load = openLoad(pattern, { ratePerSec, seconds: 20, crew: crewOf(8), name: 'partition' });
  const { plan } = sequence.next(load, CONTENDER);
  return measuredNow({ purpose: 'partition', handlers: 8 }, simulateCell(LINEAR, plan));
}

const capacity = uslAt(LINEAR, 8);

test('what two databases held together is their sum', () => {
  const found = heldTogether([partition(capacity * 0.5), partition(capacity * 0.5)], [PICKUP]);
  assert.ok(found !== undefined && 'perSec' in found, JSON.stringify(found));
  assert.ok(Math.abs(found.perSec / capacity - 1) < 0.1, `${found.perSec} of ${capacity}`);
  assert.deepEqual(
    partitionsOf(100, found).map(({ databases, perSec, measuredPerSec }) => [
      databases,
      perSec,
      measuredPerSec,
    ]),
    [
      [1, 100, undefined],
      [2, 200, found.perSec],
      [4, 400, undefined],
      [8, 800, undefined],
    ],
  );
});

test('one that did not hold voids the sum, however much it settled', () => {
  const found = heldTogether([partition(capacity * 0.5), partition(capacity * 1.3)], [PICKUP]);
  assert.ok(found !== undefined && 'why' in found);
  assert.match(found.why, /fail, /);
  assert.ok(partitionsOf(100, found).every(({ measuredPerSec }) => measuredPerSec === undefined));
});

test('an SLO that the cells cannot tell is not called held; one database is none', () => {
  const found = heldTogether([partition(capacity * 0.5), partition(capacity * 0.5)], [PICKUP, RESPONSE]);
  assert.ok(found !== undefined && 'why' in found);
  assert.equal(heldTogether([], [PICKUP]), undefined);
  assert.deepEqual(partitionsOf(undefined, undefined), []);
});

// Are claims as large as they can be, and never too large?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { claimSize } from './claim-size.ts';

test('one at a time: whenever the place is empty', () => {
  assert.equal(claimSize({ free: 1, target: 1, batch: 1, starved: true }), 1);
  assert.equal(claimSize({ free: 0, target: 1, batch: 1, starved: false }), 0);
});

test('busy: only whole batches', () => {
  assert.equal(claimSize({ free: 99, target: 300, batch: 100, starved: false }), 0);
  assert.equal(claimSize({ free: 100, target: 300, batch: 100, starved: false }), 100);
});

test('starved: what fits, in powers of two', () => {
  assert.deepEqual(
    [1, 2, 3, 7, 9].map((free) => claimSize({ free, target: 10, batch: 10, starved: true })),
    [1, 2, 2, 4, 8],
  );
});

test('a batch larger than the target never overfills', () => {
  assert.equal(claimSize({ free: 5, target: 5, batch: 100, starved: true }), 4);
});

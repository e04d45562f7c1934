// Does a runner ask for the right number of jobs at the right time?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { claimSize, defaultPrefetch } from './claim-size.ts';

test('a starved runner asks for a batch, whatever its prefetch', () => {
  assert.equal(claimSize({ free: 1, batch: 1, starved: true }), 1);
  assert.equal(claimSize({ free: 1, batch: 100, starved: true }), 100);
});

test('a busy runner asks ahead only when a whole batch fits', () => {
  assert.equal(claimSize({ free: 99, batch: 100, starved: false }), 0);
  assert.equal(claimSize({ free: 100, batch: 100, starved: false }), 100);
  assert.equal(claimSize({ free: 250, batch: 100, starved: false }), 100);
  assert.equal(claimSize({ free: 0, batch: 1, starved: false }), 0);
});

test('another batch brings another prefetch, as many batches ahead', () => {
  const packed = { batch: 100, prefetch: 200, settle: 'batched' } as const;
  assert.deepEqual(
    [1, 100, 500].map((batch) => defaultPrefetch(packed, batch)),
    [2, 200, 1_000],
  );
  assert.equal(defaultPrefetch({ batch: 1, prefetch: 0, settle: 'each' }, 50), 0);
});

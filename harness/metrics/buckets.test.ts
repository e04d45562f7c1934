// Does each latency land in its bucket, and do buckets of several agents add up?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addLatencies, BOUNDS_SECONDS, emptyLatencies, record } from './buckets.ts';

test('bounds go from 100 µs to 60 s, each at most two and a half times the one before', () => {
  assert.equal(BOUNDS_SECONDS[0], 0.0001);
  assert.equal(BOUNDS_SECONDS.at(-1), 60);
  for (const [i, bound] of BOUNDS_SECONDS.entries()) {
    const ratio = bound / (BOUNDS_SECONDS[i - 1] ?? bound / 2);
    assert.ok(ratio > 1 && ratio <= 2.5 + 1e-9, `${bound}`);
  }
});

test('a bucket holds its upper end; what lies beyond all bounds, and below zero, is counted too', () => {
  const { pickup } = emptyLatencies();
  for (const us of [-5, 0, 100, 100.5, 250, 60e6, 60e6 + 1, 1e9]) record(pickup, us);
  const expected = BOUNDS_SECONDS.map(() => 0).concat(0);
  expected[0] = 3;
  expected[1] = 2;
  expected[BOUNDS_SECONDS.length - 1] = 1;
  expected[BOUNDS_SECONDS.length] = 2;
  assert.deepEqual(pickup.counts, expected);
  assert.equal(pickup.sumUs, 450.5 + 120e6 + 1 + 1e9, 'what is below zero adds nothing');
});

test('every bound falls into the bucket that it ends', () => {
  for (const [i, bound] of BOUNDS_SECONDS.entries()) {
    const { enqueue } = emptyLatencies();
    record(enqueue, Math.round(bound * 1e6));
    assert.equal(enqueue.counts[i], 1, `${bound} s`);
  }
});

test('sums are by latency and bucket, and leave what is added as it is', () => {
  const [all, one] = [emptyLatencies(), emptyLatencies()];
  record(one.service, 300);
  record(one.response, 2e6);
  addLatencies(all, one);
  addLatencies(all, one);
  assert.equal(all.service.counts[2], 2);
  assert.equal(all.service.sumUs, 600);
  assert.equal(all.response.sumUs, 4e6);
  assert.equal(all.pickup.sumUs, 0);
  assert.equal(one.service.counts[2], 1);
});

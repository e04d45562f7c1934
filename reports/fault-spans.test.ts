// Are the marks of a cell's faults told as spans: begun and ended, of an instant, again and again, or to the end?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Cell } from '../harness/result/result.ts';
import { faultSpans } from './fault-spans.ts';

function spans(...marks: readonly (readonly [label: string, atSeconds: number])[]): unknown[] {
  const faults = marks.map(([label, atSeconds]) => ({ label, atSeconds }));
  return faultSpans({ faults, totalSeconds: 30 } as unknown as Cell['window']).map(
    ({ label, from, to, lane }) => [label, from, to, lane],
  );
}

test('a fault lasts from its mark to its end, whatever else it is called', () => {
  assert.deepEqual(spans(), []);
  assert.deepEqual(spans(['held-xmin by a reader', 4], ['held-xmin ends', 9]), [
    ['held-xmin by a reader', 4, 9, 0],
  ]);
  assert.deepEqual(
    spans(['slow-network', 2], ['stall-worker', 3], ['stall-worker ends', 5], ['slow-network ends', 7]),
    [
      ['slow-network', 2, 7, 0],
      ['stall-worker', 3, 5, 1],
    ],
  );
});

test('one of an instant ends where it begins; strokes of one kind are one span with their number', () => {
  assert.deepEqual(spans(['kill-worker', 4]), [['kill-worker', 4, 4, 0]]);
  assert.deepEqual(spans(['kill-worker', 4], ['kill-worker', 5], ['kill-worker', 6]), [
    ['kill-worker (3 times)', 4, 6, 0],
  ]);
});

test('one that lasts and has no end lasted as long as the load; a restart that has one is no instant', () => {
  assert.deepEqual(spans(['abandon-slot', 12]), [['abandon-slot', 12, 30, 0]]);
  assert.deepEqual(spans(['restart-server', 4], ['restart-server ends', 6]), [['restart-server', 4, 6, 0]]);
});

test('twice begun and once ended, the second lasted to the end of the load', () => {
  assert.deepEqual(spans(['black-hole', 1], ['black-hole ends', 2], ['black-hole', 20]), [
    ['black-hole', 1, 2, 0],
    ['black-hole', 20, 30, 1],
  ]);
});

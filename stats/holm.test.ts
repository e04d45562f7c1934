// Are p values corrected as R's p.adjust(method = "holm") corrects them, in the order given?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { holm } from './holm.ts';

test('p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm") is 0.03 0.06 0.06 0.02', () => {
  const adjusted = holm([0.01, 0.04, 0.03, 0.005]).map((p) => Number(p.toFixed(12)));
  assert.deepEqual(adjusted, [0.03, 0.06, 0.06, 0.02]);
});

test('never above one, never below a smaller one, nothing for nothing', () => {
  assert.deepEqual(holm([0.9, 0.8]), [1, 1]);
  assert.deepEqual(holm([0.05]), [0.05]);
  assert.deepEqual(holm([]), []);
});

test('what is no probability is a bug', () => {
  assert.throws(() => holm([0.5, Number.NaN]), RangeError);
  assert.throws(() => holm([-0.1]), RangeError);
});

// Are estimates and limits of a shift those of R's wilcox.test, and do the limits hold the truth as often as they say?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seeded } from './random.ts';
import { pairedShift, unpairedShift } from './shift.ts';

test('paired: the depression scores of Hollander and Wolfe, as R documents them', () => {
  const x = [1.83, 0.5, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.3];
  const y = [0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29];
  const shift = pairedShift(x.map((value, i) => value - (y[i] ?? 0)));
  assert.ok(Math.abs(shift.estimate - 0.46) < 1e-9, String(shift.estimate));
  // wilcox.test(x, y, paired = TRUE, conf.int = TRUE): 0.01 to 0.786.
  assert.ok(Math.abs((shift.lower(0.025) ?? 0) - 0.01) < 1e-9, String(shift.lower(0.025)));
  assert.ok(Math.abs((shift.upper(0.025) ?? 0) - 0.786) < 1e-9, String(shift.upper(0.025)));
});

test('so few that no level is reached have no limits', () => {
  assert.equal(pairedShift([1, 2, 3]).lower(0.025), undefined);
  assert.equal(pairedShift([1, 2, 3, 4, 5, 6]).lower(0.02), 1);
  assert.equal(unpairedShift([1], [2]).upper(0.025), undefined);
});

test('unpaired: the median of differences, and limits that turn with the sides', () => {
  const [a, b] = [
    [1, 2, 4, 7, 11],
    [3, 5, 8, 13, 20],
  ];
  const [there, back] = [unpairedShift(a, b), unpairedShift(b, a)];
  assert.equal(there.estimate, -back.estimate);
  assert.equal(there.lower(0.05), -(back.upper(0.05) ?? Number.NaN));
});

test('one-sided limits of 95 % lie beyond the truth in at most 5 % of samples', () => {
  const random = seeded(17);
  const draw = (): number => Math.log(random() / (1 - random()));
  let beyond = 0;
  const samples = 4_000;
  for (let i = 0; i < samples; i += 1)
    if ((pairedShift(Array.from({ length: 12 }, () => 0.3 + draw())).lower(0.05) ?? -9) > 0.3) beyond += 1;
  assert.ok(beyond / samples < 0.06, String(beyond / samples));
  assert.ok(beyond / samples > 0.03, String(beyond / samples));
});

test('what is not finite, and nothing, is a bug of the caller', () => {
  assert.throws(() => pairedShift([]), RangeError);
  assert.throws(() => pairedShift([Number.NaN]), RangeError);
  assert.throws(() => unpairedShift([1], []), RangeError);
});

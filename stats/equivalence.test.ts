// Are two one-sided tests those of R and SciPy, and is no equivalence claimed of what does not vary and differs?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { equivalence, pairedEquivalence } from './equivalence.ts';

// Gosset (1908), hours of additional sleep: the data set `sleep` of R, with Welch's df = 17.776 in ?t.test.
const ONE = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0, 2];
const TWO = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4];

test('unpaired: the larger p of t.test(two − low, one, "greater") and t.test(two − high, one, "less")', () => {
  const { p, difference, degrees } = equivalence(ONE, TWO, { low: -1, high: 4 });
  assert.ok(Math.abs(difference - 1.58) < 1e-12);
  assert.ok(Math.abs(degrees - 17.776473516178488) < 1e-9);
  assert.ok(Math.abs(p - 0.005361624103159107) < 1e-9, `${p}`);
  // Turned round, the other one-sided test is the larger one.
  assert.ok(Math.abs(equivalence(TWO, ONE, { low: -4, high: 1 }).p - p) < 1e-12);
});

test('paired: the larger p of two t tests of one sample', () => {
  const differences = TWO.map((value, i) => value - (ONE[i] ?? 0));
  const { p, degrees } = pairedEquivalence(differences, { low: -0.5, high: 2.5 });
  assert.equal(degrees, 9);
  assert.ok(Math.abs(p - 0.02111686024650077) < 1e-9, `${p}`);
});

test('a difference upon the margin has p of one half at least', () => {
  assert.ok(Math.abs(equivalence([1, 2, 3], [2, 3, 4], { low: -1, high: 1 }).p - 0.5) < 1e-12);
});

test('values that do not vary are the same within the margin and not upon it', () => {
  const margin = { low: -0.5, high: 0.5 };
  assert.equal(equivalence([3, 3, 3], [3.4, 3.4], margin).p, 0);
  assert.equal(equivalence([3, 3, 3], [3.5, 3.5], margin).p, 1);
  const once = Math.log(123_457);
  assert.equal(equivalence(new Array(7).fill(once), new Array(9).fill(once), margin).p, 0);
});

test('too few values, values that are none and a margin without zero are bugs', () => {
  assert.throws(() => equivalence([1], [1, 2], { low: -1, high: 1 }), RangeError);
  assert.throws(() => pairedEquivalence([1, Number.NaN], { low: -1, high: 1 }), RangeError);
  assert.throws(() => pairedEquivalence([1, 2], { low: 0.1, high: 1 }), RangeError);
});

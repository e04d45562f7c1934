// Is a figure called reached or missed only where it is?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Figure, lineOf, standingOf } from './yardstick.ts';

const figure = (over: Partial<Figure>): Figure => ({ what: 'x', value: 1, unit: 'ms', ...over });

test('a value stands on one side of its target, and what is no number misses it', () => {
  const at = (value: number | undefined) => standingOf(figure({ value, target: { atMost: 1 } }));
  assert.deepEqual([at(0.9), at(1), at(1.1), at(Number.NaN)], ['reached', 'reached', 'missed', 'missed']);
  assert.equal(standingOf(figure({ value: 0.94, target: { atLeast: 0.95 } })), 'missed');
});

test('what was not measured is open, and without a target nothing is judged', () => {
  assert.equal(standingOf(figure({ value: undefined, target: { atMost: 1 } })), 'open');
  assert.equal(standingOf(figure({ value: undefined })), 'open');
  assert.equal(standingOf(figure({})), 'untargeted');
});

test('an interval that holds the target does not tell, however good its middle', () => {
  const between = (low: number, high: number) =>
    standingOf(figure({ value: 0.2, interval: [low, high], target: { atMost: 1 } }));
  assert.deepEqual([between(-0.5, 0.9), between(-2.8, 9.7), between(1.5, 3)], ['reached', 'open', 'missed']);
  const line = lineOf(figure({ value: 0.2, interval: [-2.8, 9.7], target: { atMost: 1 } }));
  assert.equal(line, 'open    x: 0.2 ms; from -2.8 to 9.7; target ≤ 1');
});

test('what may flatter reaches nothing, and misses what it misses', () => {
  const doubtful = (value: number) =>
    standingOf(figure({ value, target: { atLeast: 1 }, doubt: 'the rival was held back' }));
  assert.deepEqual([doubtful(2), doubtful(0.5)], ['open', 'missed']);
  const line = lineOf(
    figure({ value: 2, unit: '', target: { atLeast: 1 }, note: 'of 3', doubt: 'held back' }),
  );
  assert.equal(line, 'open    x: 2; target ≥ 1 (of 3; held back)');
});

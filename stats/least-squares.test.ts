// Does the search end in the minimum, on its bound where that is best, and does it say when it has none?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Evaluated, leastSquares } from './least-squares.ts';

const FREE = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY];

/** Misra1a of NIST's Statistical Reference Datasets, with the certified answer: dental research, y = b₁(1 − e^(−b₂x)). */
const MISRA_X = [77.6, 114.9, 141.1, 190.8, 239.9, 289, 332.8, 378.4, 434.8, 477.3, 536.8, 593.1, 689.1, 760];
const MISRA_Y = [
  10.07, 14.73, 17.94, 23.93, 29.61, 35.18, 40.02, 44.82, 50.76, 55.05, 61.01, 66.4, 75.47, 81.78,
];
const CERTIFIED = { b1: 238.94212918, b2: 5.5015643181e-4, squares: 0.12455138894 };

function misra([b1 = 0, b2 = 0]: readonly number[]): Evaluated {
  return {
    residuals: MISRA_X.map((x, i) => b1 * (1 - Math.exp(-b2 * x)) - (MISRA_Y[i] ?? 0)),
    jacobian: MISRA_X.map((x) => [1 - Math.exp(-b2 * x), b1 * x * Math.exp(-b2 * x)]),
  };
}

function near(actual: number | undefined, expected: number, share: number): void {
  assert.ok(
    Math.abs((actual ?? Number.NaN) - expected) <= share * Math.abs(expected),
    `${actual}, not ${expected}`,
  );
}

test('Misra1a from both of NIST’s starts, to eight digits of the certified answer', () => {
  for (const start of [
    [500, 0.0001],
    [250, 0.0005],
  ]) {
    const { state, parameters, squares } = leastSquares(misra, start, { lower: FREE });
    assert.equal(state, 'converged');
    near(parameters[0], CERTIFIED.b1, 1e-8);
    near(parameters[1], CERTIFIED.b2, 1e-8);
    near(squares, CERTIFIED.squares, 1e-8);
  }
});

test('the curved valley of Rosenbrock, whose minimum leaves no residual', () => {
  const rosenbrock = ([x = 0, y = 0]: readonly number[]): Evaluated => ({
    residuals: [10 * (y - x * x), 1 - x],
    jacobian: [
      [-20 * x, 10],
      [-1, 0],
    ],
  });
  const { state, parameters } = leastSquares(rosenbrock, [-1.2, 1], { lower: FREE });
  assert.equal(state, 'converged');
  near(parameters[0], 1, 1e-9);
  near(parameters[1], 1, 1e-9);
});

test('a parameter that would be best below its bound stays on it, and the others are best for it there', () => {
  // Best is (−2, 5); with x = 0 the best y is 5 − 0.5 · 2 = 4.
  const plane = ([x = 0, y = 0]: readonly number[]): Evaluated => ({
    residuals: [x + 2, 0.5 * (x + 2) + (y - 5)],
    jacobian: [
      [1, 0],
      [0.5, 1],
    ],
  });
  const found = leastSquares(plane, [3, 3], { lower: [0, 0] });
  assert.equal(found.state, 'converged');
  assert.equal(found.parameters[0], 0);
  near(found.parameters[1], 4, 1e-9);
  const free = leastSquares(plane, [3, 3], { lower: FREE });
  near(free.parameters[0], -2, 1e-9);
});

test('a start on the bound leaves it where the minimum lies inside', () => {
  const { state, parameters } = leastSquares(misra, [500, 0], { lower: [0, 0] });
  assert.equal(state, 'converged');
  near(parameters[1], CERTIFIED.b2, 1e-7);
});

test('a saddle, and a valley without a lowest point, are no minimum', () => {
  const saddle = ([x = 0]: readonly number[]): Evaluated => ({ residuals: [x * x - 1], jacobian: [[2 * x]] });
  assert.equal(leastSquares(saddle, [0], { lower: [Number.NEGATIVE_INFINITY] }).state, 'no minimum');
  const valley = ([x = 0, y = 0]: readonly number[]): Evaluated => ({
    residuals: [x + y - 3],
    jacobian: [[1, 1]],
  });
  assert.equal(leastSquares(valley, [1, 5], { lower: FREE }).state, 'no minimum');
});

test('too few iterations, a slope without end and a model without numbers are no convergence', () => {
  assert.equal(leastSquares(misra, [500, 0.0001], { lower: FREE, maxIterations: 2 }).state, 'no convergence');
  const slope = ([x = 0]: readonly number[]): Evaluated => ({
    residuals: [Math.exp(-x)],
    jacobian: [[-Math.exp(-x)]],
  });
  assert.equal(leastSquares(slope, [0], { lower: [0], maxIterations: 50 }).state, 'no convergence');
  const nothing = (): Evaluated => ({ residuals: [Number.NaN], jacobian: [[1]] });
  assert.equal(leastSquares(nothing, [1], { lower: [0] }).state, 'no convergence');
});

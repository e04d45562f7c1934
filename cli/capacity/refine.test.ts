// Does a sweep put its further points where the picture is bent, and nowhere else?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Place, parseAxes, placeKey } from './grid.ts';
import { type MeasuredPoint, refinements } from './refine.ts';

const AXES = parseAxes(['connections=1..64']);
const GRID = [1, 2, 4, 8, 16, 32, 64];

/** Two repeats, so far apart as a share of the rate. */
function measured(law: (x: number) => number, noise = 0.002, xs: readonly number[] = GRID): MeasuredPoint[] {
  return xs.map((x) => ({
    at: { connections: x },
    perSec: [law(x) * (1 - noise / 2), law(x) * (1 + noise / 2)],
  }));
}

const xOf = (at: Place | undefined) => Number(at?.['connections']);

test('the knee of a law that saturates is where the next points go', () => {
  const knee = (x: number) => Math.min(1_000 * x, 6_000);
  const [first, second] = refinements(AXES, measured(knee), 2);
  // From 4 to 8 the rate still rises, and bends at 8: 16 and beyond agree with it.
  assert.equal(xOf(first), 6);
  assert.equal(second === undefined || xOf(second) < 8, true);
});

test('nothing where neighbours agree within the noise, on a straight line, or where no whole number lies between', () => {
  assert.deepEqual(
    refinements(
      AXES,
      measured(() => 5_000, 0.05),
      5,
    ),
    [],
    'a plain',
  );
  const slight = (x: number) => (x === 16 ? 5_200 : 5_000);
  assert.deepEqual(refinements(AXES, measured(slight, 0.1), 5), [], 'a bend that is noise');
  assert.equal(
    refinements(AXES, measured(slight, 0.001), 1).length,
    1,
    'the same bend, and hardly any noise',
  );
  assert.deepEqual(
    refinements(
      AXES,
      measured((x) => 1_000 * x ** 0.8),
      5,
    ),
    [],
    'straight between logarithms',
  );
  const close = [1, 2, 3];
  assert.deepEqual(
    refinements(
      AXES,
      measured((x) => Math.min(x, 2) * 1_000, 0.002, close),
      5,
    ).map(xOf),
    [],
  );
});

test('two points alone are refined when they differ, and unmeasured or void ones are passed over', () => {
  const two = measured((x) => 1_000 * x, 0.002, [1, 64]);
  assert.deepEqual(refinements(AXES, two, 3).map(xOf), [8]);
  const gap = measured((x) => Math.min(1_000 * x, 6_000)).map((point) =>
    xOf(point.at) === 8 ? { ...point, perSec: [] } : point,
  );
  // 8 is there already, void: it is not put a second time.
  assert.ok(refinements(AXES, gap, 5).every((at) => xOf(at) !== 8));
});

test('each line of a grid is refined by itself, never twice at one place, and no more than was asked for', () => {
  const axes = parseAxes(['connections=1..64', 'batch=1,100']);
  const points = GRID.flatMap((connections) =>
    [1, 100].map((batch): MeasuredPoint => {
      const rate = batch === 1 ? 5_000 : Math.min(1_000 * connections, 6_000);
      return { at: { connections, batch }, perSec: [rate, rate * 1.001] };
    }),
  );
  const found = refinements(axes, points, 10);
  assert.ok(found.length > 0 && found.every((at) => at['batch'] === 100), JSON.stringify(found));
  assert.equal(new Set(found.map(placeKey)).size, found.length);
  assert.equal(refinements(axes, points, 0).length, 0);
});

test('again and again refined, the largest error of a smooth law becomes small with few points', () => {
  const law = (x: number) => (1_000 * x) / (1 + 0.05 * (x - 1) + 0.002 * x * (x - 1));
  const xs = [1, 64];
  const worst = () => {
    const sorted = xs.toSorted((x, y) => x - y);
    return Math.max(
      ...Array.from({ length: 64 }, (_, i) => i + 1).map((x) => {
        const right = sorted.find((one) => one >= x) ?? 64;
        const left = sorted.findLast((one) => one <= x) ?? 1;
        const share = left === right ? 0 : Math.log(x / left) / Math.log(right / left);
        const guess = Math.log(law(left)) * (1 - share) + Math.log(law(right)) * share;
        return Math.abs(guess - Math.log(law(x)));
      }),
    );
  };
  const before = worst();
  for (let round = 0; round < 10; round += 1) {
    const [at] = refinements(AXES, measured(law, 0, xs), 1);
    if (at === undefined) break;
    xs.push(xOf(at));
  }
  assert.ok(before > 0.5, `${before}`);
  assert.ok(worst() < 0.03, `${worst()} with ${xs}`);
});

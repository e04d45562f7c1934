// Are the loads of a plan large enough to tell what they are for, whatever the question?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { question } from '../../testing/synthetic/capacity-world.ts';
import { closedSeconds, levelsFor, lightRate } from './plan-sizes.ts';

const questions = fc.record({
  ratePerSec: fc.double({ min: 0.01, max: 1e6, noNaN: true }),
  peakFactor: fc.double({ min: 1, max: 1_000, noNaN: true }),
  jobMs: fc.oneof(fc.constant(0), fc.double({ min: 0.01, max: 600_000, noNaN: true })),
  outage: fc.option(
    fc.record({
      seconds: fc.integer({ min: 1, max: 604_800 }),
      recoverSeconds: fc.integer({ min: 1, max: 604_800 }),
    }),
    { nil: undefined },
  ),
});

test('levels: six or more to fit with one handler among them, two held back between the ends, none doubled', () => {
  fc.assert(
    fc.property(questions, ({ outage, ...rest }) => {
      const { closed, heldBack } = levelsFor(
        question({ ...rest, ...(outage === undefined ? {} : { outage }) }),
      );
      const all = [...closed, ...heldBack];
      const most = Math.max(...closed);
      assert.ok(closed.length >= 6, `${closed}`);
      assert.equal(closed[0], 1);
      assert.deepEqual(
        closed,
        closed.toSorted((x, y) => x - y),
      );
      assert.equal(new Set(all).size, all.length, `${all}`);
      assert.equal(heldBack.length, 2);
      assert.ok(
        heldBack.every((n) => n > 1 && n < most),
        `${heldBack} of ${closed}`,
      );
      assert.ok(
        all.every((n) => Number.isInteger(n) && n <= 256),
        `${all}`,
      );
    }),
    { seed: 3, numRuns: 2_000 },
  );
});

test('a closed load counts rounds of even jobs, and enough of those that vary', () => {
  assert.equal(closedSeconds(0, { scv: 0, p99Ms: 0 }, 8), 3);
  assert.equal(closedSeconds(500, { scv: 0, p99Ms: 0 }, 64), 13);
  assert.equal(closedSeconds(40, { scv: 1, p99Ms: 0 }, 1), 17);
  assert.equal(closedSeconds(40, { scv: 1, p99Ms: 0 }, 16), 3);
  assert.equal(closedSeconds(500, { scv: 3, p99Ms: 0 }, 1), 20);
  assert.equal(closedSeconds(500, { scv: 3, p99Ms: 4_000 }, 1), 24, 'after the handlers have filled up');
});

test('a light load is as large as it can be while hardly a job waits', () => {
  const share = (handlers: number, capacity: number): number =>
    lightRate(question({ ratePerSec: 10_000 }), handlers, capacity) / capacity;
  assert.ok(Math.abs(share(2, 2_000) - 0.073) < 0.01, `${share(2, 2_000)}`);
  assert.equal(share(64, 2_000), 0.4);
  assert.equal(lightRate(question({ ratePerSec: 30 }), 64, 2_000), 15);
  assert.equal(lightRate(question(), 1, 20), 1);
});

// Is a load that broke the SLO below what is said to be safe told, and does it count?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { build } from 'hdr-histogram-js';
import { planned, question } from '../../testing/synthetic/capacity-world.ts';
import { planOf } from './answer.ts';
import { contradictionsTo } from './contradictions.ts';
import type { MeasuredCell } from './measured.ts';

const asked = question({ ratePerSec: 60 });
const { input } = await planned(asked);
const handlers = planOf(input).plan?.answer.recommended?.handlers ?? 0;

/** That load, where a share of its jobs waited for a second. */
function withLate(purpose: MeasuredCell['purpose'], share: number, jobs = 2_000): MeasuredCell[] {
  return input.cells.map((one) => {
    if (one.purpose !== purpose || one.pickup === undefined) return one;
    const pickup = build({ bitBucketSize: 32, autoResize: true, numberOfSignificantValueDigits: 3 });
    for (let i = 0; i < jobs; i += 1) pickup.recordValue(i < share * jobs ? 1_000_000 : 2_000);
    return { ...one, pickup };
  });
}

function told(cells: readonly MeasuredCell[], upToPerSec = 1_000) {
  return contradictionsTo(cells, asked.slo, { handlers, upToPerSec });
}

test('a light load below 10,000 jobs is counted, one that is just beyond by chance is not, nor one of other handlers', () => {
  assert.deepEqual(told(input.cells), []);
  const [light] = told(withLate('light', 0.05));
  assert.match(light?.text ?? '', /^at [\d.]+ jobs\/s 5\.00\s% of the jobs waited for longer than 250\sms$/);
  assert.deepEqual(told(withLate('light', 0.012)), []);
  assert.deepEqual(told(withLate('light', 0.04, 200)), [], 'eight jobs of 200');
  assert.deepEqual(told(withLate('check', 0.05), 1), [], 'above what is said to hold');
  const others = withLate('light', 0.05).map((one) => ({ ...one, handlers: 99 }));
  assert.deepEqual(told(others), []);
});

test('at the peak or below it leaves a plan undecided; above, what is safe is not confirmed; both are among the risks', () => {
  const before = planOf(input).plan?.answer;
  assert.ok(before?.possible === true && before.confirmed);
  const light = planOf({ ...input, cells: withLate('light', 0.05) }).plan?.answer;
  assert.equal(light?.possible, false);
  assert.match(light.undecided.join(), /the SLO did not hold in every load: at /);
  const check = planOf({ ...input, cells: withLate('check', 0.05) });
  const { perSec = 0 } = told(withLate('check', 0.05))[0] ?? {};
  const { answer } = check.plan ?? {};
  assert.ok(perSec > 60, `${perSec}`);
  assert.ok(answer?.possible === true && (answer.safePerSec ?? 0) < perSec === answer.confirmed);
  assert.match(answer.risks.join(), /The SLO did not hold in every load: at /);
});

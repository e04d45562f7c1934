// Is the fineness of a clock told as it is?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { measureClock, measureTimers } from './clock.ts';

test('the steps of a clock that ticks in 15 µs, and once in a while in 5', () => {
  let calls = 0;
  let us = 0;
  // Stands still for three readings of four, as a coarse clock does.
  const steps = measureClock(() => {
    calls += 1;
    if (calls % 4 === 0) us += calls % 400 === 0 ? 5 : 15;
    return us;
  });
  assert.equal(steps.typicalStepUs, 15);
  assert.equal(steps.smallestStepUs, 5);
  assert.ok(steps.readNs > 0);
});

test('a clock that stands still ends the measurement, and has no step', () => {
  assert.equal(measureClock(() => 1).typicalStepUs, Number.POSITIVE_INFINITY);
});

test('the clock of the harness tells a microsecond apart', () => {
  const { smallestStepUs, typicalStepUs } = measureClock();
  assert.ok(smallestStepUs > 0 && smallestStepUs <= typicalStepUs);
  assert.ok(typicalStepUs < 10, `steps of ${typicalStepUs} µs`);
});

test('a timer fires late, never early by more than the rounding of its clock', async () => {
  const { medianUs, p99Us } = await measureTimers();
  assert.ok(medianUs > -100, `${medianUs} µs`);
  assert.ok(p99Us >= medianUs);
});

// Do handler times follow the law that their scenario names, whatever timers can tell apart?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keyedDraw } from '../../stats/random.ts';
import { handlerMs, wholeMs } from './handler-times.ts';

const JOBS = 40_000;

function drawn(work: Parameters<typeof handlerMs>[0]): number[] {
  const draw = keyedDraw(7, 'times');
  return Array.from({ length: JOBS }, (_, key) => handlerMs(work, draw(key))).sort((x, y) => x - y);
}

const quantile = (sorted: readonly number[], q: number): number => sorted[Math.floor(q * JOBS)] ?? Number.NaN;
const mean = (values: readonly number[]): number => values.reduce((x, y) => x + y, 0) / values.length;

/** `found` within so many percent of `meant`. */
function near(found: number, meant: number, percent: number): void {
  assert.ok(Math.abs(found / meant - 1) < percent / 100, `${found}, not ${meant} ± ${percent} %`);
}

test('exponential: the mean, the median and the 99th percentile are those of the law', () => {
  const times = drawn({ time: 'exponential', meanMs: 40 });
  near(mean(times), 40, 2);
  near(quantile(times, 0.5), 40 * Math.LN2, 3);
  near(quantile(times, 0.99), 40 * Math.log(100), 5);
});

test('lognormal: the median and the 99th percentile are those that were asked for, the mean follows', () => {
  const times = drawn({ time: 'lognormal', medianMs: 20, p99Ms: 400 });
  near(quantile(times, 0.5), 20, 3);
  near(quantile(times, 0.99), 400, 6);
  const sigma = Math.log(20) / 2.3263478740408408;
  near(mean(times), 20 * Math.exp(sigma ** 2 / 2), 5);
  assert.ok(Number.isFinite(handlerMs({ time: 'lognormal', medianMs: 1, p99Ms: 2 }, 0)));
});

test('none, constant and cpu take what they say', () => {
  assert.equal(handlerMs({ time: 'none' }, 0.3), 0);
  assert.equal(handlerMs({ time: 'constant', ms: 12.5 }, 0.3), 12.5);
  assert.equal(handlerMs({ time: 'cpu', ms: 3 }, 0.3), 3);
});

test('whole milliseconds keep the mean, below one too', () => {
  const draw = keyedDraw(7, 'fractions');
  for (const ms of [0.25, 3.5, 17]) {
    const whole = Array.from({ length: JOBS }, (_, key) => wholeMs(ms, draw(key)));
    assert.ok(whole.every((w) => w === Math.floor(ms) || w === Math.floor(ms) + 1));
    assert.ok(Math.abs(mean(whole) - ms) < 0.02, `${mean(whole)} for ${ms}`);
  }
  assert.equal(wholeMs(17, 0), 17);
});

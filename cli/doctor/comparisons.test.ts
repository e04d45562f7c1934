// Does the doctor call the sampler cheap, or dear, only where its rounds say so?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { samplerSaid } from './comparisons.ts';

function said(low: number, median: number, high: number) {
  const { level, detail, values } = samplerSaid({
    ...{ median, interval: [low, high], min: low - 0.01, max: high + 0.01, rounds: 2 },
  });
  return {
    level,
    told: values?.['told'],
    untold: detail.endsWith('npm run bench:harness -- --only sampler'),
  };
}

test('the sampler is cheap or dear when the whole interval of the median says so, else it is not told', () => {
  assert.deepEqual(said(-0.02, 0.001, 0.009), { level: 'ok', told: true, untold: false });
  assert.deepEqual(said(0.011, 0.03, 0.05), { level: 'warn', told: true, untold: false });
  // A median far below the limit, and one far above it, of rounds that differ by more.
  for (const median of [-0.05, 0.005, 0.05])
    assert.deepEqual(said(-0.08, median, 0.08), { level: 'ok', told: false, untold: true });
});

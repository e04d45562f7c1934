// Is an interval log read as HdrHistogram writes it, and merged without averaging?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { build, HistogramLogWriter } from 'hdr-histogram-js';
import { HlogError, mergeHistograms, readIntervals } from './hlog.ts';

function log(intervals: readonly { tag: string; second: number; values: readonly number[] }[]): string {
  let text = '';
  const writer = new HistogramLogWriter((line) => {
    text += line;
  });
  writer.outputLogFormatVersion();
  writer.outputLegend();
  for (const { tag, second, values } of intervals) {
    const histogram = build({ bitBucketSize: 32, numberOfSignificantValueDigits: 3 });
    for (const value of values) histogram.recordValue(value);
    histogram.tag = tag;
    writer.outputIntervalHistogram(histogram, second, second + 1, 1000);
  }
  return text;
}

test('only wanted tags are read, with their intervals', () => {
  const text = log([
    { tag: 'pickup', second: 0, values: [100, 200] },
    { tag: 'service', second: 0, values: [7] },
    { tag: 'pickup', second: 1, values: [300] },
  ]);
  const found = readIntervals(text, new Set(['pickup']));
  assert.deepEqual(
    found.map((one) => [one.tag, one.startSeconds, one.lengthSeconds, one.histogram.totalCount]),
    [
      ['pickup', 0, 1, 2],
      ['pickup', 1, 1, 1],
    ],
  );
});

test('merged percentiles are those of all values, not the mean of percentiles', () => {
  const slow = Array.from({ length: 100 }, () => 1_000_000);
  const fast = Array.from({ length: 900 }, () => 1_000);
  const intervals = readIntervals(
    log([
      { tag: 'pickup', second: 0, values: fast },
      { tag: 'pickup', second: 1, values: slow },
    ]),
    new Set(['pickup']),
  );
  const merged = mergeHistograms(intervals.map((one) => one.histogram));
  assert.equal(merged?.totalCount, 1_000);
  assert.equal(merged?.getValueAtPercentile(50), 1_000);
  assert.ok(Math.abs((merged?.getValueAtPercentile(95) ?? 0) - 1_000_000) < 1_000);
  assert.equal(mergeHistograms([]), undefined);
});

test('a line that is no interval is named', () => {
  const good = log([{ tag: 'pickup', second: 0, values: [1] }]);
  for (const bad of ['Tag=pickup,0.0,x,1,HIST', 'Tag=pickup,0,1', 'nonsense']) {
    assert.throws(
      () => readIntervals(`${good}${bad}\n`, new Set(['pickup'])),
      (error) => error instanceof HlogError && error.message.startsWith('line 4 '),
    );
  }
  assert.throws(
    () => readIntervals(`${good}Tag=pickup,0,1,1,AAAA\n`, new Set(['pickup'])),
    /line 4 holds no compressed/,
  );
});

// Is a cell's evidence what its bundle holds: counted beyond the limit, in sub-windows of the measured seconds?

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { build } from 'hdr-histogram-js';
import { BUNDLE, type Slo } from '../../harness/result/result.ts';
import { seeded } from '../../stats/random.ts';
import { readBundle } from '../bundle.ts';
import { readIntervals } from '../hlog.ts';
import { writeFixture } from '../testing-fixture.ts';
import { countBeyond, evidenceOf, subWindows } from './evidence.ts';
import { judgeProbe } from './probe.ts';

test('jobs beyond a limit are counted one by one', () => {
  const random = seeded(3);
  const histogram = build({ bitBucketSize: 32, numberOfSignificantValueDigits: 3 });
  const values = Array.from({ length: 997 }, () => Math.round(1_000 * (1 - Math.log(1 - random()))));
  for (const value of values) histogram.recordValue(value);
  // Values up to 2,047 have buckets of their own.
  for (const limit of [0, 999, 1_000, 1_234, 1_999, 2_047, 1e9])
    assert.equal(countBeyond(histogram, limit), values.filter((value) => value > limit).length, `${limit}`);
  // Above, a bucket holds values that differ by 0.1 %: that of the limit counts as beyond.
  const found = countBeyond(histogram, 4_001);
  const exact = (limit: number): number => values.filter((value) => value > limit).length;
  assert.ok(found >= exact(4_001) && found <= exact(3_996));
  assert.equal(countBeyond(build({ bitBucketSize: 32 }), 5), 0);
});

test('sub-windows: as many as leave 1,000 jobs each, between 3 and 8, and none is lost', () => {
  const filed = (perSecond: number) =>
    Array.from({ length: 22 }, (_, second) => ({
      term: 0,
      second,
      jobs: perSecond,
      beyond: second === 21 ? 7 : 0,
    }));
  const cut = (perSecond: number) =>
    subWindows(filed(perSecond), { fromSeconds: 1.4, toSeconds: 20, terms: 1 });
  assert.deepEqual(
    [10, 210, 5_000].map((perSecond) => cut(perSecond).length),
    [3, 4, 8],
  );
  for (const perSecond of [10, 210, 5_000]) {
    const windows = cut(perSecond);
    // The first second, and the two after the measured ones, joined those beside them.
    assert.equal(
      windows.reduce((sum, { jobs }) => sum + (jobs[0] ?? 0), 0),
      22 * perSecond,
    );
    assert.deepEqual([windows[0]?.fromSeconds, windows.at(-1)?.toSeconds], [1.4, 20]);
    assert.deepEqual(
      windows.map(({ beyond }) => beyond[0]),
      [...new Array(windows.length - 1).fill(0), 7],
    );
    for (const [i, { toSeconds }] of windows.entries())
      assert.ok(i === windows.length - 1 || toSeconds === windows[i + 1]?.fromSeconds);
  }
});

test('sub-windows are no more than there are seconds, and without a latency there is nothing in them', () => {
  assert.equal(subWindows([], { fromSeconds: 1, toSeconds: 3, terms: 1 }).length, 2);
  assert.deepEqual(subWindows([], { fromSeconds: 0, toSeconds: 9, terms: 0 })[0]?.jobs, []);
});

test('the evidence of a bundle: what its cell, its samples and its histograms say', async () => {
  const dir = await mkdtemp(path.join(tmpdir(), 'claimbench-evidence-'));
  try {
    await writeFixture(dir, { repeats: 1 });
    const bundle = await readBundle(dir);
    const cell = bundle.result.cells.find((one) => one.throughput?.offeredPerSec !== undefined);
    assert.ok(cell?.throughput?.offeredPerSec !== undefined);
    const log = await readFile(path.join(dir, BUNDLE.histograms, `${cell.id}.hlog`), 'utf8');
    const p99 = cell.latencyUs?.pickup?.p99 ?? Number.NaN;
    const term = { of: 'pickup' as const, percentile: 99, text: '' };
    const slo: Slo[] = [
      { ...term, limitUs: p99 },
      { of: 'deadTuples', limitPerSec: 1, text: '' },
      { ...term, of: 'response', limitUs: 1 },
    ];
    const evidence = evidenceOf(
      {
        cell,
        ratePerSec: cell.throughput.offeredPerSec,
        load: bundle.load.get(cell.id) ?? [],
        server: bundle.server.get(cell.id) ?? [],
        intervals: readIntervals(log, new Set(['pickup', 'response'])),
      },
      slo,
    );
    const { measuredSeconds, warmupSeconds } = cell.window;
    assert.equal(evidence.seconds, measuredSeconds);
    assert.equal(evidence.offered, Math.round(cell.throughput.offeredPerSec * measuredSeconds));
    assert.equal(evidence.settled, Math.round(cell.throughput.settledPerSec * measuredSeconds));
    assert.ok(evidence.backlog.every(({ t }) => t >= warmupSeconds));
    assert.ok(evidence.backlog.length >= measuredSeconds && evidence.deadTuples.length >= measuredSeconds);
    const sum = (of: 'jobs' | 'beyond', index: number): number =>
      evidence.windows.reduce((total, one) => total + (one[of][index] ?? 0), 0);
    const count = cell.latencyUs?.pickup?.count ?? 0;
    assert.equal(sum('jobs', 0), count);
    assert.equal(sum('beyond', 1), sum('jobs', 1));
    assert.ok(Math.abs(sum('beyond', 0) / count - 0.01) < 0.001, `${sum('beyond', 0)} of ${count}`);
    assert.equal(evidence.percentileUs, p99);
    assert.equal(judgeProbe(evidence, slo).beyondShares?.length, 2);
  } finally {
    await rm(dir, { recursive: true });
  }
});

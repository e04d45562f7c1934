// Is a lower bound kept from being a figure, and does a reader learn who fell behind, what was void, and what was bound?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Cell, comparisonSchema } from '../../harness/result/result.ts';
import { comparisonHtml } from '../render/comparison/html.ts';
import { compareBundles, comparisonMarkdown, comparisonsOf, comparisonTerminal } from './index.ts';
import { comparedBundle, request } from './testing-bundle.ts';

const style = { colour: false, width: 100 };

/**
 * A quarter of the jobs of b in the steady load had not ended, the youngest of them as old as its p95. So short a load has no
 * p99 of its own.
 */
function overloaded(cell: Cell): Cell {
  if (cell.scenario !== 'steady') return cell;
  const late = cell.contender.name === 'b';
  const latencyUs = Object.fromEntries(
    Object.entries(cell.latencyUs ?? {}).flatMap(([kind, one]) => {
      if (one === undefined) return [];
      const left = { unfinished: Math.round(one.count / 4), unfinishedFromUs: one.p95 ?? one.max };
      return [[kind, { ...one, p99: one.max, ...(late ? left : {}) }]];
    }),
  );
  const inFlight = late ? Math.round(cell.jobs.offered / 4) : 0;
  return { ...cell, latencyUs, jobs: { ...cell.jobs, settled: cell.jobs.offered - inFlight, inFlight } };
}

test('percentiles that are lower bounds get no verdict, and settled jobs/s tell the capacity instead', async (t) => {
  const { dir } = await comparedBundle(t, { factors: { a: 1, b: 0.5 }, repeats: 5, amend: overloaded });
  const document = await compareBundles(request(dir));
  const steady = new Map(
    document.comparisons.filter((one) => one.scenario === 'steady').map((one) => [one.metric, one]),
  );
  for (const metric of ['latencyUs.pickup.p99', 'latencyUs.response.p95', 'latencyUs.response.p99']) {
    const one = steady.get(metric);
    assert.equal(one?.verdict, '~', metric);
    assert.match(one.reason, /^a lower bound: 25\.\d\s% of the jobs of b had not ended$/);
    assert.equal(one.head.lowerBound, true);
    assert.equal(one.base.lowerBound, undefined);
    comparisonSchema.parse(one);
  }
  assert.equal(steady.get('latencyUs.response.p50')?.verdict, 'worse');
  const settled = steady.get('throughput.settledPerSec');
  assert.equal(settled?.verdict, 'worse');
  assert.equal(settled.family, 'performance');
  const caveats = document.caveats.join('\n');
  assert.match(
    caveats,
    /^b did not keep up in steady \(5 of 5 repeats\): 25\.\d\s% of the jobs were still in flight/m,
  );
  assert.doesNotMatch(caveats, /a did not keep up|in drain/);
  for (const text of [
    comparisonMarkdown(document),
    comparisonHtml(document, new Map()),
    comparisonTerminal(document, style).replaceAll(/\s+/g, ' '),
  ]) {
    assert.match(text, /≥ \d/);
    assert.match(text, /b did not keep up in steady/);
    assert.match(text, /not judged: Pickup p99, Response p95, Response p99 .{0,2}a lower bound: 25/i);
  }
});

test('where both keep up, settled jobs/s of an open loop are no metric', async (t) => {
  const { result } = await comparedBundle(t, { factors: { a: 1, b: 0.5 }, repeats: 5 });
  const metrics = comparisonsOf(result)
    .filter((one) => one.scenario === 'steady')
    .map((one) => one.metric);
  assert.ok(!metrics.includes('throughput.settledPerSec'));
  assert.ok(metrics.includes('latencyUs.pickup.p95'));
});

test('a contender that was perhaps generator-bound may be faster than shown', async (t) => {
  const { dir } = await comparedBundle(t, {
    factors: { a: 1, b: 1 },
    repeats: 5,
    amend: (cell) =>
      cell.contender.name === 'b' && cell.scenario === 'drain' && cell.repeat < 3
        ? { ...cell, generator: { ...cell.generator, generatorBound: true } }
        : cell,
  });
  const { caveats } = await compareBundles(request(dir));
  assert.deepEqual(
    caveats.filter((caveat) => /generator/.test(caveat)),
    ['b in drain is perhaps generator-bound in 2 of 5 repeats: the queue may be faster than shown.'],
  );
});

/** The first repeats of b in the drain, voided. */
const voiding =
  (repeats: number) =>
  (cell: Cell): Cell =>
    cell.contender.name === 'b' && cell.scenario === 'drain' && cell.repeat <= repeats
      ? {
          ...cell,
          verdict: 'invalid',
          reasons: [
            `generator: worker agent 0 stood still for ${cell.repeat}.5 % of the time (limit 2 %): mend`,
          ],
        }
      : cell;

test('void repeats are told with their reason; above a fifth the rest are no sample', async (t) => {
  const few = await comparedBundle(t, { factors: { a: 1, b: 2 }, repeats: 10, amend: voiding(2) });
  const told = await compareBundles(request(few.dir));
  assert.deepEqual(
    told.caveats.filter((caveat) => /void/.test(caveat)),
    ['2 of 10 repeats of b in drain are void: generator: worker agent 0 stood still for 2.5 % of the time.'],
  );
  assert.ok(told.comparisons.every((one) => one.verdict === 'better'));

  const many = await comparedBundle(t, { factors: { a: 1, b: 2 }, repeats: 10, amend: voiding(3) });
  const document = await compareBundles(request(many.dir));
  for (const found of [document.comparisons, comparisonsOf(many.result)]) {
    for (const one of found.filter(({ scenario }) => scenario === 'drain')) {
      assert.equal(one.verdict, '~', one.metric);
      assert.match(
        one.reason,
        /^3 of 10 repeats of b in drain are void: .*; what is left is no fair sample$/,
      );
    }
    assert.ok(found.every(({ scenario, verdict }) => scenario !== 'steady' || verdict === 'better'));
  }
  for (const text of [
    comparisonMarkdown(document),
    comparisonHtml(document, new Map()),
    comparisonTerminal(document, style).replaceAll(/\s+/g, ' '),
  ])
    assert.match(text, /no verdict: 3 of 10 repeats of b in drain are void/);
});

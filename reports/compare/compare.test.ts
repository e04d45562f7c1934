// Does a comparison name what differs, stay silent about noise, and refuse what may not be set side by side?

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { type Cell, comparisonSchema, METHOD_VERSION, type RunResult } from '../../harness/result/result.ts';
import {
  type CompareRequest,
  compareBundles,
  comparisonMarkdown,
  comparisonsOf,
  writeComparison,
} from './index.ts';
import { metricsOf } from './metrics.ts';
import { comparedBundle as bundle, request } from './testing-bundle.ts';

test('six metrics a family at most: with more, five repeats could never show a difference', () => {
  for (const model of [
    'drain of a preloaded backlog',
    'open loop, poisson arrivals',
    'closed loop, 4 clients',
  ]) {
    for (const behind of [false, true]) {
      for (const family of ['performance', 'cost']) {
        const size = metricsOf(model, behind).filter((metric) => metric.family === family).length;
        assert.ok(size > 0 && size <= 6, `${model}, ${family}: ${size}`);
      }
    }
  }
});

test('a contender against itself: nothing is better or worse', async (t) => {
  const { result } = await bundle(t, { factors: { a: 1, 'a#2': 1 }, repeats: 5 });
  const found = comparisonsOf(result);
  assert.deepEqual([...new Set(found.map((one) => one.scenario))], ['drain', 'steady']);
  for (const one of found) {
    assert.ok(['equivalent', '~'].includes(one.verdict), `${one.metric}: ${one.verdict}, ${one.reason}`);
    assert.equal(one.design, 'paired');
    assert.ok(one.noiseFloor !== undefined && one.noiseFloor > 0 && one.detectable !== undefined);
    comparisonSchema.parse(one);
  }
});

test('a slower contender is worse in every metric, and the effect is the planted one', async (t) => {
  const { result } = await bundle(t, { factors: { a: 1, slow: 0.8 }, repeats: 10 });
  for (const one of comparisonsOf(result)) {
    assert.equal(one.verdict, 'worse', `${one.scenario} ${one.metric}: ${one.reason}`);
    const planted = one.better === 'higher' ? -0.2 : 0.25;
    assert.ok(Math.abs((one.effect ?? 0) - planted) < 0.04, `${one.metric}: ${one.effect}`);
    assert.ok((one.low ?? 1) <= planted + 0.03 && (one.high ?? -1) >= planted - 0.03);
  }
});

test('contenders are compared within their class only, and the first of each is its base', async (t) => {
  const { result } = await bundle(t, {
    factors: { a: 1, b: 1, broker: 1, broker2: 1 },
    repeats: 5,
    amend: (cell) =>
      cell.contender.name.startsWith('broker')
        ? { ...cell, contender: { ...cell.contender, class: 'broker' } }
        : cell,
  });
  const pairs = new Set(comparisonsOf(result).map((one) => `${one.head.contender}/${one.base.contender}`));
  assert.deepEqual([...pairs], ['b/a', 'broker2/broker']);
});

test('one incorrect repeat withholds the verdicts; no valid repeat makes them invalid', async (t) => {
  const spoil = (verdict: Cell['verdict'], which: (cell: Cell) => boolean) => (cell: Cell) =>
    cell.contender.name === 'b' && which(cell) ? { ...cell, verdict, reasons: ['because'] } : cell;
  const wrong = await bundle(t, {
    factors: { a: 1, b: 1 },
    repeats: 5,
    amend: spoil('incorrect', (cell) => cell.repeat === 2),
  });
  const document = await compareBundles(request(wrong.dir));
  assert.deepEqual(document.incorrect, ['b']);
  assert.ok(
    document.comparisons.every((one) => one.verdict === 'invalid' && /b is incorrect/.test(one.reason)),
  );
  const busy = await bundle(t, { factors: { a: 1, b: 1 }, repeats: 5, amend: spoil('invalid', () => true) });
  const voided = await compareBundles(request(busy.dir));
  assert.deepEqual(voided.incorrect, []);
  assert.ok(
    voided.comparisons.every((one) => one.verdict === 'invalid' && /no repeat of b/.test(one.reason)),
  );
});

test('a percentile that some repeats cannot quote gets no verdict', async (t) => {
  const { result } = await bundle(t, {
    factors: { a: 1, b: 0.5 },
    repeats: 5,
    amend: (cell) => {
      const { pickup, ...rest } = cell.latencyUs ?? {};
      if (cell.repeat !== 1 || pickup === undefined) return cell;
      const { p95: _, ...few } = pickup;
      return { ...cell, latencyUs: { ...rest, pickup: few } };
    },
  });
  const found = comparisonsOf(result).find((one) => one.metric === 'latencyUs.pickup.p95');
  assert.equal(found?.verdict, '~');
  assert.match(found?.reason ?? '', /2 of 10 repeats have too few samples/);
});

test('two bundles: like with like, and a difference between them is found', async (t) => {
  const before = await bundle(t, { factors: { a: 1 }, repeats: 6, seed: 1 });
  const after = await bundle(t, { factors: { a: 0.7 }, repeats: 6, seed: 2 });
  const document = await compareBundles(request(before.dir, { head: after.dir }));
  assert.ok(document.comparisons.every((one) => one.verdict === 'worse' && one.design === 'unpaired'));
  assert.match(document.caveats.join(), /Two runs/);
  assert.deepEqual(document.forced, []);
});

const REFUSED: readonly { what: string; amend: (result: RunResult) => RunResult; says: RegExp }[] = [
  {
    what: 'another machine',
    amend: (result) => ({ ...result, environment: { ...result.environment, cpuModel: 'another' } }),
    says: /CPU: AMD EPYC 9R14 and another/,
  },
  {
    what: 'another server setting',
    amend: (result) => {
      const { server } = result.environment;
      const settings = { ...server.settings, shared_buffers: '2GB' };
      return { ...result, environment: { ...result.environment, server: { ...server, settings } } };
    },
    says: /shared_buffers: 1GB and 2GB/,
  },
  {
    what: 'a server that is not durable',
    amend: (result) => ({
      ...result,
      environment: { ...result.environment, server: { ...result.environment.server, durable: false } },
    }),
    says: /durable: yes and no/,
  },
  {
    what: 'another workload',
    amend: (result) => ({
      ...result,
      scenarios: result.scenarios.map((one) => ({
        ...one,
        definition: { ...one.definition, payloadBytes: 9 },
      })),
    }),
    says: /payloadBytes of drain: 100 and 9/,
  },
  {
    what: 'another method',
    amend: (result) => ({ ...result, methodVersion: METHOD_VERSION + 1 }),
    says: /method/,
  },
];

for (const { what, amend, says } of REFUSED) {
  test(`two bundles of ${what} are refused, or marked when forced`, async (t) => {
    const before = await bundle(t, { factors: { a: 1 }, repeats: 5 });
    const after = await bundle(t, { factors: { a: 1 }, repeats: 5, amendResult: amend });
    await assert.rejects(compareBundles(request(before.dir, { head: after.dir })), (error: Error) => {
      assert.match(error.message, says);
      assert.doesNotMatch(error.message, /\n/);
      return true;
    });
    const forced = await compareBundles(request(before.dir, { head: after.dir, force: true }));
    assert.match(forced.forced.join(), says);
    assert.match(comparisonMarkdown(forced), /FORCED, NOT COMPARABLE/);
  });
}

test('names that are not there are answered with those that are', async (t) => {
  const { dir } = await bundle(t, { factors: { a: 1, b: 1 }, repeats: 5 });
  const other = await bundle(t, { factors: { c: 1 }, repeats: 5, seed: 3 });
  const refused = (rest: Partial<CompareRequest>, says: RegExp) =>
    assert.rejects(compareBundles(request(dir, rest)), says);
  await refused({ baseContender: 'x' }, /--base: there is no contender x in run run-\d+; it has a, b/);
  await refused({ headContenders: ['x'] }, /--head: there is no contender x/);
  await refused({ scenarios: ['x'] }, /there is no scenario x here; there are drain, steady/);
  await refused({ head: other.dir }, /no contender is in both bundles/);
  await assert.rejects(compareBundles(request(other.dir)), /no second contender/);
  const named = await compareBundles(
    request(dir, { head: other.dir, baseContender: 'a', headContenders: ['c'] }),
  );
  assert.equal(named.comparisons[0]?.head.contender, 'c');
});

test('the files say the same each time, and no name becomes markup', async (t) => {
  const hostile = '<img src=x onerror=alert(1)>';
  const { dir } = await bundle(t, { factors: { a: 1, [hostile]: 0.9 }, repeats: 5 });
  const read = async (): Promise<string[]> => {
    const out = await mkdtemp(path.join(tmpdir(), 'claimbench-compare-out-'));
    t.after(() => rm(out, { recursive: true }));
    const files = await writeComparison(out, await compareBundles(request(dir)));
    assert.deepEqual(
      files.map((file) => path.basename(file)),
      ['compare.json', 'compare.md', 'compare.html'],
    );
    return Promise.all(files.map((file) => readFile(file, 'utf8')));
  };
  const first = await read();
  assert.deepEqual(await read(), first);
  assert.ok(first[2]?.includes('&lt;img src=x'));
  assert.ok(!first[2]?.includes(hostile));
});

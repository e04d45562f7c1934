// Are bundles refused that hold the same cells, or cells of no scenario in common?

import assert from 'node:assert/strict';
import { cp, symlink } from 'node:fs/promises';
import { test } from 'node:test';
import type { RunResult } from '../../harness/result/result.ts';
import { type CompareRequest, compareBundles } from './index.ts';
import { comparedBundle, request } from './testing-bundle.ts';

const SAME =
  /^these are the same cells: an A\/A comparison needs the contender twice in one run \(--contender 'a' --contender 'a'\)/;

test('a contender is not compared with its own cells, under whatever path its bundle is given', async (t) => {
  const { dir } = await comparedBundle(t, { factors: { a: 1, b: 2 }, repeats: 5 });
  const [copy, link] = [`${dir}-copy`, `${dir}-link`];
  await cp(dir, copy, { recursive: true });
  await symlink(dir, link);
  const same: readonly Partial<CompareRequest>[] = [
    { baseContender: 'a', headContenders: ['a'] },
    { baseContender: 'a', headContenders: ['a'], force: true },
    { baseContender: 'a', headContenders: ['b', 'a'] },
    ...[dir, `${dir}/`, copy, link].map((head) => ({ head })),
    { head: copy, baseContender: 'a' },
  ];
  for (const rest of same)
    await assert.rejects(compareBundles(request(dir, rest)), { message: SAME, exitCode: 1 });
  await assert.rejects(compareBundles(request(dir, { head: dir })), /one bundle, give it once$/);
  // Two contenders of one run are two, and paired by block, from wherever they are read.
  const apart = await compareBundles(request(dir, { head: copy, baseContender: 'a', headContenders: ['b'] }));
  assert.ok(apart.comparisons.every((one) => one.verdict === 'better' && one.design === 'paired'));
  assert.doesNotMatch(apart.caveats.join(), /Two runs/);
});

test('the second of a contender given twice is another one', async (t) => {
  const { dir } = await comparedBundle(t, { factors: { a: 1, 'a#2': 1 }, repeats: 5 });
  assert.ok((await compareBundles(request(dir))).comparisons.length > 0);
  const second = request(dir, { baseContender: 'a#2', headContenders: ['a#2'] });
  await assert.rejects(compareBundles(second), { message: SAME });
});

/** A run of some scenarios alone. */
const only =
  (...names: readonly string[]) =>
  (result: RunResult): RunResult => ({
    ...result,
    scenarios: result.scenarios.filter(({ name }) => names.includes(name)),
    cells: result.cells.filter(({ scenario }) => names.includes(scenario)),
  });

test('two bundles without a scenario in common are refused with what each holds', async (t) => {
  const [drain, steady] = [
    await comparedBundle(t, { factors: { a: 1 }, repeats: 5, amendResult: only('drain') }),
    await comparedBundle(t, { factors: { a: 1 }, repeats: 5, amendResult: only('steady') }),
  ];
  await assert.rejects(compareBundles(request(drain.dir, { head: steady.dir })), {
    message: `no scenario is in both (${drain.dir}: drain; ${steady.dir}: steady): give two bundles of the same scenario`,
    exitCode: 1,
  });
  await assert.rejects(
    compareBundles(request(drain.dir, { head: steady.dir, scenarios: ['steady'] })),
    /--scenario: steady is not in both \(.*: drain; .*: steady\)/,
  );
});

test('a scenario of one bundle alone is a caveat that names the bundle, and no verdict', async (t) => {
  const both = await comparedBundle(t, { factors: { a: 1 }, repeats: 5 });
  const drain = await comparedBundle(t, { factors: { a: 0.7 }, repeats: 5, amendResult: only('drain') });
  const [forth, back] = [
    await compareBundles(request(both.dir, { head: drain.dir })),
    await compareBundles(request(drain.dir, { head: both.dir })),
  ];
  for (const { comparisons } of [forth, back]) {
    assert.deepEqual([...new Set(comparisons.map((one) => one.scenario))], ['drain']);
    assert.ok(comparisons.every((one) => one.verdict !== 'invalid'));
  }
  const name = both.dir;
  assert.ok(forth.caveats.includes(`a (base) was run in steady in ${name} alone: not compared.`));
  assert.ok(back.caveats.includes(`a (head) was run in steady in ${name} alone: not compared.`));
});

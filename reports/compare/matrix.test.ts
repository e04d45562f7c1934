// Are rows of several servers compared along one axis at a time, and bundles by the servers of their rows?

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { RunResult } from '../../harness/result/result.ts';
import { compareBundles, comparisonsOf } from './index.ts';
import { comparedBundle, request } from './testing-bundle.ts';

/** Settings of each version: one differs by default, one is of the newer alone. */
const SETTINGS: Readonly<Record<string, Record<string, string>>> = {
  '14': { fsync: 'on', data_checksums: 'off' },
  '18': { fsync: 'on', data_checksums: 'on', io_method: 'worker' },
};

/** A run whose contenders are called `name on version`, as a matrix of these servers. */
const overVersions =
  (durable: (label: string) => boolean = () => true) =>
  (result: RunResult): RunResult => {
    const matrix = result.contenders.map((name) => {
      const [contender = '', server = ''] = name.split(' on ');
      return { name, contender, server };
    });
    const servers = [...new Set(matrix.map(({ server }) => server))].map((label) => ({
      label,
      kind: 'embedded',
      description: `embedded PostgreSQL ${label}.1`,
      version: `${label}.1`,
      settings: SETTINGS[label] ?? {},
      durable: durable(label),
    }));
    const { label: _, ...server } = servers[0] ?? assert.fail('no server');
    return { ...result, matrix, environment: { ...result.environment, server, servers } };
  };

/** A run of one server, of the same version and settings as one of those. */
const onVersion =
  (label: string) =>
  (result: RunResult): RunResult => {
    const whole = overVersions()({
      ...result,
      contenders: result.contenders.map((name) => `${name} on ${label}`),
    });
    const { servers: _, ...environment } = whole.environment;
    return { ...result, environment };
  };

const GRID = { 'a on 14': 1, 'a on 18': 1.5, 'b on 14': 2, 'b on 18': 2 };

async function grid(t: TestContext, durable?: (label: string) => boolean) {
  return await comparedBundle(t, { factors: GRID, repeats: 5, amendResult: overVersions(durable) });
}

const named = (comparisons: readonly { base: { contender: string }; head: { contender: string } }[]) => [
  ...new Set(comparisons.map(({ base, head }) => `${head.contender} / ${base.contender}`)),
];

test('versions of each contender, then contenders on each version; never both at once', async (t) => {
  const { dir, result } = await grid(t);
  const usual = ['a on 18 / a on 14', 'b on 18 / b on 14', 'b on 14 / a on 14', 'b on 18 / a on 18'];
  assert.deepEqual(named(comparisonsOf(result)), usual);
  const document = await compareBundles(request(dir));
  assert.deepEqual(named(document.comparisons), usual);
  assert.match(document.caveats.join('\n'), /^8 pairs .* 16 families .* up to 0\.8 of them\.$/m);
  const one = await compareBundles(request(dir, { scenarios: ['drain'] }));
  assert.doesNotMatch(one.caveats.join('\n'), /families/, 'four pairs are a handful');
  const verdicts = (head: string, base: string) =>
    new Set(
      document.comparisons
        .filter((one) => one.head.contender === head && one.base.contender === base)
        .map(({ verdict, design }) => `${verdict}, ${design}`),
    );
  assert.deepEqual(verdicts('a on 18', 'a on 14'), new Set(['better, paired']));
  assert.ok(!verdicts('b on 18', 'b on 14').has('better, paired'), 'b is as fast on both');
});

test('a base of the user’s choice meets what shares its contender or its version; named heads are kept', async (t) => {
  const { dir } = await grid(t);
  const based = await compareBundles(request(dir, { baseContender: 'b on 18' }));
  assert.deepEqual(named(based.comparisons), ['a on 18 / b on 18', 'b on 14 / b on 18']);
  const asked = { baseContender: 'a on 14', headContenders: ['b on 18'] };
  const across = await compareBundles(request(dir, asked));
  assert.deepEqual(named(across.comparisons), ['b on 18 / a on 14']);
  assert.ok(
    across.caveats.includes(
      'a on 14 and b on 18 differ in contender and in version: which of the two makes a difference is not told.',
    ),
    across.caveats.join('\n'),
  );
  await assert.rejects(
    compareBundles(request(dir, { baseContender: 'a' })),
    /--base: there is no contender a in run .*; it has a on 14, a on 18, b on 14, b on 18/,
  );
  await assert.rejects(
    compareBundles(request(dir, { baseContender: 'a on 14', headContenders: ['a on 14'] })),
    /the contender twice in one run \(--contender 'a' --contender 'a'\)/,
  );
});

test('what the servers are set to besides is a caveat of verdicts across versions, and of no others', async (t) => {
  const { dir } = await grid(t);
  const says =
    /PostgreSQL 14\.1 and 18\.1 differ in settings too: data_checksums \(off, on\), io_method \(not reported, worker\)\./;
  assert.match((await compareBundles(request(dir))).caveats.join('\n'), says);
  const asked = { baseContender: 'a on 14', headContenders: ['b on 14'] };
  assert.doesNotMatch((await compareBundles(request(dir, asked))).caveats.join('\n'), /settings/);
});

test('each server that is not durable is named', async (t) => {
  const { dir } = await grid(t, (label) => label !== '18');
  const { caveats } = await compareBundles(request(dir));
  assert.equal(caveats.filter((text) => text.includes('was not durable')).length, 1);
  assert.match(caveats.join('\n'), /The server of run run-\d+, PostgreSQL 18, was not durable/);
});

test('a row of several versions is compared with a run of its own version, and not with another', async (t) => {
  const several = await grid(t);
  const alone = await comparedBundle(t, { factors: { a: 1 }, repeats: 5, amendResult: onVersion('18') });
  const asked = (head: string) =>
    request(alone.dir, { head: several.dir, baseContender: 'a', headContenders: [head] });
  const document = await compareBundles(asked('a on 18'));
  assert.deepEqual(named(document.comparisons), ['a on 18 / a']);
  assert.deepEqual(document.forced, []);
  await assert.rejects(compareBundles(asked('a on 14')), /not comparable: PostgreSQL: 18\.1 and 14\.1; /);
  await assert.rejects(
    compareBundles(request(alone.dir, { head: several.dir })),
    /no contender is in both bundles \(a; a on 14, .*\): name one of each by --base and --head/,
  );
  const again = await compareBundles(request(several.dir, { head: (await grid(t)).dir }));
  assert.deepEqual(
    named(again.comparisons),
    Object.keys(GRID).map((name) => `${name} / ${name}`),
  );
});

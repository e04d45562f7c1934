// Is a folder that cannot take the files told in one line, before anything is shown, and never waited for?

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { comparedBundle } from '../reports/compare/testing-bundle.ts';
import { writeFixture } from '../reports/testing-fixture.ts';
import { STANDARD } from '../reports/testing-fixture-data.ts';
import { start, temporaryFolder } from '../testing/command.ts';

const SECONDS = 1_000;
const linux = process.platform === 'linux' ? false : 'there is no /proc';

/** Refused in one line; killed, and so failed, when it hangs. */
async function refused(words: readonly string[], code: number, said: RegExp): Promise<void> {
  const result = await start(words, 60 * SECONDS).finished;
  const shown = `${words.join(' ')}: ${result.code}\n${result.stdout}${result.stderr}`;
  assert.equal(result.code, code, shown);
  assert.match(result.stderr, said, shown);
  assert.match(result.stderr, /^claimbench: [^\n]*\n$/, shown);
  assert.equal(result.stdout, '', 'nothing is shown whose files cannot be written');
}

const bundle = async (t: TestContext): Promise<string> =>
  (await comparedBundle(t, { factors: { a: 1, b: 1 }, repeats: 2 })).dir;

test('a place where no folder can be made is told, by run and by compare', { skip: linux }, async (t) => {
  const says =
    /\/proc\/foo cannot be written \(no folder can be made there\): name a folder of your own with --out$/m;
  await refused(['run', '--scenario', 'drain', '--contender', 'null', '--out', '/proc/foo'], 2, says);
  await refused(['compare', await bundle(t), '--out', '/proc/foo'], 2, says);
});

test('compare: a file, a path through one, a folder in the place of a file, a bundle', async (t) => {
  const [folder, dir] = [temporaryFolder(t), await bundle(t)];
  const file = join(folder, 'diary.txt');
  writeFileSync(file, 'dear diary');
  await refused(['compare', dir, '--out', file], 1, /diary\.txt is a file: name a folder/);
  await refused(
    ['compare', dir, '--out', join(file, 'below')],
    2,
    /cannot be written \(a part of the path is a file\): name a folder/,
  );
  mkdirSync(join(folder, 'compare.json'));
  await refused(['compare', dir, '--out', folder], 2, /cannot be written \(a folder is in the way\): name/);
  const before = readdirSync(dir);
  await refused(
    ['compare', dir, '--out', dir],
    1,
    /holds a bundle already, which is never overwritten: name/,
  );
  assert.deepEqual(readdirSync(dir), before);
});

test('compare: files of an earlier comparison are replaced, others stay', async (t) => {
  const [folder, dir] = [temporaryFolder(t), await bundle(t)];
  for (const name of ['compare.md', 'notes.txt']) writeFileSync(join(folder, name), 'mine');
  assert.equal((await start(['compare', dir, '--out', folder], 60 * SECONDS).finished).code, 0);
  assert.match(readFileSync(join(folder, 'compare.md'), 'utf8'), /^# b against a/);
  assert.equal(readFileSync(join(folder, 'notes.txt'), 'utf8'), 'mine');
});

/** Makes a folder read-only for the time of `work`: for root, who may write anywhere, by a file system of its own. */
async function readOnly(
  t: TestContext,
  folder: string,
  fill: () => Promise<unknown>,
  work: () => Promise<void>,
) {
  const mount = (options: string) =>
    spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', folder]).status === 0;
  const root = process.getuid?.() === 0;
  if (root && !mount('size=8m')) return t.skip('mount is not permitted here');
  try {
    await fill();
    if (root) assert.ok(mount('remount,ro'));
    else chmodSync(folder, 0o500);
    await work();
  } finally {
    if (root) spawnSync('umount', [folder]);
    else chmodSync(folder, 0o700);
  }
}

test('a read-only folder: compare names --out, report a copy', async (t) => {
  const [folder, dir] = [temporaryFolder(t), await bundle(t)];
  const small = {
    contenders: STANDARD.contenders.slice(0, 1),
    scenarios: STANDARD.scenarios.slice(0, 1),
    repeats: 1,
  };
  await readOnly(
    t,
    folder,
    () => writeFixture(folder, small),
    async () => {
      const why = '\\((permission denied|the file system is read-only)\\)';
      await refused(
        ['compare', dir, '--out', join(folder, 'new')],
        2,
        new RegExp(`cannot be written ${why}: name a folder of your own with --out`),
      );
      await refused(
        ['report', folder],
        2,
        new RegExp(`cannot be written ${why}: copy the bundle to a folder of your`),
      );
      assert.equal(existsSync(join(folder, 'report.html')), false);
    },
  );
});

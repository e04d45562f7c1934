// Is every mistake of a user answered in one line, with the mend and the right exit code?

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { claimbench, temporaryFolder, testServer } from '../testing/command.ts';

const SMALL = ['--scenario', 'drain', '--contender', 'skip-locked', '--repeats', '1', '--duration', '1'];

async function refused(words: readonly string[], code: number, said: RegExp): Promise<string> {
  const result = await claimbench(...words);
  const shown = `${words.join(' ')}\n${result.stderr}`;
  assert.equal(result.code, code, shown);
  assert.match(result.stderr, said, shown);
  const lines = result.stderr.trim().split('\n');
  const own = lines.filter(
    (line) => !line.startsWith('claimbench: embedded ') && !line.startsWith('claimbench: server '),
  );
  assert.equal(own.length, 1, `one line, not: ${result.stderr}`);
  assert.doesNotMatch(result.stderr, /\n\s+at /, 'no stack trace');
  return result.stderr;
}

test('an unknown scenario names the nearest one', async () => {
  await refused(
    ['run', '--scenario', 'drian', '--contender', 'batch'],
    1,
    /no scenario drian; did you mean drain\?/,
  );
});

test('an unknown contender names the nearest one', async () => {
  await refused(
    ['run', '--scenario', 'drain', '--contender', 'skip-lock'],
    1,
    /no contender skip-lock; did you mean skip-locked\?/,
  );
});

test('an unknown axis, and a value out of range', async () => {
  await refused(
    ['run', '--scenario', 'drain', '--contender', 'batch?bacth=5'],
    1,
    /no axis bacth; did you mean batch\?/,
  );
  await refused(['run', '--scenario', 'drain', '--contender', 'batch?batch=0'], 1, /axis batch/);
  await refused(
    ['run', '--scenario', 'drain', '--contender', 'batch?wakeup=pol'],
    1,
    /no wakeup pol; there are: .*poll/,
  );
});

test('an unknown option and an unknown command', async () => {
  await refused(['run', '--scenaro', 'drain'], 1, /unknown option --scenaro; did you mean --scenario\?$/m);
  await refused(['rnu'], 1, /unknown command rnu; did you mean run\?$/m);
  await refused(['run', '--contender', ''], 1, /--contender is empty: give </);
});

test('nothing to run, and options out of range', async () => {
  await refused(['run', '--contender', 'batch'], 1, /give --scenario or --suite/);
  await refused(['run', '--suite', 'bnech'], 1, /did you mean bench\?/);
  await refused(['run', ...SMALL, '--repeats', 'x'], 1, /--repeats x: give a whole number from 1 to 1000/);
  await refused(['run', '--scenario', 'steady', '--contender', 'batch', '--rate', 'fast'], 1, /--rate fast/);
  await refused(
    ['run', '--scenario', 'steady', '--contender', 'batch', '--rate', '0.5 of drian'],
    1,
    /--rate 0\.5 of drian: there is no scenario drian; did you mean drain\?$/m,
  );
});

test('scenario files: missing, throwing, wrong key, nothing offered', async (t) => {
  const folder = temporaryFolder(t);
  const file = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  };
  const run = (path: string) => ['run', '--scenario', path, '--contender', 'batch'];
  await refused(run(join(folder, 'none.ts')), 1, /does not exist: give the path of .* claimbench list/);
  await refused(run(file('throws.ts', "throw new Error('no luck today');")), 1, /no luck today/);
  await refused(run(file('empty.ts', 'export const x = 1;')), 1, /no default export/);
  await refused(run(file('bad.json', '{')), 1, /could not be read/);
  const phases = "phases: [{ label: 'a', seconds: 1 }]";
  await refused(
    run(file('key.ts', `export default { name: 'x', question: 'y?', preloads: {}, ${phases} };`)),
    1,
    /unknown key preloads; did you mean preload\?/,
  );
  const share = "arrival: { model: 'poisson', ratePerSec: '0.5 of elsewhere' }";
  await refused(
    run(
      file(
        'share.ts',
        `export default { name: 'x', question: 'y?', phases: [{ label: 'a', seconds: 1, ${share} }] };`,
      ),
    ),
    1,
    /takes its rate from elsewhere: there is no scenario elsewhere; there are: /,
  );
  await refused(
    run(file('none-offered.ts', `export default { name: 'x', question: 'y?', ${phases} };`)),
    1,
    /offers no jobs/,
  );
});

test('strategy files: missing, throwing, without a strategy', async (t) => {
  const folder = temporaryFolder(t);
  const run = (path: string) => ['run', '--scenario', 'drain', '--contender', path];
  await refused(run(join(folder, 'none.ts')), 1, /does not exist: give the path of .* claimbench list/);
  const throws = join(folder, 'throws.ts');
  writeFileSync(throws, "throw new Error('broken on purpose');");
  await refused(run(throws), 1, /broken on purpose/);
  const other = join(folder, 'other.ts');
  writeFileSync(other, 'export default 5;');
  await refused(run(other), 1, /no strategy as its default export/);
});

test('a server that is not there, one that refuses, one that is none; no password is shown', async () => {
  const url = new URL(testServer());
  const { password } = url;
  url.port = '1';
  const closed = await refused(['run', ...SMALL, '--server', url.href], 2, /127\.0\.0\.1/);
  assert.ok(!closed.includes(password));
  const wrong = new URL(testServer());
  wrong.password = 'sesame-open';
  const denied = await refused(['run', ...SMALL, '--server', wrong.href], 1, /wrong password/);
  assert.ok(!denied.includes('sesame-open'));
  await refused(['run', ...SMALL, '--server', 'postgers://x:hidden@y/z'], 1, /--server takes/);
});

test('a port that something else than PostgreSQL listens on', async (t) => {
  const server = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  t.after(() => server.close());
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  await refused(
    ['run', ...SMALL, '--server', `postgres://me:secret@127.0.0.1:${address.port}/db`],
    2,
    /127\.0\.0\.1/,
  );
});

test('an output folder that is a bundle, is not empty, is a file, cannot be written', async (t) => {
  const folder = temporaryFolder(t);
  const server = ['--server', testServer()];
  const bundle = join(folder, 'bundle');
  mkdirSync(bundle);
  writeFileSync(join(bundle, 'result.json'), '{}');
  await refused(['run', ...SMALL, ...server, '--out', bundle], 1, /never overwritten/);
  const used = join(folder, 'used');
  mkdirSync(used);
  writeFileSync(join(used, 'diary.txt'), 'dear diary');
  await refused(['run', ...SMALL, ...server, '--out', used], 1, /not empty/);
  await refused(['run', ...SMALL, ...server, '--out', join(used, 'diary.txt')], 1, /is a file/);
  await refused(
    ['run', ...SMALL, ...server, '--out', join(used, 'diary.txt', 'below')],
    2,
    /cannot be written/,
  );
});

test('an output folder on a full disk, and one that may not be written', async (t) => {
  const folder = temporaryFolder(t);
  const words = ['run', ...SMALL, '--server', testServer(), '--out'];
  if (process.getuid?.() !== 0) {
    chmodSync(folder, 0o500);
    await refused([...words, join(folder, 'bundle')], 2, /permission denied/);
    return;
  }
  // Root may write anywhere, so it is given file systems of its own: a tiny one, and a read-only one.
  for (const { options, said } of [
    { options: 'size=32k', said: /disk is full/ },
    { options: 'ro', said: /read-only/ },
  ]) {
    if (spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', folder]).status !== 0) {
      return t.skip('mount is not permitted here');
    }
    try {
      await refused([...words, join(folder, 'bundle')], 2, said);
    } finally {
      spawnSync('umount', [folder]);
    }
  }
});

test('report: a folder that is none, a bundle that is broken', async (t) => {
  const folder = temporaryFolder(t);
  const none = await claimbench('report', resolve(folder, 'none'));
  assert.notEqual(none.code, 0);
  assert.match(none.stderr, /result\.json/);
  await refused(['compare', 'package.json'], 1, /package\.json is no bundle folder; give the folder/);
  writeFileSync(join(folder, 'result.json'), '{"schemaVersion":1}');
  const broken = await claimbench('report', folder);
  assert.notEqual(broken.code, 0);
  assert.doesNotMatch(broken.stderr, /\n\s+at /);
});

test('a client library that is none of ours', async () => {
  await refused(['run', ...SMALL, '--driver', 'mysql'], 1, /--driver mysql.*pg, postgres/);
  await refused(
    ['run', '--scenario', 'drain', '--contender', 'batch?driver=mysql'],
    1,
    /axis driver: mysql is neither pg nor postgres/,
  );
});

// Is the base what was asked for, ready to be imported from, gone afterwards; and is one that cannot be had named in one line?

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { claimbenchIn, start, temporaryFolder, testServer } from '../../testing/command.ts';
import { makeGuardedRepository } from '../../testing/guarded-repository.ts';

type Scope = Parameters<typeof temporaryFolder>[0];

function git(folder: string, ...words: readonly string[]): string {
  const author = [
    '-c',
    'user.name=Author',
    '-c',
    'user.email=author@example.org',
    '-c',
    'protocol.file.allow=always',
  ];
  return execFileSync('git', [...author, ...words], {
    cwd: folder,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

function repository(t: Scope): string {
  const folder = join(temporaryFolder(t), 'repository');
  makeGuardedRepository(folder);
  return folder;
}

/** A check that must end before anything is measured: with one line. */
async function refused(folder: string, words: readonly string[], code: number): Promise<string> {
  const ended = await claimbenchIn(folder, 'check', '--server', testServer(), '--out', 'out/x', ...words);
  assert.equal(ended.code, code, ended.stderr);
  assert.equal(ended.stdout, '');
  const lines = ended.stderr
    .trim()
    .split('\n')
    .filter((line) => !line.startsWith('claimbench: making the base ready'));
  assert.equal(lines.length, 1, ended.stderr);
  assert.doesNotMatch(lines[0] ?? '', /claimbench-pg-|^\s+at /);
  return lines[0] ?? '';
}

const leftovers = (folder: string) => ({
  worktrees: git(folder, 'worktree', 'list').trim().split('\n').length,
  folders: readdirSync(tmpdir()).filter(
    (name) => name.startsWith('claimbench-pg-') && existsSync(join(tmpdir(), name, 'base')),
  ),
});

test('a ref that is not there, a clone that is too shallow, no repository at all', async (t) => {
  const folder = repository(t);
  assert.match(
    await refused(folder, ['--base', 'nowhere'], 2),
    /--base nowhere: git knows no such commit, branch or tag/,
  );
  assert.match(await refused(folder, ['--base=--help'], 2), /is no name of a commit/);
  const first = git(folder, 'rev-parse', 'HEAD').trim();
  writeFileSync(join(folder, 'second'), '');
  git(folder, 'add', '.');
  git(folder, 'commit', '--quiet', '--message', 'second');
  const clone = join(temporaryFolder(t), 'clone');
  git(folder, 'clone', '--quiet', '--depth=1', `file://${folder}`, clone);
  // Its configuration imports what nobody has installed there.
  rmSync(join(clone, 'claimbench.config.ts'));
  assert.match(
    await refused(clone, ['--base', first], 2),
    /this clone is shallow and does not have it: run git fetch/,
  );
  const outside = temporaryFolder(t);
  assert.match(
    await refused(outside, ['--base', 'HEAD'], 2),
    /lies in no git repository: give a folder, npm:/,
  );
  assert.match(
    await refused(outside, ['--base', './nothing'], 2),
    /--base \.\/nothing: there is no such folder/,
  );
  assert.match(await refused(outside, ['--base', '.'], 1), /is the working tree itself/);
});

test('a base that cannot be made ready: by its package manager, by its own set-up, or when it is loaded', async (t) => {
  const folder = repository(t);
  const { devDependencies, ...rest } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const dependencies = { nothing: 'file:./nothing.tgz' };
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ ...rest, dependencies }));
  git(folder, 'commit', '--quiet', '--all', '--message', 'break it');
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ ...rest, devDependencies }));
  const line = await refused(folder, ['--base', 'HEAD'], 2);
  assert.match(line, /^claimbench: the base could not be made ready: npm install .*: .*nothing/);
  writeFileSync(
    join(folder, 'failing.json'),
    JSON.stringify({ check: { contenders: ['./strategy.ts'], setup: 'echo no such thing >&2; exit 3' } }),
  );
  assert.match(
    await refused(folder, ['--base', 'HEAD', '--config', 'failing.json'], 2),
    /could not be made ready: echo no such thing .*: no such thing; give what does it as check\.setup/,
  );
  const sound = readFileSync(join(folder, 'strategy.ts'), 'utf8');
  writeFileSync(join(folder, 'strategy.ts'), `throw new Error('not today');\n${sound}`);
  git(folder, 'commit', '--quiet', '--all', '--message', 'break the strategy');
  writeFileSync(join(folder, 'strategy.ts'), sound);
  assert.match(
    await refused(folder, ['--base', 'HEAD'], 2),
    /^claimbench: HEAD: the strategy file .*: not today$/,
  );
  assert.deepEqual(leftovers(folder), { worktrees: 1, folders: [] });
});

test('a claimbench of before there was a check is named as such', async (t) => {
  const [old, folder] = [temporaryFolder(t), temporaryFolder(t)];
  mkdirSync(join(old, 'harness/contenders'), { recursive: true });
  writeFileSync(join(old, 'package.json'), JSON.stringify({ name: 'claimbench', type: 'module' }));
  writeFileSync(join(old, 'harness/contenders/index.ts'), 'export const CONTENDERS: unknown[] = [];\n');
  const line = await refused(folder, ['--base', old], 2);
  assert.match(line, /is older than this one can measure: .* take a base that has the command check/);
});

test('a contender that the base does not have is nothing to compare with', async (t) => {
  const folder = repository(t);
  writeFileSync(join(folder, 'new.ts'), readFileSync(join(folder, 'strategy.ts')));
  assert.match(
    await refused(folder, ['--base', 'HEAD', '--contender', './new.ts'], 2),
    /HEAD has no \.\/new\.ts: there is nothing to compare with/,
  );
  assert.match(await refused(folder, [], 1), /give what to compare with: --base/);
  assert.match(await refused(folder, ['--base', 'HEAD', '--baseline', 'x'], 1), /give one of them/);
});

test('in a folder of its own, with the dependencies of both where they lock the same; gone after Ctrl-C and SIGKILL', async (t) => {
  const folder = repository(t);
  for (const signal of ['SIGINT', 'SIGKILL'] as const) {
    const running = start(
      [
        'check',
        '--base',
        'HEAD',
        '--server',
        testServer(),
        '--scenario',
        './backlog.yaml',
        '--out',
        `out/${signal}`,
        '--budget',
        '60s',
      ],
      120_000,
      {},
      folder,
    );
    for (let i = 0; i < 300 && !running.stderr().includes('repeat 1'); i += 1) await sleep(100);
    const { folders, worktrees } = leftovers(folder);
    assert.equal(worktrees, 2, running.stderr());
    assert.equal(folders.length, 1);
    const base = join(tmpdir(), folders[0] ?? '', 'base');
    assert.ok(lstatSync(join(base, 'node_modules')).isSymbolicLink());
    running.child.kill(signal);
    const { code } = await running.finished;
    assert.equal(code, signal === 'SIGINT' ? 130 : null);
    for (let i = 0; i < 100 && existsSync(base); i += 1) await sleep(100);
    assert.ok(!existsSync(base), signal);
  }
  // What a killed check left in the repository, the next one forgets.
  await refused(folder, ['--base', 'HEAD', '--contender', './new.ts'], 1);
  git(folder, 'worktree', 'prune');
  assert.equal(leftovers(folder).worktrees, 1);
});

test('a folder within a repository is compared with itself in the base', async (t) => {
  const top = temporaryFolder(t);
  git(top, 'init', '--quiet');
  const folder = join(top, 'packages/queue');
  makeGuardedRepository(folder);
  execFileSync('rm', ['-rf', join(folder, '.git')]);
  git(top, 'add', '.');
  git(top, 'commit', '--quiet', '--message', 'a monorepo');
  const { code, stderr, stdout } = await claimbenchIn(
    folder,
    ...[
      'check',
      '--base',
      'HEAD',
      '--server',
      testServer(),
      '--scenario',
      './backlog.yaml',
      '--out',
      'out/x',
    ],
    ...['--budget', '10s', '--json'],
  );
  assert.ok(code === 0 || code === 4, stderr);
  const document = JSON.parse(stdout);
  assert.equal(document.base.kind, 'ref');
  assert.equal(document.base.commit, document.head.commit);
  assert.equal(document.head.changed, false);
  assert.match(document.base.dependencies, /those of the working tree/);
});

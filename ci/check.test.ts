// Does the action's script give the check its words, keep its exit code, and leave its summary, bundle and base where they are looked for?

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { temporaryFolder } from '../testing/command.ts';

const SCRIPTS = ['check.sh', 'comment.sh'].map((name) => path.join(import.meta.dirname, name));
const [SCRIPT = ''] = SCRIPTS;
const MAIN = path.resolve(import.meta.dirname, '../cli/main.ts');

/** A claimbench that writes down its words, leaves a summary, and ends as it is told to. */
const FAKE = `#!/usr/bin/env bash
printf '%s\\n' "$@" >"$NOTES/words"
while [ $# -gt 0 ]; do
  if [ "$1" = --out ]; then mkdir -p "$2/check" && echo '## The verdict' >"$2/check/check.md"; fi
  shift
done
exit "$CODE"
`;

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Of the claimbench that was called; absent where none was. */
  readonly words: readonly string[] | undefined;
  readonly summary: string;
  readonly outputs: Readonly<Record<string, string>>;
}

/** A folder of a caller who has a claimbench installed. */
function caller(t: TestContext): string {
  const folder = realpathSync(temporaryFolder(t));
  program(path.join(folder, 'node_modules/.bin/claimbench'), FAKE);
  return folder;
}

function program(file: string, text: string): void {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, text);
  chmodSync(file, 0o755);
}

/** Runs the script as a runner does, in `folder`; `env` is what action.yml gives it. */
function check(t: TestContext, folder: string, env: Readonly<Record<string, string>>): Ended {
  const notes = temporaryFolder(t);
  const [output, summary] = [path.join(notes, 'output'), path.join(notes, 'summary')];
  const { status, stdout, stderr } = spawnSync('bash', [SCRIPT], {
    cwd: folder,
    encoding: 'utf8',
    timeout: 120_000,
    env: {
      ...{ HOME: notes, NOTES: notes, CODE: '0', npm_config_update_notifier: 'false' },
      PATH: [notes, path.dirname(process.execPath), process.env['PATH']].join(path.delimiter),
      ...{
        GITHUB_OUTPUT: output,
        GITHUB_STEP_SUMMARY: summary,
        GITHUB_ACTION_PATH: path.join(notes, 'action'),
      },
      // A base that is none of git's, unless a test is about that.
      ...{ CHECK_BASE: './base', CHECK_OUT: 'out/check', CHECK_UNDECIDED: 'warn' },
      ...env,
    },
  });
  const read = (file: string): string => (existsSync(file) ? readFileSync(file, 'utf8') : '');
  const words = read(path.join(notes, 'words'));
  return {
    ...{ code: status, stdout, stderr, summary: read(summary) },
    words: words === '' ? undefined : words.trimEnd().split('\n'),
    outputs: Object.fromEntries(
      read(output)
        .split('\n')
        .flatMap((line) => (line === '' ? [] : [line.split(/=(.*)/s, 2)])),
    ),
  };
}

const ANSWERS: readonly (readonly [number, Readonly<Record<string, string>>, number, RegExp])[] = [
  [0, {}, 0, /^$/],
  [99, {}, 99, /^::error title=claimbench check::This change makes the queue worse/m],
  [3, {}, 3, /^::error .*lost, duplicated or reordered/m],
  [4, {}, 0, /^::warning .*Too little/m],
  [4, { CHECK_UNDECIDED: 'fail' }, 4, /^::error .*Too little/m],
  [2, {}, 2, /^::error .*exit code 2/m],
  [1, {}, 1, /^::error .*asked for in a wrong way/m],
  [130, {}, 130, /^::error .*exit code 130/m],
];
for (const [code, env, ends, said] of ANSWERS)
  test(`a check that ends with ${code} ends the step with ${ends}${code === 4 ? `, with undecided: ${env['CHECK_UNDECIDED'] ?? 'warn'}` : ''}`, (t) => {
    const folder = caller(t);
    const ended = check(t, folder, { CODE: String(code), ...env });
    assert.equal(ended.code, ends, ended.stderr);
    assert.match(ended.stdout, said);
    assert.equal(ended.summary, '## The verdict\n');
    assert.deepEqual(ended.outputs, { bundle: `${folder}/out/check`, 'exit-code': String(code) });
  });

test('inputs become words as they are, lists line by line, and the real command line takes them', (t) => {
  const ended = check(t, caller(t), {
    CHECK_BUDGET: '90s',
    CHECK_CONTENDERS: '\n  skip-locked\r\n\nbatch?batch=100&wakeup=poll\n',
    CHECK_SCENARIOS: 'gate-drain\ngate-steady',
    CHECK_CONFIG: 'with blank.json',
  });
  const expected = [
    ...['check', '--base', './base', '--out', 'out/check', '--budget', '90s', '--config', 'with blank.json'],
    ...['--contender', 'skip-locked', '--contender', 'batch?batch=100&wakeup=poll'],
    ...['--scenario', 'gate-drain', '--scenario', 'gate-steady'],
  ];
  assert.deepEqual(ended.words, expected);
  const folder = temporaryFolder(t);
  writeFileSync(path.join(folder, 'with blank.json'), '{}');
  const real = spawnSync(process.execPath, [MAIN, ...expected], { cwd: folder, encoding: 'utf8' });
  assert.match(real.stderr, /^claimbench: --base \.\/base: there is no such folder\n$/);
  assert.equal(real.status, 2);
});

test('nothing in an input is run, or ends up as an output or a command of its own', (t) => {
  const folder = caller(t);
  const hostile = '$(touch ran) `touch ran`; touch ran "\'';
  const ended = check(t, folder, { CHECK_CONTENDERS: hostile, CHECK_SCENARIOS: hostile });
  assert.deepEqual(ended.words?.slice(-4), ['--contender', hostile, '--scenario', hostile]);
  assert.equal(existsSync(path.join(folder, 'ran')), false);
  for (const env of [
    { CHECK_OUT: 'out\nexit-code=0' },
    { CHECK_UNDECIDED: 'no\n::stop-commands::x' },
    { CHECK_FOLDER: 'none\n::stop-commands::x' },
  ]) {
    const refused = check(t, folder, env);
    assert.equal(refused.code, 1);
    assert.equal(refused.words, undefined);
    assert.match(refused.stdout, /^::error title=claimbench check::[^\n]+\n$/);
    assert.deepEqual(refused.outputs, { 'exit-code': '1' });
  }
});

test('another folder, and a bundle outside of it', (t) => {
  const folder = caller(t);
  mkdirSync(path.join(folder, 'packages/queue'), { recursive: true });
  const below = check(t, folder, { CHECK_FOLDER: 'packages/queue', CODE: '99' });
  assert.equal(below.code, 99, 'the claimbench of a folder above');
  assert.equal(below.outputs['bundle'], `${folder}/packages/queue/out/check`);
  assert.equal(below.summary, '## The verdict\n');
  const apart = check(t, folder, { CHECK_OUT: `${folder}/elsewhere` });
  assert.equal(apart.outputs['bundle'], `${folder}/elsewhere`);
  assert.equal(apart.summary, '## The verdict\n');
});

test('without one of the caller’s it is the claimbench beside the action, which is installed once', (t) => {
  const folder = temporaryFolder(t);
  const action = path.join(temporaryFolder(t), 'of action');
  program(path.join(action, 'cli/main.ts'), `const code: number = 99;\nprocess.exit(code);\n`);
  const tools = temporaryFolder(t);
  const env = {
    GITHUB_ACTION_PATH: action,
    PATH: [tools, path.dirname(process.execPath), process.env['PATH']].join(path.delimiter),
  };
  program(path.join(tools, 'npm'), `#!/bin/sh\necho "$PWD: $*" >>'${tools}/installed'\nexit 7\n`);
  const failed = check(t, folder, env);
  assert.deepEqual([failed.code, failed.outputs['exit-code']], [2, '2']);
  assert.match(failed.stdout, /^::error .*npm ci failed/m);
  program(
    path.join(tools, 'npm'),
    `#!/bin/sh\nmkdir node_modules && touch node_modules/.package-lock.json\necho "$PWD: $*" >>'${tools}/installed'\n`,
  );
  for (let n = 0; n < 2; n += 1) assert.equal(check(t, folder, env).code, 99);
  assert.deepEqual(
    readFileSync(path.join(tools, 'installed'), 'utf8').trimEnd().split('\n'),
    Array(2).fill(`${realpathSync(action)}: ci --omit=dev --ignore-scripts --no-audit --no-fund`),
  );
});

/** An origin of three commits on main, and one of a branch; and a clone that holds the last one of main. */
function shallowClone(t: TestContext): { readonly folder: string; readonly commits: readonly string[] } {
  const origin = path.join(temporaryFolder(t), 'origin');
  const folder = path.join(temporaryFolder(t), 'clone');
  mkdirSync(origin);
  git(origin, 'init', '--quiet', '--initial-branch=main');
  for (const name of ['first', 'second', 'third']) commit(origin, name);
  const commits = git(origin, 'rev-list', '--reverse', 'main').split('\n');
  git(origin, 'switch', '--quiet', '--create', 'release', 'main~2');
  commit(origin, 'fourth');
  git(origin, 'switch', '--quiet', 'main');
  git(path.dirname(folder), 'clone', '--quiet', '--depth=1', `file://${origin}`, folder);
  program(path.join(folder, 'node_modules/.bin/claimbench'), FAKE);
  return { folder, commits: [...commits, git(origin, 'rev-parse', 'release')] };
}

function commit(folder: string, name: string): void {
  git(
    ...([folder, '-c', 'user.name=t', '-c', 'user.email=t@example.org'] as const),
    ...['commit', '--quiet', '--allow-empty', '--no-gpg-sign', '-m', name],
  );
}

function git(cwd: string, ...words: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync('git', words, { cwd, encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return stdout.trim();
}

test('a base that a shallow clone lacks is fetched: a commit, the one before, a branch', (t) => {
  const { folder, commits } = shallowClone(t);
  const [first = '', second = '', , onRelease = ''] = commits;
  const base = (asked: string): string => {
    const { code, words, stderr } = check(t, folder, { CHECK_BASE: asked, CHECK_OUT: `out/${asked.length}` });
    assert.equal(code, 0, stderr);
    const given = words?.[2] ?? '';
    assert.equal(git(folder, 'cat-file', '-t', given), 'commit');
    return given;
  };
  assert.equal(git(folder, 'rev-list', '--count', 'HEAD'), '1');
  assert.equal(base(''), 'HEAD~1');
  assert.equal(git(folder, 'rev-parse', 'HEAD~1'), second);
  assert.equal(base(first), first);
  assert.equal(base('origin/release'), onRelease);
  assert.equal(base('HEAD'), 'HEAD');
});

test('a base that cannot be fetched is said, and left to the command; what is no commit is not asked for', (t) => {
  const { folder } = shallowClone(t);
  const ended = check(t, folder, { CHECK_BASE: 'nowhere', CODE: '2' });
  assert.equal(ended.code, 2);
  assert.match(ended.stdout, /^::warning .*nowhere could not be fetched/m);
  assert.deepEqual(ended.words?.slice(0, 3), ['check', '--base', 'nowhere']);
  for (const asked of [
    'npm:claimbench@0.1.0',
    '../release',
    '/srv/release',
    '--upload-pack=touch ran',
    'main:refs/heads/x',
  ]) {
    const { words, stdout } = check(t, folder, { CHECK_BASE: asked });
    assert.equal(words?.[2], asked);
    assert.doesNotMatch(stdout, /could not be fetched/);
  }
  assert.equal(git(folder, 'branch', '--format=%(refname:short)'), 'main');
});

test('shellcheck finds nothing to say', (t) => {
  if (spawnSync('shellcheck', ['--version']).status !== 0) return t.skip('shellcheck is not installed here');
  const { status, stdout } = spawnSync('shellcheck', SCRIPTS, { encoding: 'utf8' });
  assert.equal(status, 0, stdout);
});

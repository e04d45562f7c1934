// Does `init ci` write a workflow and a configuration that work, where they belong, and nothing over what is there?

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { temporaryFolder } from '../../testing/command.ts';
import { type Config, readConfig } from '../check/config.ts';
import { checkCommand } from './check.ts';
import { forgeOfRemotes } from './init.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const CONFIG = 'claimbench.config.ts';
const GITHUB = '.github/workflows/claimbench.yml';
const GITLAB = '.gitlab-ci.claimbench.yml';

const template = (name: string): string => readFileSync(path.join(ROOT, 'cli/templates', name), 'utf8');
const textOf = (folder: string, file: string): string => readFileSync(path.join(folder, file), 'utf8');

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function init(folder: string, ...words: readonly string[]): Ended {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [path.join(ROOT, 'cli/main.ts'), 'init', 'ci', ...words],
    { cwd: folder, encoding: 'utf8' },
  );
  return { code: status, stdout, stderr };
}

function repository(t: TestContext, remote?: string): string {
  const folder = temporaryFolder(t);
  const git = (...words: readonly string[]) =>
    assert.equal(spawnSync('git', words, { cwd: folder }).status, 0);
  git('init', '--quiet');
  if (remote !== undefined) git('remote', 'add', 'origin', remote);
  return folder;
}

test('a workflow and a configuration are written, and the next step is told', (t) => {
  const folder = temporaryFolder(t);
  const { code, stdout, stderr } = init(folder);
  assert.deepEqual([code, stderr], [0, '']);
  assert.match(
    stdout,
    new RegExp(`^wrote ${GITHUB}\nwrote ${CONFIG}\n\nNext:\n {2}1\\. .*npm install --save-dev`),
  );
  assert.equal(textOf(folder, GITHUB), template('github.yml'));
  assert.equal(textOf(folder, CONFIG), template(CONFIG));
});

test('a workflow that is there is refused in one line, with nothing written, unless forced', (t) => {
  const folder = temporaryFolder(t);
  mkdirSync(path.join(folder, '.github/workflows'), { recursive: true });
  writeFileSync(path.join(folder, GITHUB), 'mine');
  const refused = init(folder, '--github');
  assert.deepEqual(refused, {
    ...{ code: 1, stdout: '' },
    stderr: `claimbench: ${GITHUB} is there already: give --force to write it anew\n`,
  });
  assert.equal(textOf(folder, GITHUB), 'mine');
  assert.deepEqual(readdirSync(folder), ['.github']);
  assert.equal(init(folder, '--github', '--force').code, 0);
  assert.equal(textOf(folder, GITHUB), template('github.yml'));
  assert.ok(existsSync(path.join(folder, CONFIG)));
});

for (const name of [CONFIG, 'claimbench.config.mjs', 'claimbench.config.js', 'claimbench.config.json'])
  test(`${name} is kept, with --force too`, async (t) => {
    const folder = temporaryFolder(t);
    writeFileSync(path.join(folder, name), 'no configuration');
    await assert.rejects(readConfig(undefined, folder), new RegExp(name), 'it is one that a check reads');
    const { code, stdout } = init(folder, '--force');
    assert.equal(code, 0);
    assert.match(stdout, new RegExp(`^kept ${name}$`, 'm'));
    assert.equal(textOf(folder, name), 'no configuration');
    assert.deepEqual(readdirSync(folder).sort(), ['.github', name]);
  });

test('the forge is the one of the flag, else that of the remote; both flags are refused', (t) => {
  const folder = repository(t, 'git@gitlab.example.org:me/github-tools.git');
  const { code, stdout } = init(folder);
  assert.equal(code, 0);
  assert.match(stdout, /add to \.gitlab-ci\.yml: include: \[\{ local: \/\.gitlab-ci\.claimbench\.yml \}\]/);
  assert.equal(textOf(folder, GITLAB), template('gitlab.yml'));
  assert.equal(existsSync(path.join(folder, '.github')), false);
  assert.equal(init(folder, '--github').code, 0);
  assert.equal(textOf(folder, GITHUB), template('github.yml'));
  const both = init(folder, '--github', '--gitlab');
  assert.equal(both.code, 1);
  assert.match(both.stderr, /^claimbench: [^\n]*; see claimbench init ci --help\n$/);
});

test('remotes tell the forge by their host, origin before others; what tells nothing is GitHub', () => {
  const forge = (...lines: readonly string[]) =>
    forgeOfRemotes(lines.map((line) => `${line.replace(' ', '\t')} (fetch)\n`).join(''));
  assert.equal(forge('origin https://gitlab.com/me/queue.git'), 'gitlab');
  assert.equal(forge('origin https://token:x@GitLab.example.org:8443/me/github.git'), 'gitlab');
  assert.equal(forge('origin ssh://git@gitlab.example.org:2222/me/queue'), 'gitlab');
  assert.equal(forge('origin gitlab.example.org:me/queue'), 'gitlab');
  assert.equal(forge('origin https://github.com/me/gitlab-tools'), 'github');
  assert.equal(forge('origin git@github.com:me/gitlab'), 'github');
  assert.equal(forge('origin https://git.example.org/gitlab/queue'), 'github');
  assert.equal(forge('origin /srv/gitlab/queue.git'), 'github');
  assert.equal(forge('a https://gitlab.com/a/b', 'origin https://github.com/a/b'), 'github');
  assert.equal(forge('mirror https://gitlab.com/a/b'), 'gitlab');
  assert.equal(forge(), 'github');
});

test('below the top of a repository the workflow lies at the top, the configuration here', (t) => {
  const top = repository(t);
  const folder = path.join(top, 'packages/queue');
  mkdirSync(folder, { recursive: true });
  const { code, stdout } = init(folder);
  assert.equal(code, 0);
  assert.match(stdout, /1\. in the workflow, put packages\/queue for each working-directory/);
  assert.deepEqual(readdirSync(folder), [CONFIG]);
  assert.equal(textOf(top, GITHUB), template('github.yml'));
});

test('a folder that cannot be written is a failure in one line', (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(path.join(folder, '.github'), 'a file');
  const { code, stderr } = init(folder);
  assert.equal(code, 2);
  assert.match(stderr, /^claimbench: \.github\/workflows\/claimbench\.yml could not be written: [^\n]+\n$/);
});

/** All there are: the compiler refuses a key too few. */
const KEYS: Readonly<Record<keyof Required<Config['check']>, true>> = {
  ...{ contenders: true, scenarios: true, budget: true, setup: true, minEffect: true, limits: true },
};

/** Where `claimbench/config` is what it is for a user: that of a package in node_modules. */
async function configOf(t: TestContext, text: string): Promise<Config['check']> {
  const folder = temporaryFolder(t);
  mkdirSync(path.join(folder, 'node_modules'));
  symlinkSync(ROOT, path.join(folder, 'node_modules/claimbench'));
  writeFileSync(path.join(folder, CONFIG), text);
  return (await readConfig(undefined, folder)).check;
}

test('the configuration is accepted and changes nothing; with its lines it has every key, at the defaults that it names', async (t) => {
  assert.deepEqual(
    await configOf(t, template(CONFIG)),
    (await readConfig(undefined, temporaryFolder(t))).check,
  );
  const whole = await configOf(t, template(CONFIG).replaceAll(/^( *)\/\/ (?=[a-zA-Z]+: .*,$)/gm, '$1'));
  assert.deepEqual(Object.keys(whole).sort(), Object.keys(KEYS).sort());
  const help = checkCommand(() => {})
    .helpInformation()
    .replaceAll(/\s+/g, ' ');
  assert.ok(help.includes(`(repeatable; default: ${whole.contenders?.join(' and ')})`));
  assert.ok(help.includes(`(repeatable; default: ${whole.scenarios?.join(' and ')})`));
  assert.ok(help.includes(`(default: ${whole.budget})`));
  assert.equal(whole.minEffect, (await readConfig(undefined, temporaryFolder(t))).check.minEffect);
});

// Does the command that builds stand-ins leave others' images alone, and say in a line what it cannot do?

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';

import { dockerMissing } from '../../testing/docker.ts';
import { docker } from './engine.ts';

function build(...words: string[]) {
  const file = path.join(import.meta.dirname, 'build.ts');
  return spawnSync(process.execPath, ['--import', 'tsx', file, ...words], {
    encoding: 'utf8',
    timeout: 60_000,
  });
}

for (const [what, words, said] of [
  ['an unknown image', ['grafana'], /^docker:stand-in: there is no stand-in "grafana": see --help\n$/],
  ['an unknown major', ['--pg', '18,9'], /^docker:stand-in: --pg takes majors from 14 to 18, .*: not "9"\n$/],
  ['an unknown option', ['--tag', 'x'], /^docker:stand-in: Unknown option '--tag'.*: see --help\n$/],
  ['one name for two', ['--pg', '18,17', '--as', 'x:1'], /^docker:stand-in: --as names one image, and 2 /],
] as const) {
  test(`${what} is refused in one line`, () => {
    const { status, stderr } = build(...words);
    assert.match(stderr, said);
    assert.equal(status, 1);
  });
}

test('an image of that name that is no stand-in stays as it is', { skip: dockerMissing() ?? false }, () => {
  const name = `claimbench-test-foreign:${process.pid}`;
  const id = docker(['import', '-', name], { input: '\0'.repeat(1024) });
  try {
    const { status, stderr } = build('postgres', '--as', name);
    assert.equal(
      stderr,
      `docker:stand-in: ${name} is there and no stand-in: it is left alone; choose another --as\n`,
    );
    assert.equal(status, 1);
    assert.equal(docker(['image', 'inspect', '--format', '{{.Id}}', name]), id);
  } finally {
    docker(['image', 'rm', name]);
  }
});

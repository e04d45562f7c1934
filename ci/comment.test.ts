// Does a pull request get one comment, which is written anew, and does nothing of it ever fail the job?

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { temporaryFolder } from '../testing/command.ts';

/** Notes its words and what it was given to write; answers a list with what FOUND says. */
const GH = `#!/usr/bin/env bash
printf '%s\\n' "$*" >>"$NOTES/calls"
for word in "$@"; do case $word in body=@*) cat "\${word#body=@}" >"$NOTES/body" ;; esac; done
case $* in *--paginate*) printf "$FOUND" ;; esac
exit "$CODE"
`;

interface Commented {
  readonly code: number | null;
  readonly stdout: string;
  readonly calls: readonly string[];
  readonly body: string;
}

function comment(
  t: TestContext,
  summary: string | undefined,
  env: Readonly<Record<string, string>>,
): Commented {
  const notes = temporaryFolder(t);
  writeFileSync(path.join(notes, 'gh'), GH);
  chmodSync(path.join(notes, 'gh'), 0o755);
  mkdirSync(path.join(notes, 'bundle/check'), { recursive: true });
  if (summary !== undefined) writeFileSync(path.join(notes, 'bundle/check/check.md'), summary);
  const { status, stdout } = spawnSync('bash', [path.join(import.meta.dirname, 'comment.sh')], {
    encoding: 'utf8',
    env: {
      ...{ PATH: `${notes}:${process.env['PATH']}`, NOTES: notes, FOUND: '', CODE: '0' },
      ...{ CHECK_BUNDLE: path.join(notes, 'bundle'), CHECK_FOLDER: '.', CHECK_PULL_REQUEST: '7' },
      GITHUB_REPOSITORY: 'me/queue',
      ...env,
    },
  });
  const read = (name: string): string =>
    existsSync(path.join(notes, name)) ? readFileSync(path.join(notes, name), 'utf8') : '';
  return { code: status, stdout, calls: read('calls').split('\n').filter(Boolean), body: read('body') };
}

test('the first check writes a comment, the next one writes it anew', (t) => {
  const first = comment(t, '## Worse\n', {});
  assert.equal(first.code, 0);
  assert.match(
    first.calls[1] ?? '',
    /^api --silent --method POST repos\/me\/queue\/issues\/7\/comments -F body=@/,
  );
  assert.equal(first.body, '<!-- claimbench check of . -->\n## Worse\n');
  const next = comment(t, '## Fine\n', { FOUND: '11\\n12\\n' });
  assert.match(
    next.calls[1] ?? '',
    /^api --silent --method PATCH repos\/me\/queue\/issues\/comments\/12 -F body=@/,
  );
  assert.equal(next.body, '<!-- claimbench check of . -->\n## Fine\n');
});

test('each folder has its own, and a folder’s name cannot leave the mark', (t) => {
  const { calls, body } = comment(t, '## Fine\n', { CHECK_FOLDER: 'a --> "|b' });
  assert.match(body, /^<!-- claimbench check of a_{7}b -->\n/);
  assert.equal(calls[0]?.includes('a --> "|b'), false);
});

test('without a summary nothing is asked; a token that may only read is a warning', (t) => {
  assert.deepEqual(comment(t, undefined, {}), { code: 0, stdout: '', calls: [], body: '' });
  const refused = comment(t, '## Fine\n', { CODE: '1' });
  assert.equal(refused.code, 0);
  assert.match(refused.stdout, /^::warning title=claimbench check::.*pull-requests: write/);
});

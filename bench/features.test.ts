// Do the yardsticks of the features run to their ends?

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';

const PROGRAM = path.resolve(import.meta.dirname, 'features.ts');

test('each yardstick of the features gives a figure for all that it is to measure', async () => {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--import', 'tsx', PROGRAM, '--smoke', '--contender', 'packed-lease'],
    { timeout: 170_000 },
  ).catch((error: { readonly stdout: string; readonly code: number }) => {
    // What so few jobs show may miss any target; that is one, and anything else is none.
    assert.equal(error.code, 1, String(error));
    return error;
  });
  const figures = stdout.split('\n').filter((line) => /^(ok|MISSED|open|\s{6})\s+packed-lease/.test(line));
  assert.equal(figures.length, 5 + 16 + 2, stdout);
  for (const line of figures) assert.match(line, /: -?[\d.e-]+( MB)?;? /, line);
  assert.doesNotMatch(stdout, /not measured|NaN|not in use/, stdout);
});

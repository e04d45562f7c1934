// Is the example's queue sound, and do its pull requests still apply?

import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { claimbench, temporaryFolder, testServer } from '../../testing/command.ts';
import { makeGuardedRepository } from '../../testing/guarded-repository.ts';
import { BAD, GOOD } from './pulls.ts';

const STRATEGY = resolve(import.meta.dirname, 'strategy.ts');

test('its queue loses nothing and keeps its order, whatever dies', async (t) => {
  const { code, stderr } = await claimbench(
    ...[
      'run',
      '--scale',
      'smoke',
      '--scenario',
      'steady',
      '--scenario',
      'worker-crash',
      '--scenario',
      'poison',
    ],
    ...['--contender', STRATEGY, '--repeats', '1', '--server', testServer()],
    ...['--out', join(temporaryFolder(t), 'bundle')],
  );
  // A busy machine makes cells void; none may be incorrect.
  assert.ok(code === 0 || code === 4, stderr);
});

test('every pull request applies to the repository as it is', (t) => {
  const pulls = [GOOD, ...BAD];
  for (const { name } of pulls) {
    const folder = join(temporaryFolder(t), name);
    makeGuardedRepository(folder, name);
    assert.ok(existsSync(join(folder, 'strategy.ts')));
  }
  const files = readdirSync(join(import.meta.dirname, 'pulls')).toSorted();
  assert.deepEqual(files, pulls.map(({ name }) => `${name}.patch`).toSorted());
});

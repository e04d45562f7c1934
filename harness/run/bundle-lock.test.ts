// Has a bundle one writer at a time, and does a dead one's lock hold nobody up?

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { UsageError } from '../errors.ts';
import { thisOwner } from '../server/owner.ts';
import { lockBundle } from './bundle-lock.ts';

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'claimbench-lock-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

test('a living writer is named, and leaves nothing behind', (t) => {
  const at = folder(t);
  {
    using _lock = lockBundle(at);
    assert.throws(
      () => lockBundle(at),
      (error) => error instanceof UsageError && error.message.includes(`process ${process.pid} on`),
    );
  }
  assert.deepEqual(readdirSync(at), []);
});

test('the lock of a process that has gone is taken over; one that cannot be told is not', (t) => {
  const at = folder(t);
  const path = join(at, 'writer.json');
  // A number that was a process a moment ago.
  const { pid } = spawnSync('true');
  writeFileSync(path, JSON.stringify({ ...thisOwner(), pid }));
  {
    using _lock = lockBundle(at);
    assert.ok(existsSync(path));
  }
  assert.deepEqual(readdirSync(at), []);
  writeFileSync(path, JSON.stringify({ ...thisOwner(), host: 'elsewhere' }));
  assert.throws(() => lockBundle(at), /process \d+ on elsewhere.*delete/);
  writeFileSync(path, '');
  assert.throws(() => lockBundle(at), /another process.*delete/);
  assert.deepEqual(readdirSync(at), ['writer.json']);
});

// Does a PgBouncer keep its secrets, and go with its owner, however that ends?

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { chmod, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { z } from 'zod';
import { eventually } from '../../queue/eventually.ts';
import { withoutPooler } from '../../testing/pooler.ts';
import { sweepLeftovers } from '../server/private-folder.ts';
import { isAlive } from '../server/processes.ts';
import { findPgBouncer } from './pgbouncer.ts';

const OWNER = resolve(import.meta.dirname, '../../testing/pooler-owner.ts');
const WITHIN_MS = 20_000;

/** With a blank, as a folder for temporary files may have. */
let base: string;

before(async () => {
  base = await mkdtemp(join(tmpdir(), 'claimbench pooler '));
  await chmod(base, 0o777);
});
after(() => rm(base, { recursive: true, force: true }));

async function leftovers(): Promise<readonly string[]> {
  return (await readdir(base)).filter((name) => name.startsWith('claimbench-pg-'));
}

async function owned(): Promise<{
  readonly owner: ChildProcess;
  readonly pid: number;
  readonly folder: string;
}> {
  const owner = spawn(process.execPath, [OWNER], {
    env: { PATH: process.env['PATH'], TMPDIR: base, HOME: base },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const timer = setTimeout(() => owner.kill('SIGKILL'), WITHIN_MS);
  const line = await new Promise<string>((done) => {
    owner.stdout.once('data', (text) => done(String(text)));
    owner.once('exit', () => done('{}'));
  });
  clearTimeout(timer);
  const { pid } = z.object({ pid: z.int() }).parse(JSON.parse(line));
  const [name] = await leftovers();
  assert.ok(name !== undefined);
  return { owner, pid, folder: join(base, name) };
}

async function watchdogOf(folder: string): Promise<number> {
  for (const name of await readdir('/proc')) {
    const line = await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '');
    if (/^\d+$/.test(name) && line.includes(`claimbench-watchdog\0${folder}`)) return Number(name);
  }
  throw new Error('there is no watchdog');
}

test('there is none at a path where nothing is', () => {
  assert.equal(findPgBouncer('/no/such/pgbouncer'), undefined);
});

describe('the end of its owner', { skip: withoutPooler }, () => {
  test('SIGKILL: the watchdog ends it and removes its files, which only it could read', async () => {
    const { owner, pid, folder } = await owned();
    try {
      assert.ok(isAlive(pid));
      for (const name of ['users.txt', 'pgbouncer.ini'])
        assert.equal((await stat(join(folder, name))).mode & 0o777, 0o600);
      assert.equal((await stat(folder)).mode & 0o777, 0o700);
      const line = process.platform === 'linux' ? await readFile(`/proc/${pid}/cmdline`, 'utf8') : '';
      assert.ok(!line.includes('secret'));
    } finally {
      owner.kill('SIGKILL');
    }
    await eventually(
      async () => !isAlive(pid) && (await leftovers()).length === 0,
      'process and files are gone',
    );
  });

  test('what even the watchdog did not survive is swept', {
    skip: process.platform !== 'linux' && 'finds the watchdog in /proc',
  }, async () => {
    const { owner, pid, folder } = await owned();
    process.kill(await watchdogOf(folder), 'SIGKILL');
    owner.kill('SIGKILL');
    await eventually(async () => owner.exitCode !== null || owner.signalCode !== null, 'the owner is gone');
    assert.ok(isAlive(pid), 'the pooler is orphaned');
    await sweepLeftovers(base);
    await eventually(
      async () => !isAlive(pid) && (await leftovers()).length === 0,
      'process and files are gone',
    );
  });
});

// Does an embedded server start fast, keep others out, and leave nothing behind, however its owner ends?

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';

import { isForUser, UsageError } from '../errors.ts';
import { connect, withConnection } from './connect.ts';
import { startEmbedded } from './embedded.ts';
import { isAlive } from './processes.ts';
import type { ConnectionSettings } from './server.ts';

const TEST = { applicationName: 'test' };
const OWNER = path.resolve(import.meta.dirname, '../../testing/embedded-owner.ts');
const ownerSchema = z.object({ pid: z.int(), dataDirectory: z.string(), uid: z.int() });

/** A folder for temporary files of this file's own, so that what is left in it is ours; with spaces on purpose. */
let base: string;
let systemTmp: string | undefined;

before(async () => {
  systemTmp = process.env['TMPDIR'];
  base = await mkdtemp(path.join(tmpdir(), 'claimbench test with spaces '));
  await chmod(base, 0o777);
  process.env['TMPDIR'] = base;
});

after(async () => {
  if (systemTmp === undefined) delete process.env['TMPDIR'];
  else process.env['TMPDIR'] = systemTmp;
  await rm(base, { recursive: true, force: true });
});

async function leftovers(folder = base): Promise<readonly string[]> {
  return (await readdir(folder)).filter((name) => name.startsWith('claimbench-pg-'));
}

async function eventually(
  what: string,
  holds: () => boolean | Promise<boolean>,
  timeoutMs = 30_000,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await holds())) {
    assert.ok(performance.now() < deadline, `within ${timeoutMs} ms: ${what}`);
    await sleep(50);
  }
}

async function ask<T extends object>(settings: ConnectionSettings, sql: string): Promise<T> {
  return withConnection(settings, TEST, async (client) => {
    const { rows } = await client.query<T>(sql);
    assert.ok(rows[0]);
    return rows[0];
  });
}

/** Starts the owner program in a process group of its own. */
function startOwner(
  args: readonly string[] = [],
  options: { uid?: number; gid?: number; tmp?: string } = {},
): ChildProcess {
  const { tmp = base, ...ids } = options;
  return spawn(process.execPath, [OWNER, ...args], {
    env: { PATH: process.env['PATH'], TMPDIR: tmp, HOME: tmp },
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
    ...ids,
  });
}

async function ready(owner: ChildProcess): Promise<z.infer<typeof ownerSchema>> {
  const signal = AbortSignal.timeout(60_000);
  assert.ok(owner.stdout);
  for await (const chunk of owner.stdout) {
    signal.throwIfAborted();
    return ownerSchema.parse(JSON.parse(String(chunk)));
  }
  throw new Error('the owner ended before its server was ready');
}

async function ended(owner: ChildProcess): Promise<number | null> {
  if (owner.exitCode !== null || owner.signalCode !== null) return owner.exitCode;
  return new Promise((resolve) => owner.once('exit', resolve));
}

describe('a running server', () => {
  test('is ready within five seconds, durable, and gone without a trace once disposed', async () => {
    const start = performance.now();
    const server = await startEmbedded();
    const readyMs = performance.now() - start;
    try {
      assert.ok(readyMs < 5_000, `ready after ${readyMs} ms`);
      assert.match(server.version, /^18\./);
      await using database = await server.openDatabase('first');
      assert.match(database.connection.database, /^claimbench_first_[0-9a-f]{8}$/);
      const facts = await ask<Record<string, string>>(
        database.connection,
        `SELECT current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS commit,
                current_setting('full_page_writes') AS pages, current_setting('server_encoding') AS encoding,
                (SELECT extname FROM pg_extension WHERE extname = 'pg_stat_statements') AS extension`,
      );
      assert.deepEqual(facts, {
        fsync: 'on',
        commit: 'on',
        pages: 'on',
        encoding: 'UTF8',
        extension: 'pg_stat_statements',
      });
    } finally {
      await server[Symbol.asyncDispose]();
    }
    assert.ok(server.pid !== undefined && !isAlive(server.pid));
    assert.deepEqual(await leftovers(), []);
  });

  test('asks for the password, hides its files, and runs as somebody other than root', async () => {
    await using server = await startEmbedded();
    await using database = await server.openDatabase('locked');
    await assert.rejects(connect({ ...database.connection, password: 'guess' }, TEST), (error: unknown) => {
      assert.ok(error instanceof UsageError);
      assert.match(error.message, /wrong password/);
      return true;
    });
    const folder = path.dirname(server.dataDirectory ?? '');
    const stats = await stat(folder);
    assert.equal(stats.mode & 0o777, 0o700);
    assert.notEqual(stats.uid, 0);
    assert.ok(!(await readdir(folder)).includes('password'));
  });

  test('drops a database although somebody is connected to it', async () => {
    await using server = await startEmbedded();
    await using witness = await server.openDatabase('witness');
    const database = await server.openDatabase('dropped');
    const client = await connect(database.connection, TEST);
    await database[Symbol.asyncDispose]();
    const { found } = await ask<{ found: string }>(
      witness.connection,
      `SELECT count(*) AS found FROM pg_database WHERE datname = '${database.connection.database}'`,
    );
    assert.equal(found, '0');
    await client.end().catch(() => {});
  });

  test('counts its CPU time', { skip: process.platform !== 'linux' && 'needs /proc' }, async () => {
    await using server = await startEmbedded();
    await using database = await server.openDatabase('busy');
    assert.ok(server.cpuUs);
    const beforeUs = server.cpuUs();
    await ask(database.connection, 'SELECT count(*) FROM generate_series(1, 3000000)');
    assert.ok(server.cpuUs() - beforeUs > 50_000, 'three million rows take more than 50 ms of CPU');
  });

  test('stays on the cores that it was pinned to', {
    skip: process.platform !== 'linux' && 'needs taskset',
  }, async () => {
    await using server = await startEmbedded({ cpus: [0] });
    const status = await readFile(`/proc/${server.pid}/status`, 'utf8');
    assert.match(status, /^Cpus_allowed_list:\s+0$/m);
    await assert.rejects(startEmbedded({ cpus: [] }), UsageError);
  });

  test('two at once, in a path with spaces, do not meet', async () => {
    const servers = await Promise.all([startEmbedded(), startEmbedded()]);
    const [one, two] = servers;
    assert.notEqual(one.pid, two.pid);
    await one[Symbol.asyncDispose]();
    await using database = await two.openDatabase('still_there');
    assert.deepEqual(await ask(database.connection, 'SELECT 1 AS one'), { one: 1 });
    await database[Symbol.asyncDispose]();
    await two[Symbol.asyncDispose]();
    assert.deepEqual(await leftovers(), []);
  });
});

describe('the end of its owner', () => {
  test('SIGKILL: the watchdog stops the server and removes every file', async () => {
    const owner = startOwner();
    const { pid, dataDirectory } = await ready(owner);
    assert.ok(isAlive(pid) && dataDirectory.startsWith(base));
    owner.kill('SIGKILL');
    await eventually(
      'server and files are gone',
      async () => !isAlive(pid) && (await leftovers()).length === 0,
    );
  });

  test('SIGKILL while initdb runs leaves nothing either', async () => {
    const owner = startOwner();
    await eventually('initdb has begun', async () => {
      const [name] = await leftovers();
      return name !== undefined && existsSync(path.join(base, name, 'data'));
    });
    owner.kill('SIGKILL');
    await eventually('the files are gone', async () => (await leftovers()).length === 0);
    await sleep(1_000);
    assert.deepEqual(await leftovers(), [], 'and stay gone');
  });

  test('Ctrl-C, sent to the whole process group, finds the server still answering', async () => {
    const owner = startOwner(['tidy']);
    const { pid } = await ready(owner);
    assert.ok(owner.pid);
    process.kill(-owner.pid, 'SIGINT');
    assert.equal(await ended(owner), 130);
    assert.ok(!isAlive(pid));
    await eventually('the files are gone', async () => (await leftovers()).length === 0, 5_000);
  });

  test('Ctrl-C that the owner does not handle is cleared up, too', async () => {
    const owner = startOwner();
    const { pid } = await ready(owner);
    assert.ok(owner.pid);
    process.kill(-owner.pid, 'SIGINT');
    await eventually(
      'server and files are gone',
      async () => !isAlive(pid) && (await leftovers()).length === 0,
    );
  });

  test('what even the watchdog did not survive is swept by the next start, the living are left alone', {
    skip: process.platform !== 'linux' && 'finds the watchdog in /proc',
  }, async () => {
    const living = await startEmbedded();
    const owner = startOwner();
    const { pid, dataDirectory } = await ready(owner);
    const folder = path.dirname(dataDirectory);
    const watchdog = await findProcess(`claimbench-watchdog ${folder}`);
    process.kill(watchdog, 'SIGKILL');
    owner.kill('SIGKILL');
    await ended(owner);
    assert.ok(isAlive(pid), 'the server is orphaned');
    const next = await startEmbedded();
    await eventually(
      'the orphan is gone',
      async () => !isAlive(pid) && !(await leftovers()).includes(path.basename(folder)),
    );
    assert.ok(living.pid !== undefined && isAlive(living.pid));
    await using database = await living.openDatabase('alive');
    assert.deepEqual(await ask(database.connection, 'SELECT 1 AS one'), { one: 1 });
    await database[Symbol.asyncDispose]();
    await Promise.all([living[Symbol.asyncDispose](), next[Symbol.asyncDispose]()]);
    assert.deepEqual(await leftovers(), []);
  });

  test('an ordinary user owns a server as root does', {
    skip: process.getuid?.() !== 0 && 'only root can become another user',
  }, async () => {
    const tmp = await mkdtemp(path.join(base, 'of nobody '));
    await chmod(tmp, 0o777);
    const owner = startOwner(['tidy'], { uid: 65_534, gid: 65_534, tmp });
    const { pid, uid, dataDirectory } = await ready(owner);
    assert.equal(uid, 65_534);
    assert.equal((await stat(dataDirectory)).uid, 65_534);
    owner.kill('SIGINT');
    assert.equal(await ended(owner), 130);
    assert.ok(!isAlive(pid));
    assert.deepEqual(await leftovers(tmp), []);
  });
});

async function findProcess(words: string): Promise<number> {
  for (const name of await readdir('/proc')) {
    const line = await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '');
    if (/^\d+$/.test(name) && line.replaceAll('\0', ' ').includes(words)) return Number(name);
  }
  throw new Error(`no process ${words}`);
}

describe('every major', () => {
  for (const version of ['14', '15', '16', '17'] as const) {
    test(`PostgreSQL ${version}`, async (context) => {
      const server = await startEmbedded({ version }).catch((error: unknown) => {
        if (isForUser(error) && /could not fetch|not published/.test(error.message)) return error.message;
        throw error;
      });
      if (typeof server === 'string') return context.skip(server);
      await using running = server;
      assert.ok(running.version.startsWith(`${version}.`));
      await using database = await running.openDatabase('major');
      assert.deepEqual(await ask(database.connection, 'SELECT 1 AS one'), { one: 1 });
    });
  }
});

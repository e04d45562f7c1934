// Does a server in a container start fast, under the limits that it was given, and leave nothing behind, however its owner ends?

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import path from 'node:path';
import { describe, test } from 'node:test';
import { mayTag } from '../../../docker/stand-in/engine.ts';
import { eventually } from '../../../queue/eventually.ts';
import { containersOf, killContainer, portsOf, volumesLeft, volumesOf } from '../../../testing/containers.ts';
import { dockerMissing, testImage } from '../../../testing/docker.ts';
import { isForUser, RuntimeFailure, UsageError } from '../../errors.ts';
import { captureEnvironment } from '../../measure/environment.ts';
import { withConnection } from '../connect.ts';
import type { PostgresServer } from '../server.ts';
import { findEngine } from './engine.ts';
import { startContainer } from './start.ts';
import { type ContainerWords, parseWishes } from './wishes.ts';

const TEST = { applicationName: 'test' };
const OWNER = path.resolve(import.meta.dirname, '../../../testing/container-owner.ts');
const skip = dockerMissing() ?? false;

function start(
  words: ContainerWords = {},
  rest: Partial<Parameters<typeof startContainer>[0]> = {},
): Promise<PostgresServer> {
  return startContainer({ wishes: parseWishes({ image: testImage(), ...words }), ...rest });
}

/** Of this machine, but not loopback. */
function otherAddresses(): readonly string[] {
  return Object.values(networkInterfaces()).flatMap((all) =>
    (all ?? []).flatMap(({ internal, address, family }) => (internal || family !== 'IPv4' ? [] : [address])),
  );
}

async function connects(host: string, port: number): Promise<void> {
  const socket = connect({ host, port, timeout: 5_000 });
  try {
    await once(socket, 'connect');
  } finally {
    socket.destroy();
  }
}

describe('a server in a container', { skip }, () => {
  test('is ready within five seconds, durable, known from outside, and gone without a trace', async () => {
    let volumes: readonly string[] = [];
    const startedMs = performance.now();
    const server = await start();
    const readyMs = performance.now() - startedMs;
    try {
      assert.ok(readyMs < 5_000, `ready after ${readyMs} ms`);
      volumes = volumesOf(containersOf());
      assert.ok(volumesLeft(volumes).length > 0);
      assert.equal(server.kind, 'docker');
      await using database = await server.openDatabase('first');
      const environment = await captureEnvironment({ server, connection: database.connection });
      assert.equal(environment.server.durable, true);
      assert.equal(environment.sharedMachine, true);
      assert.equal(environment.server.container?.image, testImage());
      assert.match(environment.server.container?.imageId ?? '', /^sha256:[0-9a-f]{64}$/);
      assert.equal(environment.server.settings['shared_preload_libraries'], 'pg_stat_statements');
      // Where the engine is this machine's, its processes are seen as those of an embedded server are.
      assert.ok((server.cpuUs?.() ?? 0) > 0);
      assert.ok(server.processes?.().some(({ kind }) => kind === 'checkpointer'));
      const { rows } = await withConnection(database.connection, TEST, (client) =>
        client.query<{ n: number }>('SELECT count(*)::int AS n FROM pg_stat_statements'),
      );
      assert.ok((rows[0]?.n ?? 0) > 0);
      assert.equal(await server.whyGone?.(), undefined);
    } finally {
      await server[Symbol.asyncDispose]();
    }
    assert.deepEqual(containersOf(), []);
    assert.deepEqual(volumesLeft(volumes), []);
  });

  test('runs under the limits that it was given, as its control groups say', async () => {
    await using server = await start({ cpus: 1.5, memory: '512m', cpuset: '0' });
    assert.deepEqual(server.container?.limits, { cpus: 1.5, cpuset: '0', memoryBytes: 2 ** 29 });
  });

  test('shares the network of the machine, on loopback alone', async () => {
    await using server = await start({ network: 'host' });
    await using database = await server.openDatabase('host');
    const { host, port } = database.connection;
    assert.equal(host, '127.0.0.1');
    assert.equal(server.container?.route, 'host network');
    await connects(host, port);
    for (const address of otherAddresses()) await assert.rejects(connects(address, port), address);
  });

  test('publishes its port on loopback alone', async () => {
    await using server = await start();
    assert.ok(server.pid);
    const published = containersOf().flatMap(portsOf);
    assert.equal(published.length, 1);
    assert.match(published[0] ?? '', /^5432\/tcp -> 127\.0\.0\.1:\d+$/);
  });

  test('in memory it is not durable, whatever its settings say', async () => {
    await using server = await start({ storage: 'tmpfs:400m' });
    await using database = await server.openDatabase('memory');
    const environment = await captureEnvironment({ server, connection: database.connection });
    assert.equal(environment.server.settings['fsync'], 'on');
    assert.equal(environment.server.durable, false);
  });

  test('has the settings and extensions that were asked for', async () => {
    await using server = await start({}, { settings: { work_mem: '13MB' }, extensions: ['pgcrypto'] });
    await using database = await server.openDatabase('asked');
    const { rows } = await withConnection(database.connection, TEST, (client) =>
      client.query<{ mem: string; digest: string }>(
        `SELECT current_setting('work_mem') AS mem, encode(digest('x', 'md5'), 'hex') AS digest`,
      ),
    );
    assert.deepEqual(rows, [{ mem: '13MB', digest: '9dd4e461268c8034f5c8564e155c67a6' }]);
    assert.match(server.extensions?.['pgcrypto'] ?? '', /^\d/);
  });

  test('is removed, with its volume, when its owner is killed', async () => {
    const owner = spawn(process.execPath, [OWNER, testImage()], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(owner.stdout, 'data', { signal: AbortSignal.timeout(60_000) })) as [Buffer];
    const { pid } = JSON.parse(String(line)) as { pid: number };
    const containers = containersOf(owner.pid);
    assert.equal(containers.length, 1);
    const volumes = volumesOf(containers);
    owner.kill('SIGKILL');
    await eventually(
      () => containersOf(owner.pid).length === 0 && !existsSync(`/proc/${pid}`),
      'its container is gone',
    );
    await eventually(() => volumesLeft(volumes).length === 0, 'its volume is gone');
  });

  test('says why it ended, by its own log', async () => {
    await using server = await start();
    for (const id of containersOf()) killContainer(id);
    await eventually(() => !existsSync(`/proc/${server.pid}/stat`), 'it has ended');
    assert.match((await server.whyGone?.()) ?? '', /its container ended with code 137/);
  });
});

describe('what cannot be had is refused in one line', { skip }, () => {
  for (const [what, words, rest, kind, says] of [
    [
      'an image that is nowhere',
      { image: '127.0.0.1:1/none:1' },
      {},
      RuntimeFailure,
      /image 127\.0\.0\.1:1\/none:1 is not here and cannot be fetched/,
    ],
    [
      'more processors than there are',
      { cpus: 999 },
      {},
      UsageError,
      /the Docker engine refuses such a container/,
    ],
    [
      'a processor that is not there',
      { cpuset: '999' },
      {},
      UsageError,
      /the Docker engine refuses such a container/,
    ],
    [
      'a setting that is none',
      {},
      { settings: { shared_buffers: 'lots' } },
      UsageError,
      /--setting shared_buffers: invalid value for parameter "shared_buffers".*; correct it or leave it out/,
    ],
    [
      'an extension that the image has not',
      {},
      { extensions: ['no_such'] },
      UsageError,
      /--extension no_such: .*leave it out, or take --server docker/,
    ],
    [
      'another version than the image has',
      {},
      { version: '9' },
      UsageError,
      /is PostgreSQL \d+\.\d+, and --pg says 9/,
    ],
    ['cores said twice', { cpuset: '0' }, { cpus: [1] }, UsageError, /--cpuset and --pin/],
  ] as const) {
    test(what, async () => {
      await assert.rejects(start(words, rest), (error: unknown) => {
        assert.ok(isForUser(error) && error instanceof kind, String(error));
        assert.match(error.message, says);
        assert.doesNotMatch(error.message, /\n/);
        return true;
      });
      assert.deepEqual(containersOf(), []);
    });
  }
});

describe('a standby', () => {
  const image = process.env['CLAIMBENCH_TEST_STANDBY_IMAGE'] ?? standbyImage();

  test('streams from its container, and goes with it', { skip: dockerMissing(image) ?? false }, async () => {
    {
      await using server = await start({ image });
      assert.ok(server.openStandby);
      await using standby = await server.openStandby({ feedback: true });
      const { rows } = await withConnection(standby.connection, TEST, (client) =>
        client.query<{ standby: boolean; feedback: string }>(
          `SELECT pg_is_in_recovery() AS standby, current_setting('hot_standby_feedback') AS feedback`,
        ),
      );
      assert.deepEqual(rows, [{ standby: true, feedback: 'on' }]);
      await using database = await server.openDatabase('slot');
      const slots = () =>
        withConnection(database.connection, TEST, async (client) => {
          const found = await client.query<{ slot_name: string; active: boolean }>(
            'SELECT slot_name, active FROM pg_replication_slots',
          );
          return found.rows;
        });
      assert.deepEqual(await slots(), [{ slot_name: standby.slot, active: true }]);
      await standby.stop();
      await eventually(async () => (await slots())[0]?.active === false, "its slot is nobody's");
      await standby[Symbol.asyncDispose]();
      assert.deepEqual(await slots(), []);
    }
    assert.deepEqual(containersOf(), []);
  });
});

/** One with pg_basebackup: an official image has it, the stand-in of the embedded binaries has not. */
function standbyImage(): string {
  // Under whatever name: what may be replaced is a stand-in.
  return mayTag(testImage()) ? 'claimbench/stand-in-postgres:17' : testImage();
}

test('the engine that is found is the one that is asked', { skip }, async () => {
  assert.match((await findEngine()).info.containerRuntime.operatingSystem, /./);
});

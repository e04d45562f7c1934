// Is a server in a container that was stopped and started again the same one, where it was?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { containersOf } from '../../../testing/containers.ts';
import { dockerMissing, testImage } from '../../../testing/docker.ts';
import { connect, withConnection } from '../connect.ts';
import type { PostgresServer } from '../server.ts';
import { startContainer } from './start.ts';
import { parseWishes } from './wishes.ts';

const TEST = { applicationName: 'test' };
const skip = dockerMissing() ?? false;

for (const network of ['bridge', 'host'] as const)
  test(`at its address, with its data, in the network ${network}`, { skip }, async () => {
    const wishes = parseWishes({ image: testImage(), ...(network === 'host' ? { network } : {}) });
    const server: PostgresServer = await startContainer({ wishes });
    try {
      const { connection } = await server.openDatabase('restarted');
      const { restart } = server;
      if (server.container?.route === 'published port') return assert.equal(restart, undefined);
      assert(restart);
      await withConnection(connection, TEST, (client) => client.query('CREATE TABLE kept AS SELECT 1 AS n'));
      for (const mode of ['immediate', 'fast'] as const) {
        const session = await connect(connection, TEST);
        const { pid, dataDirectory } = server;
        const usedUs = server.cpuUs?.() ?? 0;
        const restarting = restart(mode, { downMs: 100 });
        assert.equal(await server.whyGone?.(), undefined, 'a server that is restarted is not gone');
        const { wentUs, readyUs } = await restarting;
        assert.ok(readyUs - wentUs >= 100_000);
        await assert.rejects(session.query('SELECT 1'));
        const { rows } = await withConnection(connection, TEST, (client) =>
          client.query('SELECT n FROM kept'),
        );
        assert.deepEqual(rows, [{ n: 1 }]);
        assert.equal(await server.whyGone?.(), undefined);
        if (pid === undefined) continue;
        assert.notEqual(server.pid, pid);
        assert.notEqual(server.dataDirectory, dataDirectory);
        assert.ok(server.processes?.().some((one) => one.pid === server.pid));
        assert.ok((server.cpuUs?.() ?? 0) >= usedUs - 20_000);
      }
    } finally {
      await server[Symbol.asyncDispose]();
    }
    assert.deepEqual(containersOf(), []);
  });

test('what lies in memory would be gone: such a server is not restarted', { skip }, async () => {
  await using server = await startContainer({
    wishes: parseWishes({ image: testImage(), storage: 'tmpfs:400m' }),
  });
  assert.equal(server.restart, undefined);
});

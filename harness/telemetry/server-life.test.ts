// Is a server that crashed, or whose counters were reset, noticed, and nothing else taken for it?

import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseScenario } from '../../cli/scenarios.ts';
import { temporaryFolder } from '../../testing/command.ts';
import { serverOfVersion } from '../../testing/server-of-version.ts';
import { runCell } from '../cell/cell.ts';
import type { CellOutcome } from '../cell/result.ts';
import { parseContender } from '../contenders/index.ts';
import { cellSchema } from '../result/result.ts';
import { withConnection } from '../server/connect.ts';
import type { ConnectionSettings, PostgresServer } from '../server/server.ts';
import { inOwnSession } from './server-costs.ts';
import { lifeBroken, readLife, type ServerLife } from './server-life.ts';

const CRASHED = 'the server crashed and recovered while the load ran: its counters began anew';
const SELF = { applicationName: 'killer' };

/** As the kernel does when memory is short: one backend dies, and the server with all its processes begins anew. */
async function killOneBackend(connection: ConnectionSettings): Promise<void> {
  const pid = await withConnection(connection, SELF, async (client) => {
    const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    const pid = rows[0]?.pid;
    assert.ok(pid !== undefined);
    client.on('error', () => undefined);
    process.kill(pid, 'SIGKILL');
    return pid;
  });
  await recovered(connection, pid);
}

async function recovered(connection: ConnectionSettings, dead: number): Promise<void> {
  const deadline = performance.now() + 20_000;
  for (;;) {
    try {
      await withConnection(connection, SELF, async (client) => {
        const { rows } = await client.query('SELECT FROM pg_stat_activity WHERE pid = $1', [dead]);
        assert.equal(rows.length, 0, 'still the old one');
      });
      return;
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await sleep(50);
    }
  }
}

for (const version of ['18', '14'] as const) {
  describe(`PostgreSQL ${version}`, () => {
    const found = serverOfVersion(version);

    test('a crash and a reset are told apart, with and without privileges', async (t) => {
      const { server } = found;
      if (server === undefined) return t.skip(found.why);
      await using cell = await server.openDatabase('life');
      await withConnection(cell.connection, SELF, (client) =>
        client.query(`CREATE ROLE plain LOGIN PASSWORD 'plain'; CREATE TABLE kept (id int)`),
      );
      const plain = { connection: { ...cell.connection, user: 'plain', password: 'plain' } };
      const both = async (): Promise<readonly [ServerLife, ServerLife]> => [
        await inOwnSession(cell, readLife),
        await inOwnSession({ ...cell, ...plain }, readLife),
      ];
      const said = (before: readonly ServerLife[], after: readonly ServerLife[]) =>
        before.map((one, i) => lifeBroken(one, after[i] ?? one));

      const first = await both();
      assert.ok(first.every(({ processes }) => processes.length > 0));
      await withConnection(cell.connection, SELF, (client) =>
        client.query('INSERT INTO kept SELECT generate_series(1, 10000); CHECKPOINT'),
      );
      const second = await both();
      assert.deepEqual(said(first, second), [undefined, undefined]);

      await withConnection(cell.connection, SELF, (client) =>
        client.query(`SELECT pg_stat_reset_shared('wal')`),
      );
      await sleep(1_000);
      const third = await both();
      for (const one of said(second, third)) assert.match(one ?? '', /counters were reset/);

      await killOneBackend(cell.connection);
      const fourth = await both();
      assert.deepEqual(said(third, fourth), [CRASHED, CRASHED]);
      assert.match(
        lifeBroken(third[0], { ...third[0], startedUs: 1 }) ?? '',
        /^the server was started again/,
      );
      // Where the processes are hidden altogether, the counters tell.
      const hidden = (life: ServerLife) => ({ ...life, processes: [] });
      assert.match(lifeBroken(hidden(third[1]), hidden(fourth[1])) ?? '', /or by a crash/);
    });
  });
}

describe('a cell', () => {
  const found = serverOfVersion('18');

  async function drained(t: TestContext, server: PostgresServer, kill: boolean): Promise<CellOutcome> {
    await using beside = await server.openDatabase('beside');
    const scenario = parseScenario(
      {
        name: 'crash',
        question: 'What if the server crashes under a drain?',
        workers: { agents: 1, connections: 4 },
        preload: { ready: 40_000 },
        phases: [{ label: 'drain', seconds: 8 }],
      },
      'crash',
    );
    let killing: Promise<void> | undefined;
    const outcome = await runCell(
      {
        id: 'crash',
        block: 0,
        order: 0,
        repeat: 0,
        scenario,
        contender: parseContender('skip-locked', () => ''),
        seed: 1,
      },
      {
        server,
        scratchDir: temporaryFolder(t),
        ceilingFor: async () => undefined,
        signal: new AbortController().signal,
        onProgress: ({ stage, settledPerSec = 0 }) => {
          if (kill && stage === 'running' && settledPerSec > 0)
            killing ??= killOneBackend(beside.connection).catch((error: unknown) =>
              t.diagnostic(String(error)),
            );
        },
      },
    );
    await killing;
    assert.equal(killing !== undefined, kill, 'killed under the load');
    cellSchema.parse(outcome.cell);
    return outcome;
  }

  test('over whose drain the server crashed is invalid, and has no costs', async (t) => {
    const { server } = found;
    if (server === undefined) return t.skip(found.why);
    const { cell } = await drained(t, server, true);
    assert.notEqual(cell.verdict, 'valid');
    assert.ok(cell.reasons.includes(CRASHED), cell.reasons.join('; '));
    assert.equal(cell.cost?.walBytesPerJob, undefined);
    assert.equal(cell.cost?.commitsPerJob, undefined);
    assert.equal(cell.telemetry?.wal, undefined);
  });

  test('over whose drain nothing happened has costs, and no such reason', async (t) => {
    const { server } = found;
    if (server === undefined) return t.skip(found.why);
    const { cell } = await drained(t, server, false);
    assert.ok(!cell.reasons.includes(CRASHED), cell.reasons.join('; '));
    assert.ok((cell.cost?.commitsPerJob ?? 0) > 0);
    assert.ok((cell.telemetry?.wal?.records ?? 0) > 0);
  });
});

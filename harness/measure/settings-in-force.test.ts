// Are servers that were set apart told apart, those set alike not, and is nothing recorded that may be a secret?

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { sameSurroundings } from '../../reports/surroundings.ts';
import { testServer } from '../../testing/command.ts';
import { dockerMissing, testImage } from '../../testing/docker.ts';
import { serverOfVersion } from '../../testing/server-of-version.ts';
import type { Environment } from '../result/result.ts';
import { withConnection } from '../server/connect.ts';
import { startContainer } from '../server/container/start.ts';
import { parseWishes } from '../server/container/wishes.ts';
import { startEmbedded } from '../server/embedded.ts';
import { openServer } from '../server/index.ts';
import type { CellDatabase, PostgresServer } from '../server/server.ts';
import { captureEnvironment } from './environment.ts';

async function run(cell: CellDatabase, ...statements: readonly string[]): Promise<void> {
  await withConnection(cell.connection, { applicationName: 'test' }, async (client) => {
    for (const sql of statements) await client.query(sql);
  });
}

async function environmentOf(server: PostgresServer, given: readonly string[] = []): Promise<Environment> {
  await using cell = await server.openDatabase('settings');
  await run(cell, ...given.map((sql) => sql.replace('THIS', `"${cell.connection.database}"`)));
  return await captureEnvironment({ server, connection: cell.connection });
}

/** Opens, looks, closes. */
async function once(
  open: () => Promise<PostgresServer>,
  given: readonly string[] = [],
): Promise<{ readonly environment: Environment; readonly settings: Readonly<Record<string, string>> }> {
  await using server = await open();
  const environment = await environmentOf(server, given);
  return { environment, settings: environment.server.settings };
}

describe('servers that are set alike differ in nothing:', () => {
  test('two embedded ones', async () => {
    const [one, two] = [await once(() => startEmbedded({})), await once(() => startEmbedded({}))];
    assert.deepEqual(sameSurroundings(one.environment, two.environment), []);
    // What the harness sets for every server is in the list, or decides nothing.
    assert.ok(!Object.keys(one.settings).some((name) => /^(port|listen|log_|lc_m|timezone)/i.test(name)));
  });

  test('one at an address, opened twice', async () => {
    const open = () => openServer(testServer());
    const [one, two] = [await once(open), await once(open)];
    assert.deepEqual(sameSurroundings(one.environment, two.environment), []);
  });

  test('two in containers, by whatever network', { skip: dockerMissing() ?? false }, async () => {
    const open = (network: 'bridge' | 'host') => () =>
      startContainer({ wishes: parseWishes({ image: testImage(), network }) });
    const [one, two, host] = [
      await once(open('bridge')),
      await once(open('bridge')),
      await once(open('host')),
    ];
    assert.deepEqual(sameSurroundings(one.environment, two.environment), []);
    assert.deepEqual(one.settings, host.settings);
  });

  test('one of which says what is the default', async () => {
    const settings = { vacuum_cost_limit: '200', commit_delay: '0' };
    const [one, two] = [await once(() => startEmbedded({})), await once(() => startEmbedded({ settings }))];
    assert.deepEqual(sameSurroundings(one.environment, two.environment), []);
  });
});

for (const version of ['18', '14'] as const) {
  describe(`PostgreSQL ${version}`, () => {
    const found = serverOfVersion(version, {
      vacuum_cost_limit: '500',
      bgwriter_lru_maxpages: '7',
      log_min_duration_statement: '0',
      archive_command: 'curl --user me:hidden-word %p',
      primary_conninfo: 'password=hidden-word',
    });

    test('what the file, ALTER SYSTEM, DATABASE and ROLE say is told, with units, and no secret', async (t) => {
      const { server } = found;
      if (server === undefined) return t.skip(found.why);
      const plain = await environmentOf(server);
      const { settings } = plain.server;
      assert.equal(settings['vacuum_cost_limit'], '500');
      assert.equal(settings['bgwriter_lru_maxpages'], '7');
      assert.equal(settings['log_min_duration_statement'], '0');
      assert.equal(settings['archive_command'], 'set, not shown');
      assert.equal(settings['primary_conninfo'], 'set, not shown');
      assert.equal(settings['deadlock_timeout'], undefined);

      const altered = await environmentOf(server, [
        "ALTER SYSTEM SET wal_writer_delay = '350ms'",
        'SELECT pg_reload_conf()',
        "ALTER DATABASE THIS SET deadlock_timeout = '3s'",
        "ALTER ROLE postgres SET temp_buffers = '16MB'",
        "ALTER DATABASE THIS SET app.token = 'hidden-word'",
        'SELECT pg_sleep(0.3)',
      ]);
      assert.deepEqual(sameSurroundings(plain, altered), [
        'deadlock_timeout: not reported and 3s',
        'temp_buffers: not reported and 16MB',
        'wal_writer_delay: not reported and 350ms',
      ]);
      assert.ok(!JSON.stringify([plain, altered]).includes('hidden-word'));
    });
  });
}

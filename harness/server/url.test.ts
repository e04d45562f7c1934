// Does a run on a user's server keep to its own place, leave it as it was, and keep the password to itself?

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:net';
import { describe, test } from 'node:test';

import { testDatabase } from '../../testing/database.ts';
import { startPooler, withoutPooler } from '../../testing/pooler.ts';
import { isForUser, UsageError } from '../errors.ts';
import { withConnection } from './connect.ts';
import { openServer } from './index.ts';
import type { ConnectionSettings } from './server.ts';
import { parseServerAddress } from './server-address.ts';
import { connectUrl } from './url.ts';

type TestDatabase = Awaited<ReturnType<typeof testDatabase>>;
type TestScope = { after(release: () => Promise<void>): void };

const TEST = { applicationName: 'test' };
const SECRET = 's3cr3t/@%#x';

function run(settings: ConnectionSettings, sql: string): Promise<readonly Record<string, unknown>[]> {
  return withConnection(
    settings,
    TEST,
    async (client) => (await client.query<Record<string, unknown>>(sql)).rows,
  );
}

async function exists(admin: ConnectionSettings, database: string): Promise<boolean> {
  return (await run(admin, `SELECT FROM pg_database WHERE datname = '${database}'`)).length > 0;
}

/** A database of a role of its own that may not create databases. */
async function ordinaryRole(
  scope: TestScope,
): Promise<{ readonly url: string; readonly admin: TestDatabase; readonly role: string }> {
  const admin = await testDatabase();
  const role = `plain_${randomBytes(4).toString('hex')}`;
  const { host, port, database } = admin.settings;
  await run(
    admin.settings,
    `CREATE ROLE ${role} LOGIN PASSWORD '${SECRET}'; GRANT CREATE ON DATABASE ${database} TO ${role}`,
  );
  scope.after(async () => {
    await run(admin.settings, `DROP OWNED BY ${role} CASCADE; DROP ROLE ${role}`);
    await admin[Symbol.asyncDispose]();
  });
  return { url: `postgres://${role}:${encodeURIComponent(SECRET)}@${host}:${port}/${database}`, admin, role };
}

async function refusal(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => assert.fail('nothing was refused'),
    (reason: unknown) => reason,
  );
  assert.ok(isForUser(error), String(error));
  assert.doesNotMatch(error.message, /\n/);
  assert.equal(error.cause, undefined);
  return error.message;
}

describe('a role that may create databases', () => {
  test('gets one per cell; each goes when disposed, the rest with the server', async (context) => {
    const admin = await testDatabase(context);
    const server = await connectUrl(admin.url);
    assert.equal(server.kind, 'url');
    const one = await server.openDatabase('one');
    const two = await server.openDatabase('two');
    assert.ok(one.exclusive && one.connection.database !== two.connection.database);
    await one[Symbol.asyncDispose]();
    assert.ok(!(await exists(admin.settings, one.connection.database)));
    await server[Symbol.asyncDispose]();
    assert.ok(!(await exists(admin.settings, two.connection.database)));
  });

  test('drops what a dead run left, not what a living one uses or a stranger made', async (context) => {
    const admin = await testDatabase(context);
    await using living = await connectUrl(admin.url);
    const used = await living.openDatabase('used');
    const suffix = randomBytes(4).toString('hex');
    const dead = `claimbench_dead_${suffix}`;
    const stranger = `claimbench_stranger_${suffix}`;
    await run(admin.settings, `CREATE DATABASE ${dead}`);
    await run(admin.settings, `COMMENT ON DATABASE ${dead} IS 'claimbench run 0: a benchmark cell'`);
    await run(admin.settings, `CREATE DATABASE ${stranger}`);
    try {
      await using _next = await connectUrl(admin.url);
      assert.ok(!(await exists(admin.settings, dead)));
      assert.ok(await exists(admin.settings, stranger));
      assert.ok(await exists(admin.settings, used.connection.database));
    } finally {
      await run(admin.settings, `DROP DATABASE ${stranger}`);
    }
  });
});

describe('a role that may not', () => {
  test('gets one schema, marked, alone, and dropped afterwards', async (context) => {
    const { url, admin } = await ordinaryRole(context);
    const server = await connectUrl(url);
    const cell = await server.openDatabase('cell');
    assert.equal(cell.exclusive, false);
    await run(cell.connection, `CREATE TABLE ${cell.schema}.jobs (id int)`);
    assert.match(await refusal(connectUrl(url)), /another claimbench run is using/);
    await cell[Symbol.asyncDispose]();
    const again = await server.openDatabase('again');
    await again[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
    assert.deepEqual(await run(admin.settings, `SELECT FROM pg_namespace WHERE nspname = 'claimbench'`), []);
    await using _next = await connectUrl(url);
  });

  test('refuses a schema of that name that it did not make', async (context) => {
    const { url, admin } = await ordinaryRole(context);
    await run(admin.settings, 'CREATE SCHEMA claimbench');
    assert.match(await refusal(connectUrl(url)), /schema "claimbench" that claimbench did not make/);
    assert.equal(
      (await run(admin.settings, `SELECT FROM pg_namespace WHERE nspname = 'claimbench'`)).length,
      1,
    );
  });

  test('drops what a dead run left, but not when a stranger has put something into it or built on it', async (context) => {
    const { url, admin, role } = await ordinaryRole(context);
    const server = await connectUrl(url);
    const { connection } = await server.openDatabase('left');
    await run(connection, 'CREATE TABLE claimbench.jobs (id int PRIMARY KEY)');
    await run(admin.settings, 'CREATE TABLE claimbench.precious (id int)');
    assert.match(
      await refusal(Promise.resolve(server[Symbol.asyncDispose]())),
      /holds table claimbench\.precious of role /,
    );
    assert.match(await refusal(connectUrl(url)), /holds table claimbench\.precious/);

    await run(
      admin.settings,
      'DROP TABLE claimbench.precious; CREATE VIEW public.overview AS SELECT * FROM claimbench.jobs',
    );
    assert.match(await refusal(connectUrl(url)), /is used by .*overview/);
    await run(
      admin.settings,
      'DROP VIEW public.overview; CREATE TABLE public.child (job int REFERENCES claimbench.jobs)',
    );
    assert.match(await refusal(connectUrl(url)), /is used by constraint .*child/);

    await run(admin.settings, 'DROP TABLE public.child');
    await using _next = await connectUrl(url);
    assert.deepEqual(await run(admin.settings, `SELECT FROM pg_namespace WHERE nspname = 'claimbench'`), []);
    assert.ok(role);
  });

  test('without CREATE on the database is told what to grant', async (context) => {
    const { url, admin, role } = await ordinaryRole(context);
    await run(admin.settings, `REVOKE CREATE ON DATABASE ${admin.settings.database} FROM ${role}`);
    assert.match(await refusal(connectUrl(url)), /GRANT CREATE ON DATABASE/);
  });
});

describe('an address that leads nowhere', () => {
  test('is one line that says why, and never shows the password', async (context) => {
    const { settings } = await testDatabase(context);
    const secret = encodeURIComponent(SECRET);
    const silent = createServer((socket) => socket.end());
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const address = silent.address();
    assert.ok(address !== null && typeof address === 'object');
    const at = `postgres://${settings.user}:${secret}@${settings.host}:${settings.port}`;
    const good = `postgres://${settings.user}:${encodeURIComponent(settings.password)}@${settings.host}:${settings.port}`;
    const cases: readonly (readonly [string, RegExp])[] = [
      [`${at}/${settings.database}`, /wrong password for user/],
      [`${good}/no_such_database`, /database "no_such_database" does not exist/],
      [`postgres://nobody:${secret}@no-such-host.invalid/x`, /unknown host "no-such-host\.invalid"/],
      [`postgres://nobody:${secret}@127.0.0.1:9/x`, /nothing accepts connections/],
      [`postgres://nobody:${secret}@127.0.0.1:${address.port}/x`, /closed the connection/],
      [`${good}/${settings.database}?sslmode=require`, /does not offer TLS/],
      [`${good}/${settings.database}?sslmode=verify-full`, /does not offer TLS/],
      [`postgres://u:${secret}@%2Fno%2Fsuch/x`, /no socket of a server/],
      [`${at}/x?sslmode=maybe`, /unknown sslmode/],
      [`${at}/x?options=-csearch_path%3Dx`, /parameter "options"/],
      [`${at}/x?sslrootcert=/ca.pem`, /NODE_EXTRA_CA_CERTS/],
      ['postgres://user:12/s3cr3t@host/x', /cannot be read/],
      ['postgres://user:12#s3cr3t@host/x', /cannot be read/],
      ['postgres://user:12?s3cr3t@host/x', /cannot be read/],
      ['postgres://user:s3cr3t%zz@host/x', /percent-encoded|two digits/],
      ['postgres://user:s3cr3t@host:port/x', /cannot be read/],
      ['postgres://user:s3cr3t@one,two/x', /several hosts/],
    ];
    try {
      for (const [url, words] of cases) {
        const message = await refusal(openServer(url));
        assert.match(message, words);
        assert.ok(!message.includes('s3cr3t') && !message.includes(settings.password), message);
      }
    } finally {
      silent.close();
    }
  });

  test('a pooler is refused: its sessions outlive the run', { skip: withoutPooler }, async (context) => {
    const database = await testDatabase(context);
    for (const settings of [{}, { ignore_startup_parameters: 'statement_timeout' }]) {
      await using pooler = await startPooler({ settings });
      const { user, password, host, port } = pooler.through(database);
      const url = `postgres://${user}:${encodeURIComponent(password)}@${host}:${port}/${database.settings.database}`;
      assert.match(
        await refusal(connectUrl(url)),
        /^cannot .*: a pooler answers there: give the server's own address/,
      );
    }
  });

  test('prefer falls back to no TLS where there is none', async (context) => {
    const admin = await testDatabase(context);
    await using server = await connectUrl(`${admin.url}?sslmode=prefer`);
    assert.ok(!server.description.includes(admin.settings.password));
  });

  test('other words for a server are refused plainly', async () => {
    await assert.rejects(openServer('docker', { container: { memory: 'lots' } }), UsageError);
    assert.match(
      await refusal(openServer('mysql://user:s3cr3t@host')),
      /^--server takes embedded, docker, or postgres:/,
    );
    await assert.rejects(openServer('postgres://host/x', { version: '17' }), UsageError);
  });
});

test('an address is read part by part', () => {
  const full = parseServerAddress(
    'postgresql://a%40b:p%3Aq@[::1]:6000/my%20db?sslmode=verify-full&application_name=x',
  );
  assert.deepEqual(full.settings, {
    host: '::1',
    port: 6000,
    user: 'a@b',
    password: 'p:q',
    database: 'my db',
  });
  assert.deepEqual(full.tls, [{ rejectUnauthorized: true }]);
  const socket = parseServerAddress('postgres://me:x@/db?host=/var/run/postgresql');
  assert.equal(socket.settings.host, '/var/run/postgresql');
  const short = parseServerAddress('postgres://me:x@db.example');
  assert.deepEqual(short.settings, {
    host: 'db.example',
    port: 5432,
    user: 'me',
    password: 'x',
    database: 'me',
  });
  assert.deepEqual(short.tls, [undefined]);
});

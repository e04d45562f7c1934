// How does a test get a PostgreSQL database of its own?

import { randomBytes } from 'node:crypto';
import pg from 'pg';

/** Address of a test's database, in parts and as one string. */
export interface TestDatabase extends AsyncDisposable {
  readonly settings: {
    readonly host: string;
    readonly port: number;
    readonly user: string;
    readonly password: string;
    readonly database: string;
  };
  readonly url: string;
}

/** What of `node:test`'s context is needed: a hook that runs when the test has ended. */
interface TestScope {
  after(release: () => Promise<void>): void;
}

async function administer(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

/**
 * Creates an empty database on the server of `CLAIMBENCH_TEST_URL`, and drops it, with whatever is connected to it,
 * when `scope` ends or the result is disposed. Throws when the variable is missing: a test that needs a server and
 * has none must not pass.
 */
export async function testDatabase(scope?: TestScope): Promise<TestDatabase> {
  const serverUrl = process.env['CLAIMBENCH_TEST_URL'];
  if (serverUrl === undefined || serverUrl === '')
    throw new Error(
      'CLAIMBENCH_TEST_URL is not set: run the tests with `npm test`, which starts a server for them',
    );
  const database = `test_${randomBytes(6).toString('hex')}`;
  await administer(serverUrl, `CREATE DATABASE ${database}`);
  const url = new URL(serverUrl);
  url.pathname = `/${database}`;
  let dropped: Promise<void> | undefined;
  const release = (): Promise<void> => {
    dropped ??= administer(serverUrl, `DROP DATABASE IF EXISTS ${database} WITH (FORCE)`);
    return dropped;
  };
  scope?.after(release);
  return {
    settings: {
      host: url.hostname,
      port: Number(url.port || 5432),
      user: decodeURIComponent(url.username),
      password: decodeURIComponent(url.password),
      database,
    },
    url: url.href,
    [Symbol.asyncDispose]: release,
  };
}

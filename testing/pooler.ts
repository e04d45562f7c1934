// How does a test put a PgBouncer in front of the test server?

import { findPgBouncer, type PgBouncerBinary, startPgBouncer } from '../harness/topology/pgbouncer.ts';
import { testServer } from './command.ts';
import type { TestDatabase } from './database.ts';

/** The PgBouncer of `CLAIMBENCH_TEST_PGBOUNCER`, else the system's; absent where there is none. */
export function poolerBinary(): PgBouncerBinary | undefined {
  return findPgBouncer(process.env['CLAIMBENCH_TEST_PGBOUNCER']);
}

/** Why a test that needs a pooler is left out; false where it can run. For the option `skip` of `node:test`. */
export const withoutPooler: string | false =
  poolerBinary() === undefined ? 'there is no pgbouncer: apt-get install pgbouncer' : false;

/** How it pools. */
export interface PoolerOptions {
  /** Default `transaction`. */
  readonly mode?: 'transaction' | 'session';
  /** Connections to the server per database and user; default 4. */
  readonly size?: number;
  /** Further lines of its configuration. */
  readonly settings?: Readonly<Record<string, string | number>>;
  /** Said on each connection to the server, before any client has it. */
  readonly connectQuery?: string;
}

/** A PgBouncer in front of the test server, until it is disposed. */
export interface Pooler extends AsyncDisposable {
  readonly binary: PgBouncerBinary;
  /** The address of `database` through the pooler. */
  through(database: TestDatabase): TestDatabase['settings'];
  /** Ends the process, with every connection through it. */
  stop(): Promise<void>;
  /** Starts it again on the same port. */
  restart(): Promise<void>;
}

/** Starts one on a port of its own. Throws where none is installed: ask `withoutPooler` before. */
export async function startPooler({ size = 4, ...options }: PoolerOptions = {}): Promise<Pooler> {
  const binary = poolerBinary();
  if (binary === undefined) throw new Error('there is no pgbouncer');
  const { hostname, port, username, password } = new URL(testServer());
  const server = {
    host: hostname,
    port: Number(port || 5432),
    user: decodeURIComponent(username),
    password: decodeURIComponent(password),
  };
  const running = await startPgBouncer(binary, { mode: 'transaction', ...options, server, poolSize: size });
  return {
    binary,
    through: ({ settings }) => ({ ...settings, host: '127.0.0.1', port: running.port }),
    stop: () => running.stop(),
    restart: () => running.restart(),
    [Symbol.asyncDispose]: () => running[Symbol.asyncDispose](),
  };
}

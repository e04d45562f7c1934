// What is postgres.js told, so that it manages nothing by itself?

import type { Socket } from 'node:net';
import type postgres from 'postgres';
import { applicationName, type DriverOptions, KEEP_ALIVE_DELAY_MS, sessionOptions } from './options.ts';
import { TYPES } from './postgres-values.ts';

/** Above what anybody leaves unanswered on one connection; postgres.js counts those behind the first. */
const PIPELINED = 10_000;

/** What it calls. */
export interface ClientHooks {
  socket(endpoint: Endpoint): Promise<Socket>;
  onclose(): void;
  onnotice(notice: postgres.Notice): void;
  onnotify(channel: string, payload: string): void;
}

/** Where postgres.js wants to connect to, as it reads it out of an address. */
export interface Endpoint {
  readonly host: readonly string[];
  readonly port: readonly number[];
  readonly path?: string | false;
}

/** Options that postgres.js takes and its types leave out. */
interface MoreOptions extends Pick<ClientHooks, 'socket' | 'onnotify'> {
  readonly max_pipeline: number;
}

type ClientOptions = postgres.Options<Record<string, postgres.PostgresType>> & MoreOptions;

/** What a client of one connection, opened for `purpose` or for the pool, is made with beside a connection string. */
export function clientOptions(
  options: DriverOptions,
  purpose: string | undefined,
  hooks: ClientHooks,
): ClientOptions {
  const commandLine = sessionOptions(options);
  const address =
    'connectionString' in options
      ? {}
      : {
          host: options.host,
          port: options.port,
          user: options.user,
          password: options.password,
          database: options.database,
          ...(options.ssl === undefined ? {} : { ssl: options.ssl }),
        };
  return {
    ...address,
    max: 1,
    // The second statement is held back while `max_pipeline` others wait behind the first: with 0 there is no second.
    max_pipeline: options.pipeline === false ? 0 : PIPELINED,
    prepare: true,
    fetch_types: false,
    types: TYPES,
    connection: {
      application_name: applicationName(options, purpose),
      ...(commandLine === '' ? {} : { options: commandLine }),
    },
    // By default a connection is replaced after half an hour, with whatever its session holds.
    max_lifetime: null,
    idle_timeout: undefined,
    // Ours covers the way to the server as well.
    connect_timeout: 0,
    backoff: () => 0,
    keep_alive: KEEP_ALIVE_DELAY_MS / 1000,
    ...hooks,
  };
}

// What can be asked of any driver, whichever client library it stands on?

import { InvalidArgumentError } from '../errors.ts';
import { requireObject, said } from '../keys.ts';
import type { Statement } from './driver.ts';
import type { OnSession } from './session.ts';

/** Where the server is: its parts, or one `postgres://…` string. */
export type DriverAddress =
  | {
      readonly host: string;
      readonly port: number;
      readonly user: string;
      readonly password: string;
      readonly database: string;
      readonly ssl?: boolean | { readonly ca?: string; readonly rejectUnauthorized?: boolean };
    }
  | { readonly connectionString: string };

/** How a statement travelled. */
export interface Sending {
  /** It left together with the one before it on its connection, so that both cost one round trip. */
  readonly joined: boolean;
  /**
   * A round trip of its own went before it, in which the library asked the server for the types of its parameters:
   * postgres.js does so before it prepares a statement, and each time for one that is not prepared. Or the server has been
   * asked whether it takes the data of a COPY.
   */
  readonly described: boolean;
}

/** Options of a driver beside the address. */
export interface DriverSettings {
  /** Connections in the pool, 1…1,000; default 10. Connections from `connect` are counted apart. */
  readonly max?: number;
  /** What `pg_stat_activity.application_name` shows; default `claimbench`. `connect` appends its purpose. */
  readonly applicationName?: string;
  /** Time to get a connection before the attempt fails, in ms; default 10,000. */
  readonly connectTimeoutMs?: number;
  /**
   * Whether statements that are issued without awaiting travel together, so that a settle and the next claim share one
   * round trip; default true. With false each waits for the answer to the one before it on its connection.
   */
  readonly pipeline?: boolean;
  /**
   * Called for each statement sent, on whatever connection of this driver, BEGIN and COMMIT included. `purpose` is what
   * `connect` was called with, absent for the pool. Must not throw.
   */
  readonly onStatement?: (statement: Statement, sending: Sending, purpose?: string) => void;
  /** Told of an idle pooled connection that died; the pool replaces it. Default: ignored. */
  readonly onIdleError?: (error: Error) => void;
  /**
   * Command-line options that the server gives every session of this driver as it starts, as libpq's `options`:
   * `-c work_mem=8MB`. They come after those of PGOPTIONS, and so go over them. A setting that the role may not make
   * refuses the connection.
   */
  readonly sessionOptions?: string;
  /**
   * Called with each connection before its user sends anything on it, and told of the messages on it (NOTICE, INFO,
   * WARNING). Default: they are ignored.
   */
  readonly onSession?: OnSession;
}

/** Everything that a driver is made of. */
export type DriverOptions = DriverAddress & DriverSettings;

/** Told of the statements of one connection. */
export type Observe = (statement: Statement, sending: Sending) => void;

/** A PostgreSQL identifier keeps 63 bytes, and so does application_name; the server would cut it with a notice. */
const APPLICATION_NAME_BYTES = 63;
/** Silence after which the system asks whether the other end is still there, in ms. */
export const KEEP_ALIVE_DELAY_MS = 10_000;

/** Under which name the server shows a connection that was opened for `purpose`, or one of the pool. */
export function applicationName(settings: DriverSettings, purpose?: string): string {
  const name = [settings.applicationName ?? 'claimbench', purpose].filter((part) => part !== undefined);
  return Buffer.from(name.join(' ')).subarray(0, APPLICATION_NAME_BYTES).toString();
}

/** The command-line options of a session, those of PGOPTIONS first; empty when there are none. */
export function sessionOptions(settings: DriverSettings): string {
  return `${process.env['PGOPTIONS'] ?? ''} ${settings.sessionOptions ?? ''}`.trim();
}

/** Time to get a connection, in ms. */
export function connectTimeoutMs(settings: DriverSettings): number {
  return settings.connectTimeoutMs ?? 10_000;
}

/** Connections of the pool. Throws InvalidArgumentError outside 1…1,000. */
export function poolSize(settings: DriverSettings): number {
  const max = settings.max ?? 10;
  if (!Number.isInteger(max) || max < 1 || max > 1000)
    throw new InvalidArgumentError(`max is ${max}: give 1…1,000 pooled connections`);
  return max;
}

/**
 * Throws InvalidArgumentError for options that say no address, of which the library would make one of its own
 * (localhost), and for a `pipeline` that is no boolean.
 */
export function requireDriverOptions(options: DriverOptions): void {
  requireObject('the options of a driver', options);
  if ('connectionString' in options) requireText('connectionString', options.connectionString);
  else if (options.host === undefined)
    throw new InvalidArgumentError(
      'there is neither connectionString nor host: give connectionString as postgres://user:password@host:port/database',
    );
  else requireText('host', options.host);
  if (options.pipeline !== undefined && typeof options.pipeline !== 'boolean')
    throw new InvalidArgumentError(`pipeline is ${said(options.pipeline)}: give true or false`);
}

function requireText(name: string, given: unknown): void {
  if (typeof given === 'string' && given !== '') return;
  const empty = given === '' ? 'empty' : said(given);
  throw new InvalidArgumentError(
    `${name} is ${empty}: give ${name === 'host' ? 'the name of the server' : 'postgres://user:password@host:port/database'}`,
  );
}

/** Tells the observer of one connection what `onStatement` of its driver is told. */
export function observer({ onStatement }: DriverSettings, purpose?: string): Observe | undefined {
  return onStatement && ((statement, sending) => onStatement(statement, sending, purpose));
}

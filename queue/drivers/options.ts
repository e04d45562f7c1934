// What can be asked of any driver, whichever client library it stands on?

import { InvalidArgumentError } from '../errors.ts';
import { requireFunction, requireKnownKeys, requireObject, requireWholeNumber, said } from '../keys.ts';
import type { PoolerMode, Statement } from './driver.ts';
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
  /** Time to get a connection before the attempt fails, in ms, 1…3,600,000; default 10,000. */
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
  /**
   * The pooler at this address, such as PgBouncer, and its mode; default: found out with the first connection, by two statements
   * and a second connection where there is one.
   */
  readonly pooler?: 'none' | PoolerMode;
  /**
   * Whether statements are prepared once and then run by name; default true, but behind a pooler in transaction mode only where it
   * keeps them (PgBouncer from 1.21 on, with `max_prepared_statements`), which is found out.
   */
  readonly prepare?: boolean;
  /**
   * The server's own address where this one is a pooler's: for LISTEN, and for workers of strategies whose leases end with their
   * connection. Default: there is none, and both do without, or are refused.
   */
  readonly direct?: DriverAddress;
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

/** Connections of the pool. */
export function poolSize(settings: DriverSettings): number {
  return settings.max ?? 10;
}

/** The names of the parts of an address. */
const PARTS = ['host', 'port', 'user', 'password', 'database', 'ssl'] as const;
const ADDRESS: readonly string[] = ['connectionString', ...PARTS];
const SETTINGS: readonly (keyof DriverSettings)[] = [
  'max',
  'applicationName',
  'connectTimeoutMs',
  'pipeline',
  'onStatement',
  'onIdleError',
  'sessionOptions',
  'onSession',
  'pooler',
  'prepare',
  'direct',
];
const OPTIONS: readonly string[] = [...ADDRESS, ...SETTINGS];
const HOUR_MS = 3_600_000;

/** The same settings at the address `direct`; absent where there is none. Behind no pooler, unless it is found out that there is one. */
export function directOptions(options: DriverOptions): DriverOptions | undefined {
  const { direct } = options;
  if (direct === undefined) return undefined;
  const notHere = [...ADDRESS, 'direct', 'pooler', 'prepare'];
  const settings: DriverSettings = Object.fromEntries(
    Object.entries(options).filter(([name]) => !notHere.includes(name)),
  );
  return { ...settings, ...direct };
}

/**
 * Throws InvalidArgumentError for options that say no address, of which the library would make one of its own
 * (localhost), or two, for unknown ones, and for values out of range or of another kind.
 */
export function requireDriverOptions(options: DriverOptions): void {
  requireObject('the options of a driver', options);
  requireKnownKeys('a driver', options, OPTIONS);
  requireAddress(options);
  requireWholeNumber('max', poolSize(options), 1, 1000);
  requireWholeNumber('connectTimeoutMs', connectTimeoutMs(options), 1, HOUR_MS);
  for (const name of ['onStatement', 'onIdleError', 'onSession'] as const)
    requireFunction(name, options[name]);
  for (const name of ['pipeline', 'prepare'] as const) {
    const given = options[name];
    if (given !== undefined && typeof given !== 'boolean')
      throw new InvalidArgumentError(`${name} is ${said(given)}: give true or false`);
  }
  const { pooler, direct } = options;
  if (pooler !== undefined && !POOLERS.includes(pooler))
    throw new InvalidArgumentError(`pooler is ${said(pooler)}: give one of ${POOLERS.join(', ')}`);
  if (direct === undefined) return;
  requireObject('direct', direct);
  requireKnownKeys('direct', direct, ADDRESS);
  requireAddress(direct);
}

const POOLERS: readonly string[] = ['none', 'session', 'transaction'];

function requireAddress(address: DriverAddress): void {
  if ('connectionString' in address) {
    requireText('connectionString', address.connectionString);
    // Not a word of it would be heeded.
    const beside = PARTS.find((name) => name in address);
    if (beside !== undefined)
      throw new InvalidArgumentError(
        `${beside} stands beside connectionString: write it into that, or leave connectionString out`,
      );
    return;
  }
  if (address.host === undefined)
    throw new InvalidArgumentError(
      'there is neither connectionString nor host: give connectionString as postgres://user:password@host:port/database',
    );
  requireText('host', address.host);
  if (address.port !== undefined) requireWholeNumber('port', address.port, 1, 65_535);
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

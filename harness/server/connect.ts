// How does the harness itself talk to a server: connect with a deadline, and say in one line why it could not?

import pg from 'pg';

import { errorCode, oneLine, RuntimeFailure, UsageError } from '../errors.ts';
import type { ConnectionSettings } from './server.ts';

const CONNECT_TIMEOUT_MS = 10_000;
const QUERY_TIMEOUT_MS = 60_000;

export interface ConnectOptions {
  /** Shown in pg_stat_activity. */
  readonly applicationName: string;
  /** Deadline of every statement, ms; default 60 s. */
  readonly queryTimeoutMs?: number;
}

/** `postgres://user@host:port/database`: what messages and reports may say of a connection. No password. */
export function describe(settings: ConnectionSettings): string {
  const host = settings.host.includes(':') ? `[${settings.host}]` : settings.host;
  return `postgres://${settings.user}@${host}:${settings.port}/${settings.database}`;
}

/**
 * Connects. The caller ends the client. A connection that breaks later does not throw by itself: the next statement
 * fails.
 * @throws UsageError or RuntimeFailure that says what, where and the mend, and holds no password.
 */
export async function connect(settings: ConnectionSettings, options: ConnectOptions): Promise<pg.Client> {
  const timeoutMs = options.queryTimeoutMs ?? QUERY_TIMEOUT_MS;
  const client = new pg.Client({
    host: settings.host,
    port: settings.port,
    user: settings.user,
    password: settings.password,
    database: settings.database,
    ssl: settings.ssl ?? false,
    application_name: options.applicationName,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    // The server's own deadline first, so that a late statement is also stopped there.
    statement_timeout: timeoutMs,
    query_timeout: timeoutMs + 5_000,
  });
  client.on('error', () => {});
  try {
    await client.connect();
    return client;
  } catch (error) {
    await client.end().catch(() => {});
    throw explain(error, settings);
  }
}

/** Runs `work` on a connection of its own, which is closed whatever happens. */
export async function withConnection<T>(
  settings: ConnectionSettings,
  options: ConnectOptions,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = await connect(settings, options);
  try {
    return await work(client);
  } finally {
    await client.end().catch(() => {});
  }
}

/** The mend for an address at which no session is the harness's own. */
export const IS_A_POOLER =
  "a pooler answers there: give the server's own address, and put a pooler between by a scenario's topology";

/** SQLSTATE classes and system codes that are the URL's fault, and their mends. */
function mistakeInUrl(code: string, settings: ConnectionSettings): string | undefined {
  switch (code) {
    case '28P01':
      return `wrong password for user "${settings.user}": check it, and percent-encode special characters such as @ : / %`;
    case '28000':
      return `user "${settings.user}" may not connect (no such role, or pg_hba.conf refuses it): check the user, add ?sslmode=require if the server wants TLS, or allow it in pg_hba.conf`;
    case '3D000':
      return `database "${settings.database}" does not exist: create it or name another`;
    case '42501':
      return `user "${settings.user}" lacks the CONNECT privilege on database "${settings.database}": GRANT it`;
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `unknown host "${settings.host}": check its spelling, and that this machine can resolve names`;
    case 'ENOENT':
      return `there is no socket of a server on port ${settings.port} in ${settings.host}: check folder and port`;
    default:
      return undefined;
  }
}

function failureOfServer(code: string): string | undefined {
  switch (code) {
    case 'ECONNREFUSED':
      return 'nothing accepts connections there: start the server, or check host and port';
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'ETIMEDOUT':
      return 'no way to that host: check the network and its firewall';
    case 'ECONNRESET':
    case 'EPIPE':
      return 'the other side closed the connection: check that a PostgreSQL server listens on that port';
    case '53300':
      return 'the server has no connection left: raise max_connections or close others';
    case '57P03':
      return 'the server is starting up or shutting down: try again';
    default:
      return undefined;
  }
}

/** Distinct, as `sslmode=prefer` then tries without. */
export class TlsNotOffered extends UsageError {}

const CERTIFICATE_CODES =
  /^(ERR_TLS_|ERR_SSL_|CERT_|SELF_SIGNED_|DEPTH_ZERO_|UNABLE_TO_|ERR_OSSL|EPROTO$|HOSTNAME_MISMATCH)/;

/** Turns a failed attempt to connect into one line. Of the original error only its code is attached: the rest may hold secrets. */
function explain(error: unknown, settings: ConnectionSettings): UsageError | RuntimeFailure {
  const where = `cannot connect to ${describe(settings)}: `;
  const code = errorCode(error) ?? '';
  const message = withoutPassword(oneLine(error), settings.password);
  const mistake = mistakeInUrl(code, settings);
  if (mistake !== undefined) return new UsageError(where + mistake);
  const failure = failureOfServer(code);
  if (failure !== undefined) return new RuntimeFailure(where + failure, { code });
  if (/does not support SSL/i.test(message)) {
    return new TlsNotOffered(
      `${where}the server does not offer TLS: use sslmode=disable, or turn ssl on in the server`,
    );
  }
  if (/unsupported startup parameter/i.test(message)) {
    return new UsageError(`${where}${IS_A_POOLER}`);
  }
  if (CERTIFICATE_CODES.test(code)) {
    return new UsageError(
      `${where}TLS failed (${code}): set NODE_EXTRA_CA_CERTS to the server's CA file, or use sslmode=require to encrypt without verification`,
    );
  }
  if (/client password must be a string|password is.*empty/i.test(message)) {
    return new UsageError(
      `${where}the server asks for a password: write postgres://${settings.user}:PASSWORD@…, or set PGPASSWORD`,
    );
  }
  if (/timeout/i.test(message)) {
    return new RuntimeFailure(
      `${where}no answer within ${CONNECT_TIMEOUT_MS / 1000} s: check host, port and firewall`,
    );
  }
  if (/terminated unexpectedly|unexpected message|Unknown message/i.test(message)) {
    return new RuntimeFailure(
      `${where}the other side closed the connection: check that a PostgreSQL server listens on that port`,
    );
  }
  return new RuntimeFailure(`${where}${message}${code ? ` (${code})` : ''}`);
}

/** Takes a password, plain or percent-encoded, out of a text. */
function withoutPassword(text: string, password: string): string {
  if (password === '') return text;
  return text.replaceAll(password, '***').replaceAll(encodeURIComponent(password), '***');
}

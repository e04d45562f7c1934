// What does a postgres:// address say, read with care and without ever repeating its password?

import { userInfo } from 'node:os';

import { UsageError } from '../errors.ts';
import type { ConnectionSettings } from './server.ts';

/** A way to try TLS; undefined: none. */
export type Tls = ConnectionSettings['ssl'];

/** What an address says. */
export interface ServerAddress {
  /** Without `ssl`, which is what of `tls` turns out to work. */
  readonly settings: Omit<ConnectionSettings, 'ssl'>;
  /** In the order to try them; never empty. */
  readonly tls: readonly [Tls, ...Tls[]];
}

const FORM =
  'write postgres://user:password@host:port/database, special characters percent-encoded (@ is %40, / is %2F, # is %23)';

/** Without verification, as libpq's `require`. */
const ENCRYPTED = { rejectUnauthorized: false };
/** Node checks the host's name as well, so verify-ca is as strict as verify-full here. */
const VERIFIED = { rejectUnauthorized: true };

const TLS_BY_MODE: Readonly<Record<string, ServerAddress['tls']>> = {
  disable: [undefined],
  allow: [undefined, ENCRYPTED],
  prefer: [ENCRYPTED, undefined],
  require: [ENCRYPTED],
  'no-verify': [ENCRYPTED],
  'verify-ca': [VERIFIED],
  'verify-full': [VERIFIED],
};

/** Words of libpq that change nothing of what is measured. */
const IGNORED = new Set(['application_name', 'connect_timeout', 'channel_binding', 'gssencmode']);
const UNDERSTOOD = new Set(['host', 'port', 'user', 'password', 'dbname', 'sslmode']);

/**
 * Parses `postgres://` and `postgresql://`. Absent parts are what libpq takes: this system's user, a database named
 * as the user, localhost, 5432; a password may come from PGPASSWORD. An address without `sslmode` means no TLS.
 * @throws UsageError that repeats nothing which might be a piece of a password.
 */
export function parseServerAddress(text: string): ServerAddress {
  if (!/^postgres(ql)?:\/\//.test(text))
    throw new UsageError(`a server address begins with postgres://: ${FORM}`);
  let url: URL;
  try {
    // libpq's form for a socket, `user@/database?host=/folder`, which the URL standard does not allow.
    url = new URL(text.replace(/^(\w+:\/\/[^/?#]*@)(?=[/?]|$)/, '$1localhost'));
  } catch {
    throw new UsageError(`the server address cannot be read: ${FORM}`);
  }
  // An unescaped / ? # in a password ends the host early, and pieces of the password then lie in what follows.
  if (url.hash !== '' || /[@/]/.test(url.pathname.slice(1)) || url.search.includes('@')) {
    throw new UsageError(`the server address cannot be read (an unescaped / ? # or @?): ${FORM}`);
  }
  try {
    return read(url);
  } catch (error) {
    if (error instanceof URIError)
      throw new UsageError(`a % in the server address is not followed by two digits: ${FORM}`);
    throw error;
  }
}

function read(url: URL): ServerAddress {
  const query = queryOf(url);
  const host =
    query.get('host') ?? (decodeURIComponent(url.hostname).replace(/^\[(.*)\]$/, '$1') || 'localhost');
  if (host.includes(','))
    throw new UsageError('the server address names several hosts: name the primary alone');
  const user = query.get('user') ?? (decodeURIComponent(url.username) || userInfo().username);
  const password =
    query.get('password') ?? (decodeURIComponent(url.password) || process.env['PGPASSWORD'] || '');
  const database = query.get('dbname') ?? (decodeURIComponent(url.pathname.slice(1)) || user);
  const mode = query.get('sslmode') ?? 'disable';
  const tls = TLS_BY_MODE[mode];
  if (tls === undefined) {
    throw new UsageError(
      `unknown sslmode in the server address: use one of ${Object.keys(TLS_BY_MODE).join(', ')}`,
    );
  }
  return { settings: { host, port: portOf(query.get('port') ?? url.port), user, password, database }, tls };
}

function queryOf(url: URL): ReadonlyMap<string, string> {
  const query = new Map<string, string>();
  for (const [name, value] of url.searchParams) {
    if (IGNORED.has(name)) continue;
    if (name === 'sslrootcert') {
      throw new UsageError(
        'sslrootcert is not read from the server address: set NODE_EXTRA_CA_CERTS to that file',
      );
    }
    if (!UNDERSTOOD.has(name)) {
      const shown = /^[a-z_]{1,30}$/.test(name) ? `"${name}" ` : '';
      throw new UsageError(
        `the server address has a parameter ${shown}that claimbench does not apply: leave it out`,
      );
    }
    query.set(name, value);
  }
  return query;
}

function portOf(text: string): number {
  if (text === '') return 5432;
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new UsageError('the port in the server address is not a number from 1 to 65535');
  }
  return port;
}

// What must a PostgreSQL server offer the harness, wherever it comes from?

import type { ServerProcess } from './process-titles.ts';

/** Where and as whom to connect. Never printed whole: `describe` in this folder leaves the password out. */
export interface ConnectionSettings {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** TLS as the URL asked for it (`sslmode`); absent for none. */
  readonly ssl?: boolean | { readonly rejectUnauthorized: boolean };
}

/** A fresh place for one cell; disposing it removes all that the cell left there. */
export interface CellDatabase extends AsyncDisposable {
  readonly connection: ConnectionSettings;
  /** The only schema that the contender may use; it does not exist yet, or is empty. */
  readonly schema: string;
  /** Whether the database is the cell's own, so that database-wide counters speak of the cell alone. */
  readonly exclusive: boolean;
}

/** A server under test. Disposing it stops what was started and removes every file of it. */
export interface PostgresServer extends AsyncDisposable {
  readonly kind: 'embedded' | 'url';
  /** As the server says, such as `18.4`. */
  readonly version: string;
  /** For messages and reports: kind, host, port, database; no password. */
  readonly description: string;
  /** A fresh place. `label` becomes part of a name: lower-case letters, digits, underscores. */
  openDatabase(label: string): Promise<CellDatabase>;
  /** Microseconds of CPU that all server processes have used so far; absent where the harness cannot see them. */
  readonly cpuUs?: () => number;
  /** Its living processes; absent where the harness cannot see them. */
  readonly processes?: () => readonly ServerProcess[];
  /** The postmaster's process id, where the harness started it. */
  readonly pid?: number;
  /** The server's data folder, where the harness can reach it. */
  readonly dataDirectory?: string;
}

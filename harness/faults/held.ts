// What do faults of the database strike, and what is one that has taken hold?

import type { SessionRole } from '../contender.ts';
import type { NetworkProxy } from '../network/proxy-process.ts';
import type { ConnectionSettings, Standby } from '../server/server.ts';
import type { Restartable } from './restart-server.ts';

/** What they take hold of. All of it absent for a contender without a database. */
export interface Held {
  /** The cell's database, not through a pooler. */
  readonly connection: ConnectionSettings | undefined;
  readonly standby: Standby | undefined;
  /** The server itself; absent where no fault is to strike it. */
  readonly server?: Restartable | undefined;
  /** What the agents connect through; absent where nothing is to happen to it. */
  readonly network?: NetworkProxy | undefined;
  /** Where the contender keeps its relations. */
  readonly schema?: string | undefined;
  /**
   * Where others may be at work, whom a fault must spare: on the server, or in the cell's own database as well. Absent on a server
   * of the harness's own.
   */
  readonly shared?: 'server' | 'database' | undefined;
  /** Whose a session is, as the contender tells it by its application_name; absent where it does not tell. */
  readonly roleOf?: ((applicationName: string) => SessionRole | undefined) | undefined;
}

/**
 * A fault that holds. Disposing ends it, takes a bounded time, also when the server is gone, and rejects when it had ended
 * before its time, or with `DidNotBite`.
 */
export interface Holder extends AsyncDisposable {
  /** When it began to hurt, µs of the machine's clock; absent: when it had taken hold. */
  readonly sinceUs?: number;
  /** What it has done, for the notes of the cell; to be asked when it has ended. */
  readonly told?: () => string;
}

/** A fault without its instants: when it strikes is its schedule's affair. */
export type Untimed<F> = F extends infer G ? Omit<G, 'afterSeconds' | 'atSeconds' | 'forSeconds'> : never;

/** It was applied and hurt nobody: a cell that says it withstood it would be untrue. */
export class DidNotBite extends Error {
  override readonly name = 'DidNotBite';
}

/** @throws Error for a contender without a database. */
export function databaseOf({ connection }: Held): ConnectionSettings {
  if (connection === undefined) throw new Error('the contender has no database');
  return connection;
}

/** @throws Error for a contender that does not tell its sessions from others'. */
export function rolesOf({ roleOf }: Held): NonNullable<Held['roleOf']> {
  if (roleOf === undefined)
    throw new Error('the contender does not say which sessions are its own: give it a sessionRole');
  return roleOf;
}

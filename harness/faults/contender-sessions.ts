// How are sessions of the contender found at the server, and ended?

import { randomInt } from 'node:crypto';
import type pg from 'pg';
import type { SessionRole } from '../contender.ts';
import { FAULT_MARK } from './fault-session.ts';
import type { Held } from './held.ts';

/** Ends sessions of the contender by its own word which they are; never one of the harness's. */
export class ContenderSessions {
  readonly #client: pg.Client;
  readonly #roleOf: NonNullable<Held['roleOf']>;
  readonly #roles: ReadonlySet<SessionRole>;
  /** By process and start: a session that was told to end is there for a moment. */
  readonly #ended = new Set<string>();

  constructor(client: pg.Client, roleOf: NonNullable<Held['roleOf']>, roles: readonly SessionRole[]) {
    this.#client = client;
    this.#roleOf = roleOf;
    this.#roles = new Set(roles);
  }

  /** So far. */
  get ended(): number {
    return this.#ended.size;
  }

  /** Ends so many, drawn at random, or all where there are fewer. One that has gone by then is not counted, nor is who has its process id. */
  async end(most: number): Promise<void> {
    const { rows } = await this.#client.query<{ pid: number; name: string; since: string }>(
      `SELECT ${FAULT_MARK} pid, application_name AS name, backend_start::text AS since FROM pg_stat_activity
        WHERE datname = current_database() AND usename = current_user AND backend_type = 'client backend'
          AND pid <> pg_backend_pid()`,
    );
    const left = rows
      .map(({ pid, name, since }) => ({ name, session: `${pid} ${since}` }))
      .filter(({ name, session }) => this.#isOne(name) && !this.#ended.has(session));
    const drawn: typeof left = [];
    while (drawn.length < most && left.length > 0) drawn.push(...left.splice(randomInt(left.length), 1));
    if (drawn.length === 0) return;
    // Not in WHERE: the server may ask the conditions there in any order, and would end whoever is asked about.
    const asked = await this.#client.query<{ session: string; told: boolean }>(
      `SELECT ${FAULT_MARK} pid || ' ' || backend_start::text AS session, pg_terminate_backend(pid) AS told
         FROM pg_stat_activity WHERE pid || ' ' || backend_start::text = ANY ($1::text[])`,
      [drawn.map(({ session }) => session)],
    );
    for (const { session, told } of asked.rows) if (told) this.#ended.add(session);
  }

  #isOne(name: string): boolean {
    const role = this.#roleOf(name);
    return role !== undefined && this.#roles.has(role);
  }
}

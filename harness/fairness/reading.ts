// What does the server itself say of a contender: its durability before and after, its tables, and its sessions?

import type pg from 'pg';
import { oneLine } from '../errors.ts';
import { FAULT_NAME } from '../faults/fault-session.ts';
import { isInMemory } from '../measure/environment.ts';
import { BYSTANDER_NAME } from '../neighbours/bystander-protocol.ts';
import { withConnection } from '../server/connect.ts';
import type { ConnectionSettings, PostgresServer } from '../server/server.ts';
import type { Watched } from '../telemetry/sampler.ts';
import { SAMPLER_NAME } from '../telemetry/sampler-statements.ts';
import type { CellPooler } from '../topology/pooler.ts';
import { DURABILITY_SETTINGS, FAIRNESS_MARK, withoutComments } from './session-watch.ts';

const FAIRNESS_NAME = 'claimbench fairness';
/** Sessions of the harness that have no part in the load. */
const HARNESS_NAMES = [
  SAMPLER_NAME,
  FAIRNESS_NAME,
  'claimbench costs',
  'claimbench keeper',
  'claimbench admin',
  FAULT_NAME,
  BYSTANDER_NAME,
];
const QUERY_TIMEOUT_MS = 10_000;
const RETRIES = 2;
const RETRY_MS = 400;

type Settings = Readonly<Record<string, string>>;

const baselines = new WeakMap<PostgresServer, Promise<Settings>>();

/**
 * Settings of durability as the run found them: read once per server, before the first contender could touch it, so that
 * one which changes them for all who come after is not taken for the owner's wish.
 */
export function durabilityAsFound(server: PostgresServer, connection: ConnectionSettings): Promise<Settings> {
  let found = baselines.get(server);
  if (found === undefined) {
    const reads = [...DURABILITY_SETTINGS, 'synchronous_standby_names'].map(
      (name) => `current_setting('${name}') AS ${name}`,
    );
    found = ask<Settings>(connection, `SELECT ${FAIRNESS_MARK} ${reads.join(', ')}`).then(
      // What lies in memory is gone with the machine, whatever the settings say.
      async ([row]) => ({ ...row, ...((await isInMemory(server)) ? { fsync: 'off, in memory' } : {}) }),
    );
    baselines.set(server, found);
    found.catch(() => baselines.delete(server));
  }
  return found;
}

/** What of a contender's relations would not survive a crash, and its functions that name synchronous_commit, with what follows. */
export interface StoredFacts {
  readonly unlogged: readonly string[];
  readonly suspiciousFunctions: readonly string[];
}

/** Looks into the cell's schema; in a database of the cell's own, into every schema that is not the system's. */
export async function readStored({ connection, schema, exclusive }: Watched): Promise<StoredFacts> {
  const own = `(n.nspname = $1 OR ($2 AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'))`;
  const [row] = await ask<{ unlogged: string[]; functions: { name: string; body: string }[] }>(
    connection,
    `SELECT ${FAIRNESS_MARK}
            ARRAY (SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                    WHERE ${own} AND c.relpersistence = 'u' AND c.relkind IN ('r', 'm') ORDER BY 1) AS unlogged,
            ARRAY (SELECT json_build_object('name', p.proname, 'body', p.prosrc)
                     FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
                    WHERE ${own} AND p.prosrc ILIKE '%synchronous_commit%' ORDER BY p.proname) AS functions`,
    [schema, exclusive],
  );
  return { unlogged: row?.unlogged ?? [], suspiciousFunctions: (row?.functions ?? []).flatMap(named) };
}

function named({ name, body }: { readonly name: string; readonly body: string }): string[] {
  const [said] = /synchronous_commit.{0,40}/i.exec(withoutComments(body)) ?? [];
  return said === undefined ? [] : [`${name}: ${said.trim()}`];
}

function ask<T extends pg.QueryResultRow>(
  connection: ConnectionSettings,
  sql: string,
  values: readonly unknown[] = [],
): Promise<T[]> {
  const options = { applicationName: FAIRNESS_NAME, queryTimeoutMs: QUERY_TIMEOUT_MS };
  return withConnection(
    connection,
    options,
    async (client) => (await client.query<T>(sql, [...values])).rows,
  );
}

/** Sessions of a cell's database during the load, by application_name; or why they could not be counted. */
export interface SessionsSeen {
  readonly byName: ReadonlyMap<string, number> | undefined;
  readonly why: string;
  /** Commits that the counting added to the load's. */
  readonly ownCommits: number;
}

/**
 * Counts the sessions once, about the middle of the load; again a little later while fewer than `expected` satisfy `counts`,
 * as on a slow machine some may still be on their way. Each name is kept at its peak. Behind a pooler its clients are counted,
 * as the server sees only what they are lent.
 */
export class SessionCount implements AsyncDisposable {
  readonly #watched: Watched;
  readonly #enough: (byName: ReadonlyMap<string, number>) => boolean;
  readonly #byName = new Map<string, number>();
  readonly #pooler: Pick<CellPooler, 'clients'> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #underWay: Promise<void> = Promise.resolve();
  #stopped = false;
  #counted = false;
  #ownCommits = 0;
  #why = 'the load ended before its middle, where sessions are counted';

  constructor(
    watched: Watched,
    enough: (byName: ReadonlyMap<string, number>) => boolean,
    pooler?: Pick<CellPooler, 'clients'>,
  ) {
    this.#watched = watched;
    this.#enough = enough;
    this.#pooler = pooler;
  }

  /** Counts in `afterMs`. */
  start(afterMs: number): void {
    this.#timer = setTimeout(() => {
      this.#underWay = this.#count().catch((error: unknown) => {
        this.#why = `sessions could not be counted: ${oneLine(error)}`;
      });
    }, afterMs);
  }

  async #count(): Promise<void> {
    const pooler = this.#pooler;
    if (pooler !== undefined) return await this.#until(async () => this.#keep(await pooler.clients()));
    const options = { applicationName: FAIRNESS_NAME, queryTimeoutMs: QUERY_TIMEOUT_MS };
    await withConnection(this.#watched.connection, options, async (client) => {
      // Starting a session commits once.
      this.#ownCommits += 1;
      await this.#until(() => this.#look(client));
    });
  }

  async #until(look: () => Promise<void>): Promise<void> {
    for (let attempt = 0; attempt <= RETRIES && !this.#stopped; attempt += 1) {
      if (attempt > 0) await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      await look();
      if (this.#enough(this.#byName)) return;
    }
  }

  async #look(client: pg.Client): Promise<void> {
    const { rows } = await client.query<{ name: string; sessions: number }>(
      `SELECT ${FAIRNESS_MARK} application_name AS name, count(*)::int AS sessions
         FROM pg_stat_activity
        WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
          AND application_name <> ALL ($1::text[]) AND ($2 OR usename = current_user)
        GROUP BY 1`,
      [HARNESS_NAMES, this.#watched.exclusive],
    );
    this.#ownCommits += 1;
    this.#keep(new Map(rows.map(({ name, sessions }) => [name, sessions])));
  }

  #keep(found: ReadonlyMap<string, number>): void {
    // The load may have ended while the answer was on its way: what is left then is no count.
    if (this.#stopped && this.#counted) return;
    this.#counted = true;
    for (const [name, sessions] of found)
      this.#byName.set(name, Math.max(sessions, this.#byName.get(name) ?? 0));
  }

  /** To be called when the agents have gone. */
  async stop(): Promise<SessionsSeen> {
    await this[Symbol.asyncDispose]();
    return {
      byName: this.#counted ? this.#byName : undefined,
      why: this.#why,
      ownCommits: this.#ownCommits,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#underWay;
  }
}

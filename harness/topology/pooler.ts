// How does a cell's load go through a pooler, and what does the pooler itself say of that?

import pg from 'pg';
import type { Topology } from '../../scenarios/topology.ts';
import { oneLine, RuntimeFailure, UsageError } from '../errors.ts';
import { nowUs } from '../load/clock.ts';
import type { ConnectionSettings } from '../server/server.ts';
import { ownCpuUs } from '../server/server-cpu.ts';
import { findPgBouncer, type PgBouncer, startPgBouncer } from './pgbouncer.ts';
import { type PoolerReading, poolerNotes } from './pooler-account.ts';

const CONSOLE_TIMEOUT_MS = 5_000;

/** More than the agents of any scenario open. */
const CLIENTS_MAX = 2_500;

/** A pooler in front of a cell's database, which nobody but the cell's agents uses. */
export interface CellPooler extends AsyncDisposable {
  /** Where agents connect. */
  readonly connection: ConnectionSettings;
  /** Version, mode and size of its pool, as the running pooler says. */
  effective(): Promise<Readonly<Record<string, string | number>>>;
  /** Its clients by application_name; the server sees only what it lends them. */
  clients(): Promise<ReadonlyMap<string, number>>;
  /** To be called when the agents have connected, before the load starts. Never throws. */
  begin(): Promise<void>;
  /** To be called at the end of the last phase; it waits for nothing. */
  loadOver(): void;
  /**
   * To be called when the agents have gone: ends it with its connections to the server, and tells how it fared under a load
   * that started at `startUs`.
   */
  end(startUs: number): Promise<{ readonly failures: readonly string[]; readonly notes: readonly string[] }>;
}

/** @throws UsageError where no PgBouncer is installed, or it cannot reach the server as the address asks for. */
export function requirePgBouncer(scenario: string, server?: ConnectionSettings) {
  const binary = findPgBouncer();
  if (binary === undefined)
    throw new UsageError(
      `scenario ${scenario} goes through PgBouncer, and there is no pgbouncer: install it (apt-get install pgbouncer, brew install pgbouncer), or give its path in CLAIMBENCH_PGBOUNCER`,
    );
  if (server?.ssl === true)
    throw new UsageError(
      `scenario ${scenario} goes through PgBouncer, which is not told how to verify the server's certificate: give the address sslmode=require`,
    );
  return binary;
}

/** Starts the pooler of a scenario in front of `database`. */
export async function openPooler(
  scenario: string,
  { mode, poolSize }: NonNullable<Topology['pooler']>,
  database: ConnectionSettings,
): Promise<CellPooler> {
  const binary = requirePgBouncer(scenario, database);
  const settings = { max_client_conn: CLIENTS_MAX };
  const running = await startPgBouncer(binary, { server: database, mode, poolSize, settings });
  const { ssl: _, ...plain } = database;
  return new RunningPooler(running, { ...plain, host: '127.0.0.1', port: running.port });
}

class RunningPooler implements CellPooler {
  readonly connection: ConnectionSettings;
  readonly #running: PgBouncer;
  #before: PoolerReading | undefined;
  #after: Promise<PoolerReading> | undefined;

  constructor(running: PgBouncer, connection: ConnectionSettings) {
    this.#running = running;
    this.connection = connection;
  }

  async effective(): Promise<Readonly<Record<string, string | number>>> {
    const [version, databases, config] = await this.#ask('SHOW VERSION', 'SHOW DATABASES', 'SHOW CONFIG');
    const settings = new Map(config?.map(({ key, value }) => [key, value]));
    const own = databases?.find(({ name }) => name === '*' || name === this.connection.database);
    return {
      pooler: version?.[0]?.['version'] ?? 'PgBouncer',
      poolerMode: own?.['pool_mode'] ?? settings.get('pool_mode') ?? 'unknown',
      poolerServerConnections: Number(own?.['pool_size'] ?? settings.get('default_pool_size')),
    };
  }

  async clients(): Promise<ReadonlyMap<string, number>> {
    const [clients] = await this.#ask('SHOW CLIENTS');
    const counts = new Map<string, number>();
    for (const { database, application_name: name = '' } of clients ?? [])
      if (database === this.connection.database) counts.set(name, (counts.get(name) ?? 0) + 1);
    return counts;
  }

  async begin(): Promise<void> {
    this.#before = await this.#read();
  }

  loadOver(): void {
    this.#after = this.#read();
  }

  async end(
    startUs: number,
  ): Promise<{ readonly failures: readonly string[]; readonly notes: readonly string[] }> {
    if (!this.#running.alive) return { failures: ['PgBouncer ended during the load'], notes: [] };
    const after = await this.#after;
    await this.#running.stop();
    if (this.#before === undefined || after === undefined) return { failures: [], notes: [] };
    return { failures: [], notes: poolerNotes(this.#before, after, startUs) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#running[Symbol.asyncDispose]();
  }

  /** Never throws: what it does not tell is a note. */
  async #read(): Promise<PoolerReading> {
    const reading = { atUs: nowUs(), cpuUs: ownCpuUs(this.#running.pid) };
    try {
      const [totals] = await this.#ask('SHOW STATS_TOTALS');
      // A database that nobody has asked for yet is not among them.
      const own = totals?.find(({ database }) => database === this.connection.database);
      const waitedUs = Number(own?.['wait_time'] ?? 0);
      return { ...reading, waitedUs: Number.isFinite(waitedUs) ? waitedUs : undefined };
    } catch (error) {
      return { ...reading, waitedUs: undefined, problem: oneLine(error) };
    }
  }

  /** On its console, which knows the simple protocol alone and no settings of a session. All values are text. */
  async #ask(...statements: readonly string[]): Promise<Readonly<Record<string, string>>[][]> {
    const client = new pg.Client({
      ...this.connection,
      database: 'pgbouncer',
      application_name: 'claimbench admin',
      connectionTimeoutMillis: CONSOLE_TIMEOUT_MS,
      query_timeout: CONSOLE_TIMEOUT_MS,
      types: { getTypeParser: () => String },
    });
    client.on('error', () => undefined);
    try {
      await client.connect();
      const answers: Readonly<Record<string, string>>[][] = [];
      for (const statement of statements)
        answers.push((await client.query<Record<string, string>>(statement)).rows);
      return answers;
    } catch (error) {
      throw new RuntimeFailure(`PgBouncer does not answer on its console: ${oneLine(error)}`);
    } finally {
      await client.end().catch(() => undefined);
    }
  }
}

// What stands between the agents of a cell and its server, and beside the server?

import { setTimeout as sleep } from 'node:timers/promises';
import { arrivalsOf, hasProxy, type Scenario } from '../../scenarios/scenario.ts';
import type { CellPlan } from '../cell/plan.ts';
import { oneLine, RuntimeFailure, UsageError } from '../errors.ts';
import { type CellNetwork, openNetwork } from '../network/cell-network.ts';
import { withConnection } from '../server/connect.ts';
import type { CellDatabase, ConnectionSettings, PostgresServer, Standby } from '../server/server.ts';
import { type CellPooler, openPooler, requirePgBouncer } from './pooler.ts';

const ADMIN = { applicationName: 'claimbench admin' } as const;
const CAUGHT_UP_WITHIN_MS = 60_000;
const LOOK_AGAIN_MS = 20;

/** What became of the parts during a load: reasons that void the cell, and what is worth knowing. */
export interface TopologyReport {
  readonly failures: readonly string[];
  readonly notes: readonly string[];
}

/**
 * Refuses scenarios whose topology cannot be had here; to be asked before anything is measured.
 * @throws UsageError in one line, with the mend.
 */
export function requireTopology(scenarios: readonly Scenario[], server: PostgresServer): void {
  for (const { name, topology } of scenarios) {
    if (topology?.pooler !== undefined) requirePgBouncer(name);
    if (topology?.standby !== undefined && server.openStandby === undefined)
      throw new UsageError(
        `scenario ${name} needs a standby, and claimbench cannot give one to the server (${server.description}): take --server embedded, or docker with an image that has pg_basebackup of its version, or leave the scenario out`,
      );
  }
}

/** Starts what the scenario asks for, around the cell's database. A contender without one has no topology. */
export async function openTopology(
  { scenario, seed, scale }: Pick<CellPlan, 'scenario' | 'seed' | 'scale'>,
  server: PostgresServer | undefined,
  database: CellDatabase | undefined,
  signal: AbortSignal,
): Promise<CellTopology> {
  const { name, topology } = scenario;
  if (server === undefined || database === undefined) return new CellTopology(scenario, {});
  const { connection } = database;
  await using opening = new AsyncDisposableStack();
  const pooler = topology?.pooler && opening.use(await openPooler(name, topology.pooler, connection));
  const network = hasProxy(scenario)
    ? opening.use(await openNetwork(name, pooler?.connection ?? connection, seed))
    : undefined;
  const standby =
    topology?.standby &&
    server.openStandby &&
    opening.use(await server.openStandby({ ...topology.standby, signal }));
  opening.move();
  return new CellTopology(scenario, { connection, pooler, network, standby, scale });
}

/** Absent is what a scenario does not ask for, and all of it for a contender without a database. */
interface Parts {
  /** Of the server itself. */
  readonly connection?: ConnectionSettings;
  readonly pooler?: CellPooler | undefined;
  readonly network?: CellNetwork | undefined;
  readonly scale?: CellPlan['scale'] | undefined;
  readonly standby?: Standby | undefined;
}

/** In the order of a cell: `ready`, `begin` before the load starts, `loadOver` as its phases end, `end` when the agents have gone. */
export class CellTopology implements AsyncDisposable {
  readonly pooler: CellPooler | undefined;
  readonly network: CellNetwork | undefined;
  readonly #scale: CellPlan['scale'] | undefined;
  /** The standby as faults get it. */
  readonly standby: Standby | undefined;
  readonly #openLoop: boolean;
  readonly #connection: ConnectionSettings | undefined;
  #lost = false;

  constructor(scenario: Scenario, { connection, pooler, network, standby, scale }: Parts) {
    this.#scale = scale;
    this.#openLoop = arrivalsOf(scenario).length > 0;
    this.#connection = connection;
    this.pooler = pooler;
    this.network = network;
    this.standby = standby && {
      ...standby,
      stop: () => {
        this.#lost = true;
        return standby.stop();
      },
    };
  }

  /** Where agents connect: to the first of what stands between them and the server. Absent without a database. */
  get entrance(): ConnectionSettings | undefined {
    return this.network?.connection ?? this.pooler?.connection ?? this.#connection;
  }

  /** Resolves when the standby has replayed all that was written so far, with what the parts say of themselves. */
  async ready(): Promise<Readonly<Record<string, string | number>>> {
    return {
      ...(this.network === undefined ? {} : { proxy: 'in the path' }),
      ...(await this.pooler?.effective()),
      ...(await this.#caughtUp()),
    };
  }

  async begin(): Promise<void> {
    await this.network?.begin();
    await this.pooler?.begin();
  }

  loadOver(): void {
    this.network?.loadOver();
    this.pooler?.loadOver();
  }

  /** `startUs`: when the load started. */
  async end(startUs: number): Promise<TopologyReport> {
    const network = await this.network?.end(this.#openLoop, this.#scale);
    const pooler = await this.pooler?.end(startUs);
    const reports = [network, pooler, await this.#standbyReport()].filter((one) => one !== undefined);
    return {
      failures: reports.flatMap(({ failures }) => failures),
      notes: reports.flatMap(({ notes }) => notes),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await using parts = new AsyncDisposableStack();
    parts.use(this.standby);
    parts.use(this.pooler);
    parts.use(this.network);
  }

  async #caughtUp(): Promise<Readonly<Record<string, string>>> {
    const { standby } = this;
    if (standby === undefined || this.#connection === undefined) return {};
    const upTo = await withConnection(this.#connection, ADMIN, async (client) => {
      const { rows } = await client.query<{ lsn: string }>('SELECT pg_current_wal_flush_lsn()::text AS lsn');
      return rows[0]?.lsn;
    });
    return await withConnection(standby.connection, ADMIN, async (client) => {
      const deadline = performance.now() + CAUGHT_UP_WITHIN_MS;
      for (;;) {
        const { rows } = await client.query<{ reached: boolean | null; feedback: string }>(
          `SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn AS reached, current_setting('hot_standby_feedback') AS feedback`,
          [upTo],
        );
        if (rows[0]?.reached === true)
          return { standby: rows[0].feedback === 'on' ? 'gives feedback' : 'no feedback' };
        if (performance.now() > deadline)
          throw new RuntimeFailure(
            `the standby had not replayed the preparation within ${CAUGHT_UP_WITHIN_MS / 1000} s: preload less, or leave the standby out`,
          );
        await sleep(LOOK_AGAIN_MS);
      }
    });
  }

  async #standbyReport(): Promise<TopologyReport> {
    const { standby } = this;
    if (standby === undefined) return { failures: [], notes: [] };
    const notes = ["the standby shared the machine; its CPU time is not in the server's"];
    if (this.#lost) return { failures: [], notes };
    try {
      await withConnection(standby.connection, ADMIN, async (client) => {
        const { rowCount } = await client.query(
          `SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming'`,
        );
        if (rowCount !== 1) throw new Error('it no longer streams from the server');
      });
      return { failures: [], notes };
    } catch (error) {
      return { failures: [`the standby did not last as long as the load: ${oneLine(error)}`], notes };
    }
  }
}

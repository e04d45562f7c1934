// What did the server do and spend during one cell's load?

import pg from 'pg';
import { isForUser, oneLine } from '../errors.ts';
import type { Restartable } from '../faults/restart-server.ts';
import type { Load } from '../load/load.ts';
import type { Cell, Sample, Telemetry } from '../result/result.ts';
import type { CellDatabase, PostgresServer, Throttling } from '../server/server.ts';
import type { ServerReading, Watched } from './sampler.ts';
import {
  analyseTables,
  type CostDifference,
  type CostSnapshot,
  costsBetween,
  inOwnSession,
  type OwnSession,
  readCosts,
  resetStatistics,
  waitForQuiet,
} from './server-costs.ts';
import { ServerLives } from './server-lives.ts';
import { ServerTelemetry } from './telemetry.ts';
import { type Ahead, beginSegments, bytesAhead } from './wal-ahead.ts';

const QUIET_WITHIN_MS = 3_000;
/** Share of periods from which on a limit of CPU time is worth a word. */
const THROTTLED_NOTE = 0.01;

/** Telemetry of one load; all of it empty for a contender without a database. */
export interface ServerAccount {
  readonly spent: CostDifference | undefined;
  readonly notes: readonly string[];
  /** What makes the cell void, one line each: the server did not live through the load. */
  readonly failures: readonly string[];
  readonly telemetry: Telemetry | undefined;
  samples(cell: string): Sample[];
}

export interface WatchOptions {
  /** False: nothing is read while the load runs. */
  readonly sampling?: boolean | undefined;
  /** Connections that the load may still open when sampling begins. */
  readonly leave?: number;
}

/** Follows the server through one cell: `settleDown`, `begin`, the load, `end`. */
export class ServerWatch implements AsyncDisposable {
  readonly #watched: Watched | undefined;
  readonly #telemetry: ServerTelemetry | undefined;
  readonly #sampling: boolean;
  readonly #cpuUs: (() => number) | undefined;
  /** Whether nobody else uses the server. */
  readonly #ownServer: boolean;
  readonly #dataDirectory: string | undefined;
  readonly #throttling: PostgresServer['throttling'];
  #throttledBefore: Throttling | undefined;
  readonly #notes = new Set<string>();
  #before: CostSnapshot | undefined;
  readonly #lives: ServerLives | undefined;
  #samplerCommits = 0;
  /** Bytes of WAL that lay ready for the load; absent where the server is not the harness's. */
  #walAhead: number | undefined;

  constructor(
    database: CellDatabase | undefined,
    server: PostgresServer | undefined,
    { sampling = true, leave = 0 }: WatchOptions = {},
  ) {
    this.#watched = database;
    this.#sampling = sampling;
    this.#lives = database && new ServerLives(database);
    this.#telemetry = database && new ServerTelemetry(database, server ?? {}, sampling, leave);
    this.#cpuUs = server?.cpuUs;
    this.#ownServer = server !== undefined && server.kind !== 'url';
    this.#dataDirectory = server?.dataDirectory;
    this.#throttling = server?.throttling;
  }

  /** Bytes of WAL written so far; undefined without a database. */
  async walBytes(): Promise<number | undefined> {
    return this.#watched === undefined ? undefined : (await readCosts(this.#watched)).walBytes;
  }

  /**
   * Waits for the preparation's sessions to end, and puts counters, planner statistics and, on a server of the harness's own,
   * the WAL in order for a load. `analyse` false leaves the planner with what it knew before.
   */
  async settleDown(ahead?: Ahead, analyse = true): Promise<void> {
    if (this.#watched === undefined) return;
    await this.#quiet();
    // Before the checkpoint and the reset, which take away its traces.
    await this.#telemetry?.storage('before');
    // Before the checkpoint, which recycles what was begun.
    if (ahead !== undefined) await this.#wal((session) => beginSegments(session, ahead, this.#dataDirectory));
    for (const note of await resetStatistics(this.#watched, this.#ownServer, analyse)) this.#notes.add(note);
    await this.#lives?.begin();
    await this.#wal(async (session) => {
      this.#walAhead = await bytesAhead(session);
    });
  }

  /** The server for faults: a restart of theirs is not taken for a crash. Undefined without a database. */
  struck(server: Restartable | undefined): Restartable | undefined {
    return server && this.#lives?.restartable(server);
  }

  /** Tells the planner of the tables as they are now. */
  async analyse(): Promise<void> {
    if (this.#watched !== undefined) await analyseTables(this.#watched);
  }

  /** Reads the counters and starts to sample. */
  async begin(): Promise<void> {
    if (this.#watched === undefined) return;
    await this.#telemetry?.begin();
    this.#throttledBefore = await this.#throttling?.();
    try {
      this.#before = await readCosts(this.#watched, this.#cpuUs);
    } catch (error) {
      // The agents hold their connections already: a server that is gone shows in them, one that is full only here.
      if (!isForUser(error)) throw error;
      this.#notes.add(`costs were not measured: ${oneLine(error)}`);
    }
    this.#samplerCommits = this.#telemetry?.commits() ?? 0;
  }

  /** Once all agents have gone: stops sampling and reads the counters again. `startUs` and `endUs` are those of the load. */
  async end(startUs: number, endUs: number): Promise<ServerAccount> {
    const telemetry = this.#telemetry;
    if (this.#watched === undefined || telemetry === undefined || this.#lives === undefined) {
      return { spent: undefined, notes: [], failures: [], telemetry: undefined, samples: () => [] };
    }
    await telemetry.stop();
    await this.#quiet();
    const after = await readCosts(this.#watched, this.#cpuUs);
    const { failures, comparable, stillTrue, notes } = await this.#lives.end();
    for (const note of notes) this.#notes.add(note);
    const spent =
      failures.length === 0 && this.#before !== undefined
        ? stillTrue(costsBetween(this.#before, after, telemetry.commits() - this.#samplerCommits))
        : undefined;
    for (const note of throttlingNotes(this.#throttledBefore, await this.#throttling?.()))
      this.#notes.add(note);
    const told = await telemetry.after(endUs - startUs, comparable);
    if (spent?.walBytes !== undefined && this.#walAhead !== undefined && spent.walBytes > this.#walAhead)
      this.#notes.add(
        `${megabytes(spent.walBytes)} of WAL were written and ${megabytes(this.#walAhead)} lay ready: the server may have created segments under the load, while commits waited`,
      );
    this.#note([...telemetry.samplerMissing, ...(spent?.missing ?? [])]);
    const readings = [...telemetry.readings];
    return {
      spent,
      notes: [...this.#notes],
      failures,
      telemetry: told,
      samples: (cell) =>
        readings.map(({ atUs, ...reading }) => sampleOf(cell, (atUs - startUs) / 1e6, reading)),
    };
  }

  /** On a server of the harness's own: what fails, as on a disk that is slow or full, is a note. */
  async #wal(work: (session: OwnSession) => Promise<void>): Promise<void> {
    if (this.#watched === undefined || !this.#ownServer) return;
    try {
      await inOwnSession(this.#watched, work);
    } catch (error) {
      if (!(error instanceof pg.DatabaseError)) throw error;
      this.#notes.add(`no WAL was made ready for the load: ${oneLine(error)}`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#telemetry?.[Symbol.asyncDispose]();
  }

  #note(missing: readonly string[]): void {
    for (const one of missing)
      this.#notes.add(one.startsWith('server telemetry: ') ? one : `not measured, or less well: ${one}`);
    if (!this.#sampling)
      this.#notes.add('sampling was off (--no-sampling): nothing was read while the load ran');
    if (!this.#ownServer)
      this.#notes.add(
        'WAL is counted for the whole server: whatever else writes there is charged to these jobs',
      );
  }

  async #quiet(): Promise<void> {
    if (this.#watched === undefined) return;
    const still = await waitForQuiet(this.#watched, QUIET_WITHIN_MS);
    if (still.length > 0)
      this.#notes.add(`sessions that did not end may have reported late: ${still.join(', ')}`);
  }
}

/** A limit that made the server wait is in every latency: who reads them shall know. */
function throttlingNotes(before: Throttling | undefined, after: Throttling | undefined): string[] {
  if (before === undefined || after === undefined) return [];
  const throttled = after.throttled - before.throttled;
  const share = throttled / Math.max(1, after.periods - before.periods);
  const killed = (after.oomKills ?? 0) - (before.oomKills ?? 0);
  return [
    ...(share > THROTTLED_NOTE
      ? [
          `the server's container was held back in ${Math.round(share * 100)} % of the periods of its CPU limit: waits of up to a period (100 ms) are the limit's, not the queue's`,
        ]
      : []),
    ...(killed > 0 ? [`${killed} processes of the server were killed for want of memory`] : []),
  ];
}

function sampleOf(cell: string, seconds: number, reading: Omit<ServerReading, 'atUs'>): Sample {
  return { kind: 'server', cell, t: Math.round(seconds * 1000) / 1000, ...reading };
}

/**
 * What one settled job cost, over the whole load from its start until the agents had gone: backends report some of
 * their counters only once a second, so a shorter stretch would be charged with its neighbour's work.
 */
export function costPerJob(
  account: ServerAccount,
  settled: number,
  { roundTrips, clientCpuUs }: Pick<Load, 'roundTrips' | 'clientCpuUs'>,
  preload: { readonly walBytes: number | undefined; readonly jobs: number },
): Cell['cost'] {
  const { spent } = account;
  if (spent === undefined || settled === 0) return undefined;
  const { walBytes, walFpiBytes, updates, hotUpdates } = spent;
  const perJob = (name: keyof NonNullable<Cell['cost']>, amount: number | undefined) =>
    amount === undefined ? {} : { [name]: round(amount / settled) };
  return {
    ...perJob('walBytesPerJob', walBytes),
    ...(walBytes && walFpiBytes !== undefined
      ? { walFullPageImageShare: round(walFpiBytes / walBytes) }
      : {}),
    ...perJob('commitsPerJob', spent.commits),
    ...perJob('roundTripsPerJob', roundTrips),
    ...perJob('buffersPerJob', spent.buffers),
    ...perJob('deadTuplesPerJob', spent.deadTuples),
    ...(updates && hotUpdates !== undefined ? { hotUpdateRatio: round(hotUpdates / updates) } : {}),
    ...perJob('rowsReadPerJob', spent.rowsRead),
    ...perJob('statementsPerJob', spent.statements),
    ...perJob('plansPerJob', spent.plans),
    ...perJob('functionCallsPerJob', spent.functionCalls),
    ...perJob('serverCpuUsPerJob', spent.serverCpuUs),
    ...perJob('clientCpuUsPerJob', clientCpuUs),
    ...(preload.walBytes === undefined || preload.jobs === 0
      ? {}
      : { preloadWalBytesPerJob: round(preload.walBytes / preload.jobs) }),
  };
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MB`;
}

function round(value: number): number {
  return Number(value.toPrecision(4));
}

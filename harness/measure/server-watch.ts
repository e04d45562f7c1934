// What did the server do and spend during one cell's load?

import type { Cell, Sample } from '../result.ts';
import type { CellDatabase, PostgresServer } from '../server/server.ts';
import { type Sampler, type ServerReading, startSampler, type Watched } from './sampler.ts';
import {
  type CostDifference,
  type CostSnapshot,
  costsBetween,
  readCosts,
  resetStatistics,
  waitForQuiet,
} from './server-costs.ts';

const SAMPLE_INTERVAL_MS = 500;
const QUIET_WITHIN_MS = 3_000;

/** Telemetry of one load; all of it empty for a contender without a database. */
export interface ServerAccount {
  readonly spent: CostDifference | undefined;
  readonly notes: readonly string[];
  samples(cell: string): Sample[];
}

/** Follows the server through one cell: `settleDown`, `begin`, the load, `end`. */
export class ServerWatch implements AsyncDisposable {
  readonly #watched: Watched | undefined;
  readonly #cpuUs: (() => number) | undefined;
  /** Whether nobody else uses the server. */
  readonly #ownServer: boolean;
  readonly #readings: ServerReading[] = [];
  readonly #notes = new Set<string>();
  #sampler: Sampler | undefined;
  #before: CostSnapshot | undefined;

  constructor(database: CellDatabase | undefined, server: PostgresServer | undefined) {
    this.#watched = database;
    this.#cpuUs = server?.cpuUs;
    this.#ownServer = server?.kind === 'embedded';
  }

  /** Bytes of WAL written so far; undefined without a database. */
  async walBytes(): Promise<number | undefined> {
    return this.#watched === undefined ? undefined : (await readCosts(this.#watched)).walBytes;
  }

  /** Waits for the preparation's sessions to end, and puts counters and planner statistics in order. */
  async settleDown(): Promise<void> {
    if (this.#watched === undefined) return;
    await this.#quiet();
    for (const note of await resetStatistics(this.#watched)) this.#notes.add(note);
  }

  /** Reads the counters and starts to sample. */
  async begin(): Promise<void> {
    if (this.#watched === undefined) return;
    this.#sampler = await startSampler({
      watched: this.#watched,
      intervalMs: SAMPLE_INTERVAL_MS,
      onSample: (reading) => this.#readings.push(reading),
    });
    this.#before = await readCosts(this.#watched, this.#cpuUs);
    this.#samplerCommits = this.#sampler.commits();
  }

  #samplerCommits = 0;

  /** Once all agents have gone: stops sampling and reads the counters again. `startUs` is the start of the load. */
  async end(startUs: number): Promise<ServerAccount> {
    const sampler = this.#sampler;
    if (this.#watched === undefined || sampler === undefined || this.#before === undefined) {
      return { spent: undefined, notes: [], samples: () => [] };
    }
    await sampler[Symbol.asyncDispose]();
    await this.#quiet();
    const after = await readCosts(this.#watched, this.#cpuUs);
    const spent = costsBetween(this.#before, after, sampler.commits() - this.#samplerCommits);
    for (const missing of [...sampler.missing, ...spent.missing])
      this.#notes.add(`not measured, or less well: ${missing}`);
    if (!this.#ownServer)
      this.#notes.add(
        'WAL is counted for the whole server: whatever else writes there is charged to these jobs',
      );
    const readings = [...this.#readings];
    return {
      spent,
      notes: [...this.#notes],
      samples: (cell) =>
        readings.map(({ atUs, ...reading }) => sampleOf(cell, (atUs - startUs) / 1e6, reading)),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sampler?.[Symbol.asyncDispose]();
  }

  async #quiet(): Promise<void> {
    if (this.#watched === undefined) return;
    const still = await waitForQuiet(this.#watched, QUIET_WITHIN_MS);
    if (still.length > 0)
      this.#notes.add(`sessions that did not end may have reported late: ${still.join(', ')}`);
  }
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
  roundTrips: number | undefined,
  preload: { readonly walBytes: number | undefined; readonly jobs: number },
): Cell['cost'] {
  const { spent } = account;
  if (spent === undefined || settled === 0) return undefined;
  const perJob = (amount: number): number => round(amount / settled);
  return {
    walBytesPerJob: perJob(spent.walBytes),
    ...(spent.walBytes === 0 ? {} : { walFullPageImageShare: round(spent.walFpiBytes / spent.walBytes) }),
    commitsPerJob: perJob(spent.commits),
    ...(roundTrips === undefined ? {} : { roundTripsPerJob: perJob(roundTrips) }),
    ...(spent.buffers === undefined ? {} : { buffersPerJob: perJob(spent.buffers) }),
    deadTuplesPerJob: perJob(spent.deadTuples),
    ...(spent.updates === 0 ? {} : { hotUpdateRatio: round(spent.hotUpdates / spent.updates) }),
    ...(spent.serverCpuUs === undefined ? {} : { serverCpuUsPerJob: perJob(spent.serverCpuUs) }),
    ...(preload.walBytes === undefined || preload.jobs === 0
      ? {}
      : { preloadWalBytesPerJob: round(preload.walBytes / preload.jobs) }),
  };
}

function round(value: number): number {
  return Number(value.toPrecision(4));
}

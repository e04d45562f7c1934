// What is kept of the server beside a cell's costs: readings during the load, counters and storage around it?

import { oneLine } from '../errors.ts';
import type { Telemetry } from '../result/result.ts';
import type { PostgresServer } from '../server/server.ts';
import { CpuByKind } from './cpu-by-kind.ts';
import { readObjects } from './objects.ts';
import { type Sampler, type ServerReading, startSampler, type Watched } from './sampler.ts';
import { type CounterSnapshot, countersBetween, readCounters } from './server-counters.ts';
import { readStorage, type Storage } from './storage.ts';

const SAMPLE_INTERVAL_MS = 1_000;

/** What of a server is asked for its processes; both absent where they are not visible. */
type Processes = Pick<PostgresServer, 'cpuUs' | 'processes'>;

/** Follows one cell: `storage('before')`, `begin`, the load, `stop`, `after`. Nothing of it may fail the cell. */
export class ServerTelemetry implements AsyncDisposable {
  readonly #watched: Watched;
  readonly #server: Processes;
  readonly #sampling: boolean;
  readonly #leave: number;
  readonly readings: ServerReading[] = [];
  readonly #storage: Storage['relations'][number][] = [];
  readonly #missing = new Set<string>();
  #sampler: Sampler | undefined;
  #cpu: CpuByKind | undefined;
  #before: CounterSnapshot | undefined;

  /** `leave`: connections that the load may still open when sampling begins. */
  constructor(watched: Watched, server: Processes, sampling: boolean, leave: number) {
    this.#leave = leave;
    this.#watched = watched;
    this.#server = server;
    this.#sampling = sampling;
  }

  /** Commits of the sampler so far. */
  commits(): number {
    return this.#sampler?.commits() ?? 0;
  }

  /** What the sampler lacked. */
  get samplerMissing(): readonly string[] {
    return this.#sampler?.missing ?? [];
  }

  async storage(when: 'before' | 'after'): Promise<void> {
    await this.#attempt('storage', async () => {
      const { relations, missing } = await readStorage(this.#watched, when);
      this.#storage.push(...relations);
      for (const one of missing) this.#missing.add(one);
    });
  }

  /** Reads the counters and starts to sample; to be called before the costs are read. */
  async begin(): Promise<void> {
    await this.#attempt('counters', async () => {
      this.#before = await readCounters(this.#watched, 'before');
    });
    if (!this.#sampling) return;
    this.#sampler = await startSampler({
      watched: this.#watched,
      intervalMs: SAMPLE_INTERVAL_MS,
      leave: this.#leave,
      onSample: (reading) => {
        this.readings.push(reading);
        this.#cpu?.look();
      },
    });
    if (this.#server.processes !== undefined) {
      this.#cpu = new CpuByKind(this.#server.processes, this.#server.cpuUs);
    }
  }

  /** Stops sampling; to be called when the agents have gone. */
  async stop(): Promise<void> {
    this.#cpu?.look();
    await this.#sampler?.[Symbol.asyncDispose]();
  }

  /**
   * Reads counters and storage once more, when the costs have been read. `loadUs` is how long the load took; `comparable`
   * is false when the server's counters began anew meanwhile.
   */
  async after(loadUs: number, comparable: boolean): Promise<Telemetry> {
    let counters = {};
    if (!comparable) this.#missing.add('server telemetry: counters: they began anew while the load ran');
    else
      await this.#attempt('counters', async () => {
        const after = await readCounters(this.#watched, 'after');
        for (const one of after.missing) this.#missing.add(one);
        if (this.#before !== undefined) counters = countersBetween(this.#before, after);
      });
    await this.storage('after');
    let objects: string[] | undefined;
    await this.#attempt('objects of the schema', async () => {
      objects = await readObjects(this.#watched);
    });
    const pids = this.#sampler?.backendPids ?? [];
    const waits = lockWaitsOf(this.readings);
    return {
      sampling: this.#sampling,
      readings: this.readings.length,
      ...(this.#sampler === undefined ? {} : { samplerBusyShare: share(this.#sampler.spentUs(), loadUs) }),
      ...(this.#cpu === undefined ? {} : { samplerCpuShare: share(this.#cpu.usOf(pids), loadUs) }),
      ...counters,
      ...(waits === undefined ? {} : { lockWaits: waits }),
      ...(this.#cpu === undefined ? {} : { cpuUs: this.#cpu.byKind(pids) }),
      storage: this.#storage,
      ...(objects === undefined ? {} : { objects }),
      missing: [...this.samplerMissing, ...this.#missing],
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sampler?.[Symbol.asyncDispose]();
  }

  /** Telemetry is told beside the figures, so its failures are, too. */
  async #attempt(what: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#missing.add(`server telemetry: ${what}: ${oneLine(error)}`);
    }
  }
}

function lockWaitsOf(readings: readonly ServerReading[]): Telemetry['lockWaits'] {
  if (readings.length === 0) return undefined;
  const waiting = readings.map((reading) => reading.lockWaiters ?? 0);
  return {
    readings: readings.length,
    mostWaiting: Math.max(...waiting),
    meanWaiting: Number((waiting.reduce((a, b) => a + b, 0) / waiting.length).toPrecision(3)),
    mostForRows: Math.max(...readings.map((reading) => reading.rowLockWaiters ?? 0)),
  };
}

function share(us: number, ofUs: number): number {
  return ofUs <= 0 ? 0 : Number((us / ofUs).toPrecision(3));
}

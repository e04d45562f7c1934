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

export interface StandbyOptions {
  /** `hot_standby_feedback`: what its queries still need, the primary's VACUUM may not remove. */
  readonly feedback: boolean;
  /** Abandons the start. A standby that has started is stopped by disposing it. */
  readonly signal?: AbortSignal;
}

/**
 * A hot standby of the server's whole cluster, which streams through a physical replication slot of its own. Disposing it
 * stops it, removes every file of it, and drops its slot; disposing the server does so, too.
 */
export interface Standby extends AsyncDisposable {
  /** As for the primary, at an address that the harness reaches; every database of the primary is there. */
  readonly connection: ConnectionSettings;
  /** Its slot's name on the primary: `claimbench_standby_…`. */
  readonly slot: string;
  /** Stops it at once, as a crash would. Its slot stays behind on the primary, with the xmin that it reported last. */
  stop(): Promise<void>;
}

/** What its limits have done to a container since it was started. */
export interface Throttling {
  /** Periods of its CPU quota in which it had something to do, and those in which it had to wait for the next. */
  readonly periods: number;
  readonly throttled: number;
  /** Processes that were killed for want of memory; absent where that is not counted. */
  readonly oomKills?: number;
}

/** What a server's container is, as the engine and its control groups say. */
export interface ContainerFacts {
  readonly image: string;
  /** `sha256:…`: what the name stood for. */
  readonly imageId: string;
  readonly digest?: string;
  /** Built where no registry is reached, out of the embedded binaries or Debian's packages. */
  readonly standIn: boolean;
  /** Version of the engine. */
  readonly engine: string;
  readonly storageDriver: string;
  /** Where the data folder lies. What lies in a `tmpfs` does not survive the machine. */
  readonly storage: 'volume' | 'layer' | 'tmpfs';
  /** Size of a tmpfs that has a limit. */
  readonly storageBytes?: number;
  /** How sessions reach the server. A `published port` passes through a process of the engine's. */
  readonly route: 'host network' | 'container address' | 'published port';
  /** What its control groups grant; absent where they cannot be read. A limit that is absent is none. */
  readonly limits?: {
    readonly cpus?: number;
    readonly cpuset?: string;
    readonly memoryBytes?: number;
  };
}

/** How a server is stopped: `immediate` as in a crash, with no checkpoint, so that it must recover; `fast` in good order. */
export type StopMode = 'immediate' | 'fast';

export interface RestartOptions {
  /** How long it stays down before it is started again, ms; default: 0. */
  readonly downMs?: number;
}

/** A restart that is over. Instants in µs of the machine's clock (harness/load/clock.ts). */
export interface Restart {
  readonly mode: StopMode;
  /** When it was told to stop. */
  readonly wentUs: number;
  /** When it was seen to accept connections again: some ms after it did. */
  readonly readyUs: number;
}

/** A server under test. Disposing it stops what was started and removes every file of it. */
export interface PostgresServer extends AsyncDisposable {
  readonly kind: 'embedded' | 'docker' | 'url';
  /** As the server says, such as `18.4`. */
  readonly version: string;
  /** For messages and reports: kind, host, port, database; no password. */
  readonly description: string;
  /** When its postmaster was started, to the microsecond: the same under whatever name it is reached, and another of a clone. Of one at an address only. */
  readonly startedAt?: string;
  /** A fresh place. `label` becomes part of a name: lower-case letters, digits, underscores. */
  openDatabase(label: string): Promise<CellDatabase>;
  /**
   * Starts a standby, and resolves when it answers queries and streams. One at a time. Absent where the harness cannot
   * start one. Rejects with a UsageError or RuntimeFailure.
   */
  readonly openStandby?: (options: StandbyOptions) => Promise<Standby>;
  /** Microseconds of CPU that all server processes have used so far; absent where the harness cannot see them. */
  readonly cpuUs?: () => number;
  /** Its living processes; absent where the harness cannot see them. */
  readonly processes?: () => readonly ServerProcess[];
  /**
   * Stops it and starts it again, at the same address and with its data as they were left; resolves when it accepts connections. One
   * at a time. `cpuUs`, `processes` and `pid` go on with the new postmaster. Absent where the harness cannot do it.
   * @throws RuntimeFailure when it does not stop, or does not come back in time.
   */
  readonly restart?: (mode: StopMode, options?: RestartOptions) => Promise<Restart>;
  /** The postmaster's process id, where the harness started it; of the last one, after a restart. */
  readonly pid?: number | undefined;
  /** The server's data folder, where the harness can reach it. */
  readonly dataDirectory?: string | undefined;
  /** What its container is; absent for a server that runs in none of the harness's. */
  readonly container?: ContainerFacts;
  /** Versions of the extensions that were asked for, by name. */
  readonly extensions?: Readonly<Record<string, string>>;
  /** What the limits of its container have done to it so far; absent where it has none, undefined where nobody can tell. */
  readonly throttling?: () => Promise<Throttling | undefined>;
  /** Why this run can use it no more, as its process, its log or a broken connection tells; undefined while it can, and while it is being restarted. Never rejects. */
  readonly whyGone?: () => Promise<string | undefined>;
}

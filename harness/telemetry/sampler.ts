// What does the server do while the load runs, second by second?

import type pg from 'pg';

import { oneLine } from '../errors.ts';
import { nowUs } from '../load/clock.ts';
import type { Sample } from '../result/result.ts';
import { connect } from '../server/connect.ts';
import type { CellDatabase } from '../server/server.ts';
import {
  FREE_STATEMENT,
  type FreeRow,
  type ReadingRow,
  readingStatement,
  SAMPLER_NAME,
  SLOW_STATEMENT,
  type SlowRow,
} from './sampler-statements.ts';

/** What is watched: a cell's database, or the schema of one. */
export type Watched = Pick<CellDatabase, 'connection' | 'schema' | 'exclusive'>;

type ServerSample = Extract<Sample, { kind: 'server' }>;

/**
 * One reading. `walBytes`, `checkpoints` and `commits` count from the sampler's first reading on (those of the whole
 * server; the database's commits without the sampler's own); the others are as of the instant. `xminAge` is in
 * transactions.
 */
export type ServerReading = Omit<ServerSample, 'kind' | 'cell' | 't'> & {
  /** Half-way between question and answer, on the clock of harness/load/clock.ts. */
  readonly atUs: number;
};

export interface SamplerOptions {
  readonly watched: Watched;
  /** From one reading to the next; 100 or more. A reading that takes longer delays the next, none is made up. */
  readonly intervalMs: number;
  readonly onSample: (reading: ServerReading) => void;
  /** Connections that the load may still open: the sampler gives up its own where fewer would be left. Default: 0. */
  readonly leave?: number;
}

/** A running sampler. Disposing it waits for the reading under way and closes its connection. */
export interface Sampler extends AsyncDisposable {
  /** What the readings lack, and why; grows while readings fail. */
  readonly missing: readonly string[];
  /** Commits that the sampler itself adds to the database's counter, connecting included. */
  commits(): number;
  /** Process ids of its backends so far. */
  readonly backendPids: readonly number[];
  /** How long its statements have kept a backend busy, at most (round trips), µs. */
  spentUs(): number;
}

const MIN_INTERVAL_MS = 100;
/** Fewer failures in a row than this are a fault that the scenario plays, and not worth a word. */
const FAILURES_WORTH_A_NOTE = 3;
/** From one of the heavier readings to the next, in readings. */
const SLOW_EVERY = 4;
/** A horizon younger than this holds up nothing: it needs no name. */
const AGE_WORTH_A_NAME = 1_000;

/**
 * Connects and takes the first reading; then one each interval until disposed. A connection lost on the way (a fault
 * that the scenario plays) is replaced at the next tick; readings in between are absent. When it cannot connect at all,
 * or only at the expense of the load, it stays silent, says so in `missing`, and does not try again.
 */
export async function startSampler(options: SamplerOptions): Promise<Sampler> {
  const sampler = new ServerSampler(options);
  await sampler.start();
  return sampler;
}

class ServerSampler implements Sampler {
  readonly missing: string[] = [];
  readonly backendPids: number[] = [];
  readonly #options: SamplerOptions;
  readonly #intervalMs: number;
  #client: pg.Client | undefined;
  #statement = '';
  #seesAll = false;
  #base: Pick<ReadingRow, 'wal' | 'commits' | 'checkpoints'> | undefined;
  /** When the counters were at zero, as the first session found it. */
  #since: { readonly since: number | null } | undefined;
  #beganAnew = false;
  #ownCommits = 0;
  #spentUs = 0;
  #readings = 0;
  #failures = 0;
  #stopped = false;
  #timer: NodeJS.Timeout | undefined;
  #underWay: Promise<void> = Promise.resolve();

  constructor(options: SamplerOptions) {
    this.#options = options;
    this.#intervalMs = Math.max(MIN_INTERVAL_MS, options.intervalMs);
  }

  async start(): Promise<void> {
    try {
      const client = await this.#open();
      const left = await this.#ask<FreeRow>(client, 'claimbench_free', FREE_STATEMENT, []);
      const { leave = 0 } = this.#options;
      if ((left.row?.free ?? leave) < leave) {
        throw new Error(`its connection was left to the load, which may need ${leave} more`);
      }
      await this.#read(client);
    } catch (error) {
      this.missing.push(`server telemetry: ${oneLine(error)}`);
      await this.#client?.end().catch(() => {});
      this.#client = undefined;
      return;
    }
    if (!this.#seesAll) {
      this.missing.push(
        'waits, xminAge and autovacuum workers of other roles: the role is not a member of pg_read_all_stats',
      );
    }
    this.#schedule(nowUs());
  }

  commits(): number {
    return this.#ownCommits;
  }

  spentUs(): number {
    return this.#spentUs;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#underWay;
    await this.#client?.end().catch(() => {});
    this.#client = undefined;
  }

  async #open(): Promise<pg.Client> {
    const client = await connect(this.#options.watched.connection, {
      applicationName: SAMPLER_NAME,
      // A reading that is late by seconds says nothing of its instant.
      queryTimeoutMs: Math.max(2_000, this.#intervalMs),
    });
    // Starting a session commits once.
    this.#ownCommits += 1;
    this.#client = client;
    const { rows } = await client.query<{
      version: number;
      sees_all: boolean;
      pid: number;
      since: number | null;
    }>(
      `SELECT /* ${SAMPLER_NAME} */ current_setting('server_version_num')::int AS version, pg_backend_pid() AS pid,
              (SELECT extract(epoch FROM stats_reset)::float8 FROM pg_stat_wal) AS since,
              pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') AS sees_all`,
    );
    this.#ownCommits += 1;
    const [row] = rows;
    this.#seesAll = row?.sees_all === true;
    this.#statement = readingStatement(row?.version ?? 0);
    if (row !== undefined) {
      this.backendPids.push(row.pid);
      this.#countFrom(row.since);
    }
    return client;
  }

  /** A crash sets the counters to zero, and takes the connection along: what they say after it is not of this load. */
  #countFrom(since: number | null): void {
    this.#since ??= { since };
    if (this.#since.since === since || this.#beganAnew) return;
    this.#beganAnew = true;
    this.missing.push(
      'commits, checkpoints, live and dead tuples of the timeline: absent from where the counters of the server began anew',
    );
  }

  /** On a grid from the first reading on, so that a slow reading does not shift the later ones. */
  #schedule(startUs: number): void {
    if (this.#stopped) return;
    const elapsedMs = (nowUs() - startUs) / 1000;
    const waitMs = this.#intervalMs - (elapsedMs % this.#intervalMs);
    this.#timer = setTimeout(() => {
      this.#underWay = this.#tick().finally(() => this.#schedule(startUs));
    }, waitMs);
  }

  async #tick(): Promise<void> {
    try {
      await this.#read(this.#client ?? (await this.#open()));
      this.#failures = 0;
    } catch (error) {
      await this.#client?.end().catch(() => {});
      this.#client = undefined;
      this.#failures += 1;
      if (this.#failures === FAILURES_WORTH_A_NOTE) this.missing.push(`server samples: ${oneLine(error)}`);
    }
  }

  async #read(client: pg.Client): Promise<void> {
    const ownBefore = this.#ownCommits;
    const { row, atUs } = await this.#ask<ReadingRow>(client, 'claimbench_sample', this.#statement);
    const slow =
      this.#readings % SLOW_EVERY === 0
        ? (await this.#ask<SlowRow>(client, 'claimbench_slow_sample', SLOW_STATEMENT)).row
        : undefined;
    this.#readings += 1;
    if (row === undefined || this.#stopped) return;
    const { wal, checkpoints, waits } = row;
    const commits = row.commits - ownBefore;
    this.#base ??= { wal, commits, checkpoints };
    this.#options.onSample({
      atUs,
      walBytes: wal - this.#base.wal,
      ...(this.#beganAnew
        ? {}
        : countersOf(row, commits - this.#base.commits, checkpoints - this.#base.checkpoints)),
      ...horizonOf(row),
      ...(row.retained_wal === null ? {} : { retainedWalBytes: Math.max(0, row.retained_wal) }),
      ...lockWaits(waits ?? {}),
      ...(this.#seesAll ? { autovacuumWorkers: row.autovacuums } : {}),
      ...(slow === undefined
        ? {}
        : { notifyQueueShare: slow.notify, locksHeld: slow.locks ?? {}, vacuums: [...(slow.vacuums ?? [])] }),
      waits: waits ?? {},
    });
  }

  /** One prepared statement, with the schema's name if nothing else; `atUs` is half-way between question and answer. */
  async #ask<Row extends pg.QueryResultRow>(
    client: pg.Client,
    name: string,
    text: string,
    values: readonly unknown[] = [this.#options.watched.schema],
  ) {
    const sentUs = nowUs();
    const { rows } = await client.query<Row>({ name, text, values: [...values] });
    const answeredUs = nowUs();
    this.#ownCommits += 1;
    this.#spentUs += answeredUs - sentUs;
    return { row: rows[0], atUs: (sentUs + answeredUs) / 2 };
  }
}

/** Statistics of other backends arrive up to a second late, never early; a reset sets them back. */
function countersOf({ live, dead }: ReadingRow, commits: number, checkpoints: number) {
  return {
    commits: Math.max(0, commits),
    checkpoints: Math.max(0, checkpoints),
    ...(live === null ? {} : { liveTuples: live }),
    ...(dead === null ? {} : { deadTuples: dead }),
  };
}

function horizonOf({ xmin_age: age, xmin_holder: holder }: ReadingRow) {
  if (age === null) return {};
  const named = holder !== null && age >= AGE_WORTH_A_NAME;
  return { xminAge: Math.max(0, age), ...(named ? { xminHolder: holder } : {}) };
}

/** A wait for a row is one for the transaction that holds it, or for the turn of waiting for that. */
function lockWaits(waits: Readonly<Record<string, number>>) {
  const rows = (waits['Lock:transactionid'] ?? 0) + (waits['Lock:tuple'] ?? 0);
  let all = 0;
  for (const [event, backends] of Object.entries(waits)) if (event.startsWith('Lock:')) all += backends;
  return { lockWaiters: all, rowLockWaiters: rows };
}

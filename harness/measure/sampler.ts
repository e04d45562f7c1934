// What does the server do while the load runs, second by second?

import type pg from 'pg';

import { oneLine } from '../errors.ts';
import { nowUs } from '../load/clock.ts';
import type { Sample } from '../result.ts';
import { connect } from '../server/connect.ts';
import type { CellDatabase } from '../server/server.ts';

/** Shown in pg_stat_activity; whoever counts the load's backends leaves this one out. */
export const SAMPLER_NAME = 'claimbench sampler';

/** What is watched: a cell's database, or the schema of one. */
export type Watched = Pick<CellDatabase, 'connection' | 'schema' | 'exclusive'>;

type ServerSample = Extract<Sample, { kind: 'server' }>;

/**
 * One reading. `walBytes` and `commits` count from the sampler's first reading on (the whole server's WAL; the
 * database's commits without the sampler's own); the others are as of the instant. `xminAge` is in transactions.
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
}

/** A running sampler. Disposing it waits for the reading under way and closes its connection. */
export interface Sampler extends AsyncDisposable {
  /** What the readings lack, and why; grows while readings fail. */
  readonly missing: readonly string[];
  /** Commits that the sampler itself adds to the database's counter, connecting included. */
  commits(): number;
  /** How long its statements have kept a backend busy, at most (round trips), µs. */
  spentUs(): number;
}

const MIN_INTERVAL_MS = 100;
/** Fewer failures in a row than this are a fault that the scenario plays, and not worth a word. */
const FAILURES_WORTH_A_NOTE = 3;

/**
 * One statement, one snapshot of activity, and statistics of one schema's few tables by function instead of through
 * pg_stat_user_tables, which would sum up the indexes as well.
 *
 * Horizon: what keeps VACUUM from removing rows of this database. Sessions of other databases do not hold it, WAL
 * senders (no database), prepared transactions and slots do; a VACUUM's own xmin is ignored by other VACUUMs.
 *
 * Waits: `idle` sessions wait for their client, which is no wait for the server; `idle in transaction` ones are
 * kept: they hold locks and the horizon while the client thinks.
 */
const READ = `
SELECT /* ${SAMPLER_NAME} */
  (pg_current_wal_insert_lsn() - '0/0')::float8 AS wal,
  pg_stat_get_db_xact_commit(me.oid)::float8 AS commits,
  (SELECT sum(pg_stat_get_live_tuples(c.oid))::float8 FROM pg_class c
    WHERE c.relnamespace = to_regnamespace($1) AND c.relkind IN ('r', 'm')) AS live,
  (SELECT sum(pg_stat_get_dead_tuples(c.oid))::float8 FROM pg_class c
    WHERE c.relnamespace = to_regnamespace($1) AND c.relkind IN ('r', 'm')) AS dead,
  greatest(
    (SELECT max(greatest(age(a.backend_xmin), age(a.backend_xid))) FROM activity a
      WHERE a.datid IS NOT DISTINCT FROM me.oid OR a.backend_type = 'walsender'),
    (SELECT max(age(p.transaction)) FROM pg_prepared_xacts p WHERE p.database = current_database()),
    (SELECT max(greatest(age(s.xmin), age(s.catalog_xmin))) FROM pg_replication_slots s)
  )::float8 AS xmin_age,
  (SELECT json_object_agg(w.event, w.backends) FROM (
     SELECT coalesce(a.wait_event_type || ':' || a.wait_event, 'CPU') AS event, count(*) AS backends
       FROM activity a
      WHERE a.datid = me.oid AND a.state <> 'idle' AND a.backend_type IN ('client backend', 'parallel worker')
      GROUP BY 1) w) AS waits
FROM (SELECT oid FROM pg_database WHERE datname = current_database()) me`;

const WITH_ACTIVITY = `
WITH activity AS MATERIALIZED (
  SELECT datid, backend_type, state, wait_event_type, wait_event, backend_xmin, backend_xid
    FROM pg_stat_activity
   WHERE pid <> pg_backend_pid() AND application_name <> '${SAMPLER_NAME}' AND backend_type <> 'autovacuum worker')`;

interface Row {
  readonly wal: number;
  readonly commits: number;
  readonly live: number | null;
  readonly dead: number | null;
  readonly xmin_age: number | null;
  readonly waits: Readonly<Record<string, number>> | null;
}

/**
 * Connects and takes the first reading; then one each interval until disposed. A connection lost on the way (a fault
 * that the scenario plays) is replaced at the next tick; readings in between are absent.
 * @throws UsageError or RuntimeFailure when it cannot connect at all.
 */
export async function startSampler(options: SamplerOptions): Promise<Sampler> {
  const sampler = new ServerSampler(options);
  await sampler.start();
  return sampler;
}

class ServerSampler implements Sampler {
  readonly missing: string[] = [];
  readonly #options: SamplerOptions;
  readonly #intervalMs: number;
  #client: pg.Client | undefined;
  #statement = '';
  #base: { readonly wal: number; readonly commits: number } | undefined;
  #ownCommits = 0;
  #spentUs = 0;
  #failures = 0;
  #stopped = false;
  #timer: NodeJS.Timeout | undefined;
  #underWay: Promise<void> = Promise.resolve();

  constructor(options: SamplerOptions) {
    this.#options = options;
    this.#intervalMs = Math.max(MIN_INTERVAL_MS, options.intervalMs);
  }

  async start(): Promise<void> {
    const client = await this.#open();
    const { rows } = await client.query<{ version: number; sees_all: boolean }>(
      `SELECT current_setting('server_version_num')::int AS version,
              pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') AS sees_all`,
    );
    this.#ownCommits += 1;
    // From 15 on a backend may be told to report at once; its own commits are then known exactly at each reading.
    const flush = (rows[0]?.version ?? 0) >= 150_000 ? ', pg_stat_force_next_flush()::text AS flushed' : '';
    this.#statement = WITH_ACTIVITY + READ.replace(' AS waits', ` AS waits${flush}`);
    if (rows[0]?.sees_all !== true) {
      this.missing.push('waits and xminAge of other roles: the role is not a member of pg_read_all_stats');
    }
    await this.#read(client);
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
    return client;
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
    const sentUs = nowUs();
    const ownBefore = this.#ownCommits;
    const { rows } = await client.query<Row>({
      name: 'claimbench_sample',
      text: this.#statement,
      values: [this.#options.watched.schema],
    });
    const answeredUs = nowUs();
    this.#ownCommits += 1;
    this.#spentUs += answeredUs - sentUs;
    const row = rows[0];
    if (row === undefined || this.#stopped) return;
    const commits = row.commits - ownBefore;
    this.#base ??= { wal: row.wal, commits };
    this.#options.onSample({
      atUs: (sentUs + answeredUs) / 2,
      walBytes: row.wal - this.#base.wal,
      // Statistics of other backends arrive up to a second late, never early; a reset sets them back.
      commits: Math.max(0, commits - this.#base.commits),
      ...(row.live === null ? {} : { liveTuples: row.live }),
      ...(row.dead === null ? {} : { deadTuples: row.dead }),
      ...(row.xmin_age === null ? {} : { xminAge: Math.max(0, row.xmin_age) }),
      waits: row.waits ?? {},
    });
  }
}

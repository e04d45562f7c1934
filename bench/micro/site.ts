// Where does a strategy stand while its operations are timed, so that as many jobs wait each time?

import type { DriverName } from '../../harness/contender.ts';
import { openDriver } from '../../harness/drivers.ts';
import { Workload } from '../../harness/load/workload.ts';
import type { CellDatabase, PostgresServer } from '../../harness/server/server.ts';
import {
  type ClaimedJob,
  type ClaimStrategy,
  type Driver,
  type JobId,
  type NewJob,
  qualify,
  type SettleResult,
  type StrategyFactory,
  type WorkerSession,
} from '../../queue/index.ts';
import { UpkeepSchedule } from '../../queue/worker/upkeep-schedule.ts';

export const QUEUE = 'bench';
/** No lease runs out but those that are meant to. */
export const LEASE_MS = 3_600_000;
const PAYLOAD_BYTES = 100;
const FILL_CHUNK = 5_000;
/** A job that is reaped again and again shall not become a dead letter. */
const MAX_ATTEMPTS = 32_767;
/** Batches of an event log end at multiples of this, and so do claims, whatever their size: none is short at a border. */
const ALIGNED = 100;
/** Claims in a row that may be empty although jobs are ready. */
const EMPTY_MAX = 50;

/** An operation did not do what it was asked to: its time says nothing. */
export class WrongAnswer extends Error {
  override readonly name = 'WrongAnswer';
}

/** Throws a WrongAnswer when `found` is not `wanted`. */
export function requireCount(found: number, wanted: number, what: string): void {
  if (found !== wanted) throw new WrongAnswer(`${found} ${what}, where ${wanted} were asked for`);
}

/** A strategy in a database of its own, in which `depth` jobs are ready whenever an operation begins. */
export class Site implements AsyncDisposable {
  readonly factory: StrategyFactory;
  readonly depth: number;
  readonly #database: CellDatabase;
  readonly #workload = new Workload(PAYLOAD_BYTES, [0]);
  /** Of the site, not of a visit: those are shorter than the time between two runs of most strategies' upkeep. */
  readonly #upkeep: UpkeepSchedule | undefined;
  readonly #tables: readonly string[];
  #keys = 0;
  /** Jobs taken so far. */
  taken = 0;

  static async open(server: PostgresServer, factory: StrategyFactory, depth: number): Promise<Site> {
    await using opening = new AsyncDisposableStack();
    const database = opening.use(await server.openDatabase('micro'));
    await using driver = openDriver('pg', { ...database.connection, max: 1 });
    const strategy = factory.create({ schema: database.schema });
    await strategy.install(driver);
    const { rows } = await driver.query<{ readonly name: string }>({
      text: `SELECT relname AS name FROM pg_class WHERE relnamespace = $1::regnamespace AND relkind = 'r' ORDER BY relname`,
      values: [database.schema],
    });
    const tables = rows.map(({ name }) => qualify(database.schema, name));
    const site = new Site(factory, depth, database, tables);
    for (let left = depth; left > 0; left -= FILL_CHUNK)
      await strategy.enqueue(driver, site.newJobs(Math.min(FILL_CHUNK, left)));
    await site.keepUp(strategy, driver);
    await driver.query({ text: 'VACUUM ANALYZE' });
    opening.move();
    return site;
  }

  private constructor(
    factory: StrategyFactory,
    depth: number,
    database: CellDatabase,
    tables: readonly string[],
  ) {
    this.factory = factory;
    this.depth = depth;
    this.#database = database;
    this.#tables = tables;
    const { upkeep } = factory.create({ schema: database.schema });
    if (upkeep !== undefined) this.#upkeep = new UpkeepSchedule(upkeep, 0);
  }

  /** Of strategies on the shared table of jobs. */
  get jobsTable(): string {
    return qualify(this.#database.schema, 'jobs');
  }

  /** Jobs of which there is no other. */
  newJobs(count: number): NewJob[] {
    return Array.from({ length: count }, () => {
      const { payload } = this.#workload.job(this.#keys, 0);
      this.#keys += 1;
      return { queue: QUEUE, payload, maxAttempts: MAX_ATTEMPTS };
    });
  }

  /** Upkeep when it is due; of a log always, since what was enqueued is out of reach until a tick. */
  async keepUp(strategy: ClaimStrategy, driver: Driver): Promise<void> {
    if (this.factory.contract === 'event-log') await strategy.upkeep?.run(driver);
    else await this.#upkeep?.runWhenDue(driver);
  }

  /** The strategy through `name`, as a process of its own would open it. Clears up first what operations before it left behind. */
  async visit(name: DriverName): Promise<Visit> {
    await using opening = new AsyncDisposableStack();
    const driver = opening.use(openDriver(name, { ...this.#database.connection, max: 1 }));
    if (this.#tables.length > 0) await driver.query({ text: `VACUUM ${this.#tables.join(', ')}` });
    const strategy = this.factory.create({ schema: this.#database.schema });
    const session = opening.use(await strategy.openWorker(await driver.connect('micro'), 'micro'));
    const visit = new Visit({ site: this, strategy, driver, session }, opening.move());
    await visit.align();
    return visit;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#database[Symbol.asyncDispose]();
  }
}

/** One driver and one worker's session at a site. Between operations all of its jobs wait, and none is claimed. */
export class Visit implements AsyncDisposable {
  readonly site: Site;
  readonly strategy: ClaimStrategy;
  readonly driver: Driver;
  readonly session: WorkerSession;
  readonly #close: AsyncDisposableStack;

  constructor(parts: Pick<Visit, 'site' | 'strategy' | 'driver' | 'session'>, close: AsyncDisposableStack) {
    this.site = parts.site;
    this.strategy = parts.strategy;
    this.driver = parts.driver;
    this.session = parts.session;
    this.#close = close;
  }

  /** Exactly `count` jobs under a lease of this session. */
  async claim(count: number, leaseMs = LEASE_MS): Promise<readonly ClaimedJob[]> {
    const jobs = await this.session.claim(QUEUE, count, leaseMs);
    this.site.taken += jobs.length;
    requireCount(new Set(jobs.map((job) => job.id)).size, count, 'different jobs were claimed');
    return jobs;
  }

  async settle(jobs: readonly ClaimedJob[]): Promise<void> {
    requireAcked(await this.session.settle(acks(jobs)), jobs.length);
  }

  async enqueue(count: number): Promise<void> {
    if (count === 0) return;
    const ids = await this.strategy.enqueue(this.driver, this.site.newJobs(count));
    requireCount(new Set(ids).size, count, 'different ids were returned');
    await this.site.keepUp(this.strategy, this.driver);
  }

  /** Before an operation takes `count` jobs: at a depth below that there are none for it yet. */
  async supply(count: number): Promise<void> {
    if (this.site.depth < count) await this.enqueue(count);
  }

  /** After an operation took `count` jobs: puts others in their place, unless `supply` has. */
  async restore(count: number): Promise<void> {
    if (this.site.depth >= count) await this.enqueue(count);
  }

  /** Takes `count` jobs off the backlog, in as many claims as it needs. */
  async take(count: number): Promise<void> {
    let [left, empty] = [count, 0];
    while (left > 0) {
      const jobs = await this.session.claim(QUEUE, left, LEASE_MS);
      this.site.taken += jobs.length;
      if (jobs.length > 0) await this.settle(jobs);
      else {
        empty += 1;
        if (empty > EMPTY_MAX) throw new WrongAnswer(`${left} of ${count} jobs could not be claimed`);
        await this.site.keepUp(this.strategy, this.driver);
      }
      left -= jobs.length;
    }
  }

  /**
   * Takes as many jobs off the backlog as `ids`, which were enqueued last: its oldest. Where claims are of one job, a thousand would
   * take as many round trips: there it deletes these.
   */
  async drop(ids: readonly JobId[]): Promise<void> {
    const { fixed, relations } = this.strategy;
    if (ids.length === 1 || fixed?.batch === undefined || !relations.includes('jobs'))
      return this.take(ids.length);
    const { rowCount } = await this.driver.query({
      text: `DELETE FROM ${this.site.jobsTable} WHERE id = ANY ($1::bigint[])`,
      values: [ids],
    });
    requireCount(rowCount, ids.length, 'enqueued jobs were there');
  }

  /** In an event log, goes to the next multiple of ALIGNED. */
  async align(): Promise<void> {
    const { taken, depth, factory } = this.site;
    const beyond = taken % ALIGNED;
    if (factory.contract !== 'event-log' || beyond === 0 || depth < ALIGNED) return;
    await this.take(ALIGNED - beyond);
    await this.enqueue(ALIGNED - beyond);
  }

  /** Throws a WrongAnswer unless the database holds as many jobs as it must, all of them ready. */
  async requireDepth(): Promise<void> {
    const { ready, delayed, leased, dead } = await this.strategy.stats(this.driver, QUEUE);
    requireCount(ready, this.site.depth, 'jobs were ready afterwards');
    requireCount(delayed + leased + dead, 0, 'jobs were delayed, leased or dead afterwards');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#close.disposeAsync();
  }
}

/** The outcome `ack` of each job. */
export function acks(jobs: readonly ClaimedJob[]) {
  return jobs.map((job) => ({ kind: 'ack' as const, job }));
}

/** Throws a WrongAnswer unless so many jobs were acked, and nothing else was done. */
export function requireAcked(result: SettleResult, jobs: number): void {
  requireCount(result.acked, jobs, 'jobs were acked');
  const others = result.retried + result.deadLettered + result.released + result.stale.length;
  requireCount(others, 0, 'jobs were settled otherwise');
}

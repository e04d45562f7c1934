// Does a claim cost more where more jobs wait?

import { setTimeout as sleep } from 'node:timers/promises';
import { oneLine } from '../../../harness/errors.ts';
import { Workload } from '../../../harness/load/workload.ts';
import { startEmbedded } from '../../../harness/server/embedded.ts';
import type { PostgresServer } from '../../../harness/server/server.ts';
import {
  type ClaimStrategy,
  type Connection,
  type Driver,
  type NewJob,
  pgDriver,
  type StrategyFactory,
  type WorkerSession,
} from '../../../queue/index.ts';
import { UpkeepSchedule } from '../../../queue/worker/upkeep-schedule.ts';
import { bootstrapIntervalOfTwo } from '../../../stats/bootstrap.ts';
import { seeded } from '../../../stats/random.ts';
import { median, medianInPlace } from '../../../stats/spread.ts';
import type { Bench, Figure, Yardstick } from '../../yardstick.ts';
import { brief } from './cells.ts';
import { contestants } from './contestants.ts';

const SHALLOW = 10_000;
const DEEP = 1_000_000;
/** With CLAIMBENCH_FULL=1: as many as the target speaks of. */
const FULL = 10_000_000;
const SMOKE = { shallow: 1_000, deep: 5_000 };
const TARGET = 1.5;
/** Claims at either depth, in turn; the first are for the plans to settle: a generic one comes after five. */
const CLAIMS = 200;
const UNCOUNTED = 20;
const LEASE_MS = 3_600_000;
const QUEUE = 'bench';
const PAYLOAD_BYTES = 100;
const FILL_CHUNK = 5_000;
const FILLERS = 2;
/** How often an empty claim is asked again, where jobs become ready with time; then the strategy is stuck. */
const EMPTY_MAX = 500;
const EMPTY_WAIT_MS = 10;

/** The time of one claim of the default batch among few ready jobs and among many, in turn. */
export const depth: Yardstick = {
  name: 'depth',
  question: 'does a claim take as long among millions of ready jobs as among thousands?',
  async run(bench) {
    const shallow = bench.smoke ? SMOKE.shallow : SHALLOW;
    const deep = bench.smoke ? SMOKE.deep : process.env['CLAIMBENCH_FULL'] === '1' ? FULL : DEEP;
    await using server = await startEmbedded({ signal: bench.signal });
    const figures: Figure[] = [];
    for (const factory of contestants(bench))
      figures.push(...(await figuresOf(bench, server, factory, { shallow, deep })));
    if (deep < FULL)
      figures.push({
        what: `claim at ${brief(FULL)} ready jobs ÷ at ${brief(SHALLOW)}`,
        value: undefined,
        unit: '',
        target: { atMost: TARGET },
        note: 'CLAIMBENCH_FULL=1 measures it',
      });
    return figures;
  },
};

interface Depths {
  readonly shallow: number;
  readonly deep: number;
}

async function figuresOf(
  bench: Bench,
  server: PostgresServer,
  factory: StrategyFactory,
  depths: Depths,
): Promise<Figure[]> {
  const where = `${factory.strategyName}, claim at ${brief(depths.deep)} ready jobs ÷ at ${brief(depths.shallow)}`;
  // The target speaks of ten million: what fewer show is shown, and reaches nothing.
  const target = factory.control === true || depths.deep < FULL ? {} : { target: { atMost: TARGET } };
  try {
    const { shallow, deep, fillSeconds } = await compare(bench, server, factory, depths);
    const ratio = (of: 'serverMs' | 'clientMs', side: string): Figure => ({
      what: `${where}, ${side}`,
      value: deep[of] / shallow[of],
      unit: '',
      interval: betweenOf(deep.all, shallow.all, of),
      ...target,
      note: `one filling; medians of ${CLAIMS - UNCOUNTED} claims of ${brief(deep.jobs)} jobs: ${brief(deep[of])} and ${brief(shallow[of])} ms; means ${brief(deep.means[of])} and ${brief(shallow.means[of])}${depths.deep < FULL ? `; the target speaks of ${brief(FULL)}: CLAIMBENCH_FULL=1` : ''}`,
    });
    return [
      ratio('serverMs', 'at the server'),
      ratio('clientMs', 'at the client'),
      {
        what: `${factory.strategyName}, filling with ${brief(depths.deep)} jobs`,
        value: fillSeconds,
        unit: 's',
      },
    ];
  } catch (error) {
    bench.signal.throwIfAborted();
    const failed = { what: where, value: Number.NaN, unit: '', note: `failed: ${oneLine(error)}` };
    return [{ ...failed, target: { atMost: TARGET } }];
  }
}

async function compare(bench: Bench, server: PostgresServer, factory: StrategyFactory, depths: Depths) {
  await using shallow = await Site.open(server, factory);
  await using deep = await Site.open(server, factory);
  await shallow.fill(depths.shallow, bench.signal);
  const startMs = performance.now();
  await deep.fill(depths.deep, bench.signal);
  const fillSeconds = (performance.now() - startMs) / 1000;
  bench.say(`${factory.strategyName}: filled with ${brief(depths.deep)} jobs in ${brief(fillSeconds)} s`);
  const found: { shallow: Claim[]; deep: Claim[] } = { shallow: [], deep: [] };
  for (let i = 0; i < CLAIMS; i += 1) {
    bench.signal.throwIfAborted();
    found.shallow.push(await shallow.claim());
    found.deep.push(await deep.claim());
  }
  return { shallow: mediansOf(found.shallow), deep: mediansOf(found.deep), fillSeconds };
}

interface Claim {
  readonly serverMs: number;
  readonly clientMs: number;
  readonly jobs: number;
}

/** With their means, which a claim that is dear now and then cannot hide from. */
function mediansOf(
  claims: readonly Claim[],
): Claim & { readonly means: Claim; readonly all: readonly Claim[] } {
  const counted = claims.slice(UNCOUNTED);
  const of = (key: keyof Claim): number => median(counted.map((claim) => claim[key])) ?? Number.NaN;
  const mean = (key: keyof Claim): number =>
    counted.reduce((sum, claim) => sum + claim[key], 0) / counted.length;
  return {
    serverMs: of('serverMs'),
    clientMs: of('clientMs'),
    jobs: of('jobs'),
    all: counted,
    means: { serverMs: mean('serverMs'), clientMs: mean('clientMs'), jobs: mean('jobs') },
  };
}

/** Within which bounds the ratio of the medians lies, as far as the claims of one filling tell. */
function betweenOf(deep: readonly Claim[], shallow: readonly Claim[], of: 'serverMs' | 'clientMs') {
  const { low, high } = bootstrapIntervalOfTwo(
    deep.map((claim) => claim[of]),
    shallow.map((claim) => claim[of]),
    (a, b) => medianInPlace(a) / medianInPlace(b),
    { random: seeded(0), method: 'percentile' },
  );
  return [low, high] as const;
}

/** Statements of this connection and of reading them are known by this mark, and left out. */
const MARK = '/* claimbench depth */';
const SPENT = `
SELECT ${MARK} coalesce(sum(total_exec_time), 0)::float8 AS ms
FROM pg_stat_statements
WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND query NOT LIKE '%claimbench depth%'`;

/** One strategy in a database of its own, that always holds as many ready jobs. */
class Site implements AsyncDisposable {
  readonly #strategy: ClaimStrategy;
  readonly #driver: Driver;
  readonly #connection: Connection;
  readonly #session: WorkerSession;
  readonly #close: AsyncDisposableStack;
  readonly #workload = new Workload(PAYLOAD_BYTES, [0]);
  readonly #upkeep: UpkeepSchedule | undefined;
  #keys = 0;

  static async open(server: PostgresServer, factory: StrategyFactory): Promise<Site> {
    await using opening = new AsyncDisposableStack();
    const database = opening.use(await server.openDatabase('depth'));
    const driver = opening.use(pgDriver({ ...database.connection, max: FILLERS }));
    const strategy = factory.create({ schema: database.schema });
    await strategy.install(driver);
    const connection = await driver.connect('depth');
    const session = opening.use(await strategy.openWorker(connection, 'depth'));
    return new Site(strategy, driver, { connection, session }, opening.move());
  }

  private constructor(
    strategy: ClaimStrategy,
    driver: Driver,
    { connection, session }: { readonly connection: Connection; readonly session: WorkerSession },
    close: AsyncDisposableStack,
  ) {
    this.#strategy = strategy;
    this.#driver = driver;
    this.#connection = connection;
    this.#session = session;
    this.#close = close;
    if (strategy.upkeep !== undefined) this.#upkeep = new UpkeepSchedule(strategy.upkeep, 0);
  }

  /** Then the statistics are right and nothing is left to be written, as before every cell. */
  async fill(jobs: number, signal: AbortSignal): Promise<void> {
    const enqueue = async (): Promise<void> => {
      while (this.#keys < jobs) {
        signal.throwIfAborted();
        await this.#strategy.enqueue(this.#driver, this.#next(Math.min(FILL_CHUNK, jobs - this.#keys)));
      }
    };
    await Promise.all(Array.from({ length: FILLERS }, enqueue));
    const { ready } = await this.#strategy.stats(this.#driver, QUEUE);
    if (ready !== jobs) throw new Error(`${ready} jobs are ready after ${jobs} were enqueued`);
    // Or autovacuum would come meanwhile, and add to both sites alike.
    await this.#driver.query({ text: 'VACUUM ANALYZE' });
    await this.#driver.query({ text: 'CHECKPOINT' });
  }

  /** One claim, timed; what it took is settled and replaced outside that time. */
  async claim(): Promise<Claim> {
    const { batch } = this.#strategy.workerDefaults;
    let [clientMs, serverMs] = [0, 0];
    for (let empty = 0; empty < EMPTY_MAX; empty += 1) {
      await this.#upkeep?.runWhenDue(this.#driver);
      const before = await this.#spentMs();
      const startMs = performance.now();
      const jobs = await this.#session.claim(QUEUE, batch, LEASE_MS);
      // Empty answers on the way are part of what the jobs cost.
      clientMs += performance.now() - startMs;
      // Within a transaction a statement has ended, for the server's statistics, when the next one begins.
      await this.#connection.query({ text: `SELECT ${MARK} 1` });
      serverMs += (await this.#spentMs()) - before;
      if (jobs.length > 0) {
        await this.#session.settle(jobs.map((job) => ({ kind: 'ack', job })));
        await this.#strategy.enqueue(this.#driver, this.#next(jobs.length));
        return { serverMs, clientMs, jobs: jobs.length };
      }
      await sleep(EMPTY_WAIT_MS);
    }
    throw new Error(`${EMPTY_MAX} claims in a row were empty`);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#close.disposeAsync();
  }

  #next(count: number): NewJob[] {
    return Array.from({ length: count }, () => {
      const { payload } = this.#workload.job(this.#keys, 0);
      this.#keys += 1;
      return { queue: QUEUE, payload };
    });
  }

  /** Of all statements in this database so far. */
  async #spentMs(): Promise<number> {
    const { rows } = await this.#driver.query<{ readonly ms: number }>({ text: SPENT });
    return rows[0]?.ms ?? Number.NaN;
  }
}

// What does each test of the conformance suite stand on?

import assert from 'node:assert/strict';
import type { Driver } from '../drivers/driver.ts';
import { eventually } from '../eventually.ts';
import type {
  ClaimedJob,
  ClaimStrategy,
  JobRecord,
  NewJob,
  Outcome,
  StrategyFactory,
  WorkerSession,
} from '../strategy.ts';

/** What a test of the suite gets: a strategy installed in a fresh schema. */
export interface Bench {
  readonly driver: Driver;
  readonly strategy: ClaimStrategy;
  readonly schema: string;
  /** The same strategy for a second schema, not installed. */
  sibling(): ClaimStrategy;
  /** A session that is disposed when the test ends. */
  open(): Promise<WorkerSession>;
  /** A session, the same without upkeep before its claims, and the process id of its backend to end it by. */
  openOn(): Promise<{ readonly session: WorkerSession; readonly bare: WorkerSession; readonly pid: number }>;
  enqueue(...jobs: readonly Partial<NewJob>[]): Promise<readonly string[]>;
}

/** One test of the suite. */
export type Check = (bench: Bench) => Promise<void>;

/** The queue that the suite uses where one is enough. */
export const QUEUE = 'q';
/** Longer than any test. */
export const LEASE_MS = 60_000;

/** The outcome of a job that is done. */
export const ack = (job: ClaimedJob): Outcome => ({ kind: 'ack', job });
/** The ids of `jobs`, in their order. */
export const ids = (jobs: readonly ClaimedJob[]): readonly string[] => jobs.map((job) => job.id);

/** Claims one job, which must be ready. */
export async function claimOne(session: WorkerSession, leaseMs = LEASE_MS): Promise<ClaimedJob> {
  const [job] = await session.claim(QUEUE, 1, leaseMs);
  assert(job, 'a ready job is claimed');
  return job;
}

/** A job and the session that claimed it. */
export interface Taken {
  readonly job: ClaimedJob;
  readonly session: WorkerSession;
}

/**
 * Claims until `count` jobs are in hand, by one session where it can hold them all; where it answers empty before, as one
 * does that holds a single job at a time, by one more each time. In the order of the claims.
 */
export async function claimInTurn(bench: Bench, count: number): Promise<readonly Taken[]> {
  const taken: Taken[] = [];
  let session = await bench.open();
  for (let fresh = true; ; ) {
    const jobs = await session.claim(QUEUE, 10, LEASE_MS);
    taken.push(...jobs.map((job) => ({ job, session })));
    if (taken.length >= count) return taken;
    assert(jobs.length > 0 || !fresh, `${taken.length} of ${count} jobs were claimed, and no more are ready`);
    fresh = jobs.length === 0;
    if (fresh) session = await bench.open();
  }
}

/** States of the stored jobs, in the order of their ids. */
export async function storedStates({ strategy, driver }: Bench): Promise<readonly string[]> {
  return (await strategy.contents(driver, undefined, 100)).map((job) => job.state);
}

/** Claims until something comes: what has come back need not be the first thing that a claim looks at. */
export async function claimSoon(
  session: WorkerSession,
  limit: number,
  queue = QUEUE,
): Promise<readonly ClaimedJob[]> {
  let jobs: readonly ClaimedJob[] = [];
  await eventually(async () => {
    jobs = await session.claim(queue, limit, LEASE_MS);
    return jobs.length > 0;
  }, 'a ready job');
  return jobs;
}

/** Claims `count` jobs, a few at a time, and settles each by `outcome`. Returns them in the order of the claims. */
export async function settleNext(
  bench: Bench,
  count: number,
  outcome: (job: ClaimedJob) => Outcome,
  queue = QUEUE,
): Promise<readonly ClaimedJob[]> {
  const session = await bench.open();
  const settled: ClaimedJob[] = [];
  while (settled.length < count) {
    const jobs = await claimSoon(session, Math.min(10, count - settled.length), queue);
    const { stale } = await session.settle(jobs.map(outcome));
    assert.deepEqual(stale, []);
    settled.push(...jobs);
  }
  return settled;
}

/** The server's clock, in ms since the epoch. */
export async function serverMs({ driver }: Bench): Promise<number> {
  const { rows } = await driver.query<{ readonly ms: number }>({
    text: 'SELECT extract(epoch FROM clock_timestamp())::float8 * 1000 AS ms',
  });
  return rows[0]?.ms ?? Number.NaN;
}

/** What the strategy knows of one job, which must be there. */
export async function findOne({ strategy, driver }: Bench, id: string): Promise<JobRecord> {
  assert(strategy.inspection, 'the strategy looks jobs up');
  const [record, ...others] = await strategy.inspection.find(driver, [id]);
  assert(record && others.length === 0, `job ${id} is found once`);
  assert.equal(record.id, id);
  return record;
}

/** Waits until a lease has expired and was reaped. Returns the ids of the jobs that are dead letters now. */
export async function expireAndReap(bench: Bench): Promise<readonly string[]> {
  let dead: readonly string[] = [];
  await eventually(async () => {
    const reaped = await bench.strategy.reap(bench.driver, 100);
    dead = reaped.dead;
    return reaped.ended > 0;
  }, 'an expired lease');
  return dead;
}

/** The same session, before each of whose claims the upkeep is done that a worker would have done by then. */
function withUpkeep(session: WorkerSession, { upkeep }: ClaimStrategy, driver: Driver): WorkerSession {
  if (upkeep === undefined) return session;
  return new Proxy(session, {
    get(target, property) {
      if (property === 'claim') {
        return async (queue: string, limit: number, leaseMs: number) => {
          await upkeep.run(driver);
          return target.claim(queue, limit, leaseMs);
        };
      }
      const value: unknown = Reflect.get(target, property, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** Installs `factory`'s strategy in `schema`; what the bench opens, `closing` closes. */
export async function openBench(
  factory: StrategyFactory,
  driver: Driver,
  schema: string,
  closing: AsyncDisposableStack,
): Promise<Bench> {
  const strategy = factory.create({ schema });
  await strategy.install(driver);
  const openOn = async () => {
    const connection = await driver.connect('conformance');
    const bare = closing.use(await strategy.openWorker(connection, 'tester'));
    return { session: withUpkeep(bare, strategy, driver), bare, pid: connection.backendPid };
  };
  return {
    driver,
    strategy,
    schema,
    openOn,
    sibling: () => factory.create({ schema: `${schema} sibling` }),
    open: async () => (await openOn()).session,
    enqueue: (...jobs) =>
      strategy.enqueue(
        driver,
        jobs.map((job) => ({ queue: QUEUE, payload: {}, ...job })),
      ),
  };
}

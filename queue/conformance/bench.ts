// What does each test of the conformance suite stand on?

import assert from 'node:assert/strict';
import type { Driver } from '../drivers/driver.ts';
import { eventually } from '../eventually.ts';
import type {
  ClaimedJob,
  ClaimStrategy,
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

/** Waits until a lease has expired and was reaped. */
export async function expireAndReap(bench: Bench): Promise<void> {
  await eventually(async () => (await bench.strategy.reap(bench.driver, 100)) > 0, 'an expired lease');
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

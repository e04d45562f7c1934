// Does a settle under a lost lease bounce? Each strategy is tried before it is measured.

import { setTimeout as sleep } from 'node:timers/promises';
import type {
  ClaimedJob,
  ClaimStrategy,
  Driver,
  Outcome,
  SettleResult,
  WorkerSession,
} from '../../queue/index.ts';
import type { FenceReport } from '../contender.ts';

const QUEUE = 'fence-probe';
/** The shortest lease that a worker may ask for. */
const LEASE_MS = 100;
const REDELIVERED_WITHIN_MS = 5_000;
const POLL_MS = 20;

/**
 * Enqueues two jobs, claims both with one session, lets its lease end (by time, or with its connection), claims both
 * with another, and then settles with the first: one ack and one retry. Both must be stale, and the second session's
 * acks must count. Of a strategy whose sessions hold one job at a time one job is asked, and its ack is what is late.
 * Leaves nothing behind when the fence holds.
 */
export async function probeFence(strategy: ClaimStrategy, driver: Driver): Promise<FenceReport> {
  const count = strategy.fixed?.batch === undefined ? 2 : Math.min(2, strategy.workerDefaults.batch);
  await strategy.enqueue(driver, [1, 2].slice(0, count).map(probeJob));
  const { guarantees } = strategy;
  const firstConnection = await driver.connect('fence probe');
  const { backendPid } = firstConnection;
  await using first = await strategy.openWorker(firstConnection, 'fence-probe-1');
  await using second = await strategy.openWorker(await driver.connect('fence probe'), 'fence-probe-2');
  const held = await claimAll(strategy, driver, count, (limit) => first.claim(QUEUE, limit, LEASE_MS));
  if (held.length !== count)
    return problem(`${count} jobs were enqueued, a claim of them got ${held.length}`);
  if (guarantees.lease === 'timed') await sleep(LEASE_MS + POLL_MS);
  else await driver.query({ text: 'SELECT pg_terminate_backend($1)', values: [backendPid] });
  const again = await redelivered(strategy, driver, count, second);
  if (again.length !== count) {
    return problem(
      `of ${count} jobs whose lease had ended, ${again.length} came back within ${REDELIVERED_WITHIN_MS / 1000} s`,
    );
  }
  const late = await settleLate(first, held);
  const accepted = held.length - late.stale.length;
  const rest = await second.settle(again.map((job): Outcome => ({ kind: 'ack', job })));
  if (accepted > 0) {
    return {
      accepted,
      refused: late.stale.length,
      problem: `${accepted} of ${count} settles under a stale lease were accepted`,
    };
  }
  if (rest.acked !== count)
    return problem(`the present holder's own settle was refused: ${rest.acked} of ${count} acks counted`);
  return { accepted: 0, refused: late.stale.length };
}

function probeJob(n: number) {
  return { queue: QUEUE, payload: { probe: n } };
}

function redelivered(
  strategy: ClaimStrategy,
  driver: Driver,
  count: number,
  session: WorkerSession,
): Promise<ClaimedJob[]> {
  return claimAll(strategy, driver, count, async (limit) => {
    await strategy.reap(driver, 100);
    return session.claim(QUEUE, limit, 30_000);
  });
}

/** Claims until there are `count`, or time is up. What is ready only after upkeep is waited for. */
async function claimAll(
  { upkeep }: ClaimStrategy,
  driver: Driver,
  count: number,
  claim: (limit: number) => Promise<readonly ClaimedJob[]>,
): Promise<ClaimedJob[]> {
  const jobs: ClaimedJob[] = [];
  const deadline = performance.now() + REDELIVERED_WITHIN_MS;
  for (;;) {
    await upkeep?.run(driver);
    jobs.push(...(await claim(count - jobs.length)));
    if (jobs.length === count || performance.now() > deadline) return jobs;
    await sleep(POLL_MS);
  }
}

/** A session that is gone may answer with an error: that refuses everything. */
async function settleLate(session: WorkerSession, held: readonly ClaimedJob[]): Promise<SettleResult> {
  const [one, two] = held;
  const outcomes: Outcome[] = [];
  if (one !== undefined) outcomes.push({ kind: 'ack', job: one });
  if (two !== undefined) outcomes.push({ kind: 'retry', job: two, delayMs: 0, error: 'fence probe' });
  try {
    return await session.settle(outcomes);
  } catch {
    return { acked: 0, retried: 0, deadLettered: 0, released: 0, stale: held.map((job) => job.id) };
  }
}

function problem(text: string): FenceReport {
  return { accepted: 0, refused: 0, problem: text };
}

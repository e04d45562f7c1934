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
 * acks must count. Leaves nothing behind when the fence holds.
 */
export async function probeFence(strategy: ClaimStrategy, driver: Driver): Promise<FenceReport> {
  await strategy.enqueue(driver, [probeJob(1), probeJob(2)]);
  const { guarantees } = strategy;
  const firstConnection = await driver.connect('fence probe');
  const { backendPid } = firstConnection;
  await using first = await strategy.openWorker(firstConnection, 'fence-probe-1');
  await using second = await strategy.openWorker(await driver.connect('fence probe'), 'fence-probe-2');
  const held = await claimTwo(strategy, driver, (limit) => first.claim(QUEUE, limit, LEASE_MS));
  if (held.length !== 2) return problem(`two jobs were enqueued, a claim of two got ${held.length}`);
  if (guarantees.lease === 'timed') await sleep(LEASE_MS + POLL_MS);
  else await driver.query({ text: 'SELECT pg_terminate_backend($1)', values: [backendPid] });
  const again = await redelivered(strategy, driver, second);
  if (again.length !== 2) {
    return problem(
      `of two jobs whose lease had ended, ${again.length} came back within ${REDELIVERED_WITHIN_MS / 1000} s`,
    );
  }
  const late = await settleLate(first, held);
  const accepted = held.length - late.stale.length;
  const rest = await second.settle(again.map((job): Outcome => ({ kind: 'ack', job })));
  if (accepted > 0) {
    return {
      accepted,
      refused: late.stale.length,
      problem: `${accepted} of 2 settles under a stale lease were accepted`,
    };
  }
  if (rest.acked !== 2)
    return problem(`the present holder's own settle was refused: ${rest.acked} of 2 acks counted`);
  return { accepted: 0, refused: late.stale.length };
}

function probeJob(n: number) {
  return { queue: QUEUE, payload: { probe: n } };
}

function redelivered(strategy: ClaimStrategy, driver: Driver, session: WorkerSession): Promise<ClaimedJob[]> {
  return claimTwo(strategy, driver, async (limit) => {
    await strategy.reap(driver, 100);
    return session.claim(QUEUE, limit, 30_000);
  });
}

/** Claims until there are two, or time is up. What is ready only after upkeep is waited for. */
async function claimTwo(
  { upkeep }: ClaimStrategy,
  driver: Driver,
  claim: (limit: number) => Promise<readonly ClaimedJob[]>,
): Promise<ClaimedJob[]> {
  const jobs: ClaimedJob[] = [];
  const deadline = performance.now() + REDELIVERED_WITHIN_MS;
  for (;;) {
    await upkeep?.run(driver);
    jobs.push(...(await claim(2 - jobs.length)));
    if (jobs.length === 2 || performance.now() > deadline) return jobs;
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

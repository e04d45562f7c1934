// Does every job come back from a crash as it must: in time, not too soon, once, and to nobody who lost it?

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Driver } from '../drivers/driver.ts';
import type {
  ClaimedJob,
  ClaimStrategy,
  JobId,
  Outcome,
  StrategyFactory,
  WorkerSession,
} from '../strategy.ts';
import type { Life, LivingJob } from './life.ts';

/** A job is back within this, once its lease has ended or its instant has come. */
const REDELIVERY_MS = 1_000;
const LOOK_AGAIN_MS = 100;
/** Between a server's clock and ours. */
const CLOCK_MS = 5;
const PAGE = 1_000;

const ack = (job: ClaimedJob): Outcome => ({ kind: 'ack', job });

/** What a life's recovery works with. `crashedMs`: when the crash was over, and the server could be asked again. */
interface Recovery {
  readonly strategy: ClaimStrategy;
  readonly driver: Driver;
  readonly crashedMs: number;
  readonly session: WorkerSession;
  /** Settles under the leases that were lost. */
  readonly late: WorkerSession;
}

/** Works off what the crash left, and fails where a job's fate is not its own. */
export async function recover(
  factory: StrategyFactory,
  driver: Driver,
  { schema, jobs }: Life,
  crashedMs: number,
): Promise<void> {
  const strategy = factory.create({ schema });
  await using closing = new AsyncDisposableStack();
  const open = async (name: string) =>
    closing.use(await strategy.openWorker(await driver.connect(name), name));
  const recovery = { strategy, driver, crashedMs, session: await open('recovery'), late: await open('late') };
  const handedOut = new Map<JobId, number>();
  const waiting = new Map(jobs.filter(({ fate }) => fate.startsWith('back')).map((job) => [job.id, job]));
  while (waiting.size > 0) {
    const sentMs = Date.now();
    await maintain(recovery);
    for (const queue of new Set(jobs.map((job) => job.queue))) {
      for (const claimed of await recovery.session.claim(queue, 10, 60_000)) {
        handedOut.set(claimed.id, (handedOut.get(claimed.id) ?? 0) + 1);
        const job = waiting.get(claimed.id);
        assert(job, `job ${claimed.id} of step "${queue}" was handed out`);
        await take(recovery, job, claimed);
        waiting.delete(claimed.id);
      }
    }
    for (const job of waiting.values()) await judgeMissing(recovery, job, sentMs, waiting);
    if (waiting.size > 0) await sleep(LOOK_AGAIN_MS);
  }
  assert.deepEqual(new Set(handedOut.values()), handedOut.size === 0 ? new Set() : new Set([1]));
  const stored = await strategy.contents(driver, undefined, PAGE);
  assert.deepEqual(
    stored.map(({ id, state }) => [id, state]),
    jobs.filter(({ fate }) => fate === 'dead').map(({ id }) => [id, 'dead']),
  );
}

async function maintain({ strategy, driver }: Recovery): Promise<void> {
  await strategy.reap(driver, PAGE);
  await strategy.delay?.promote(driver, PAGE);
  await strategy.upkeep?.run(driver);
}

/** A job came back: was it time, is it what it was, and does its old lease count for nothing? */
async function take({ session, late }: Recovery, job: LivingJob, claimed: ClaimedJob): Promise<void> {
  const { step, id, dueMs, attempt, lost } = job;
  assert(Date.now() + CLOCK_MS >= dueMs, `${step}: job ${id} came back ${dueMs - Date.now()} ms too soon`);
  assert.equal(claimed.attempt, attempt, `${step}: attempt of job ${id}`);
  if (lost !== undefined) {
    const result = await late.settle([ack(lost)]);
    assert.deepEqual(
      [result.acked, result.stale],
      [0, [id]],
      `${step}: job ${id} was settled under its lost lease`,
    );
  }
  assert.equal((await session.settle([ack(claimed)])).acked, 1, `${step}: job ${id}`);
}

/**
 * A job did not come back to claims sent from `sentMs` on. That is too late when they were sent a second after it was due:
 * so judged, a busy machine, which asks late, fails nobody.
 */
async function judgeMissing(
  { strategy, driver, crashedMs }: Recovery,
  job: LivingJob,
  sentMs: number,
  waiting: Map<JobId, LivingJob>,
): Promise<void> {
  const lastMs = Math.max(job.dueMs, crashedMs) + job.slackMs + REDELIVERY_MS;
  if (sentMs < lastMs) return;
  if (job.fate === 'back or gone') {
    const stored = await strategy.contents(driver, undefined, PAGE);
    if (!stored.some(({ id }) => id === job.id)) {
      waiting.delete(job.id);
      return;
    }
  }
  assert.fail(
    `${job.step}: job ${job.id} is not back ${sentMs - lastMs + REDELIVERY_MS} ms after it was due`,
  );
}

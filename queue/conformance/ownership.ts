// Does a settle take effect once, for one, and leave the job what it was?

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ClaimedJob, Outcome, SettleResult, WorkerSession } from '../strategy.ts';
import { ack, type Bench, type Check, claimOne, LEASE_MS, QUEUE } from './bench.ts';

/** The test of contention at length. */
export const CROWDED = 'thousands of crowded claims never get more than asked for, nor the same job';
/** Claims that must hand something out before the test of crowded claims is done. */
const CROWDED_CLAIMS = 4_000;
/** What each of the crowd asks for: single jobs, where one too many is told most easily, or anything. */
const SINGLE = [1, 1, 1, 1, 1, 1, 1, 1];
const MIXED = [1, 1, 2, 3, 4, 5, 7, 16];

/** Jobs kept before they are settled together: the test is of claims, and a settle for each would double its time. */
const SETTLE_TOGETHER = 10;

const NOTHING: SettleResult = { acked: 0, retried: 0, deadLettered: 0, released: 0, stale: [] };

/** Each kind of outcome, and the field of the result that counts it. */
const KINDS: readonly (readonly [keyof SettleResult, (job: ClaimedJob) => Outcome])[] = [
  ['acked', ack],
  ['retried', (job) => ({ kind: 'retry', job, delayMs: 0, error: 'x' })],
  ['deadLettered', (job) => ({ kind: 'dead-letter', job, error: 'x' })],
  ['released', (job) => ({ kind: 'release', job })],
];

/** What a crowd of claimers has seen. */
interface Crowd {
  claims: number;
  readonly handedOut: Map<string, number>;
}

/** One claimer, until every job was handed out. */
async function join(bench: Bench, session: WorkerSession, limit: number, total: number, crowd: Crowd) {
  const held: ClaimedJob[] = [];
  // A session that holds one job can claim no other before it has settled that.
  const together = bench.strategy.fixed?.batch === undefined ? SETTLE_TOGETHER : 1;
  const settle = async (): Promise<void> => {
    const jobs = held.splice(0);
    if (jobs.length > 0) assert.equal((await session.settle(jobs.map(ack))).acked, jobs.length);
  };
  while (crowd.handedOut.size < total) {
    const jobs = await session.claim(QUEUE, limit, LEASE_MS);
    assert(jobs.length <= limit, `asked for ${limit}, got ${jobs.length}`);
    for (const { id } of jobs) crowd.handedOut.set(id, (crowd.handedOut.get(id) ?? 0) + 1);
    held.push(...jobs);
    if (jobs.length > 0) crowd.claims += 1;
    else if (held.length === 0) {
      await bench.strategy.upkeep?.run(bench.driver);
      await sleep(1);
    }
    if (jobs.length === 0 || held.length >= together) await settle();
  }
  await settle();
}

/** Hands `total` jobs out to one claimer for each of `limits`, all at once; returns how many claims were not empty. */
async function drainCrowded(bench: Bench, total: number, limits: readonly number[]): Promise<number> {
  const enqueued: string[] = [];
  while (enqueued.length < total) {
    const size = Math.min(5_000, total - enqueued.length);
    enqueued.push(...(await bench.enqueue(...Array.from({ length: size }, () => ({})))));
  }
  await bench.strategy.upkeep?.run(bench.driver);
  const crowd: Crowd = { claims: 0, handedOut: new Map() };
  const sessions = await Promise.all(
    limits.map(async (limit) => ({ limit, session: (await bench.openOn()).bare })),
  );
  await Promise.all(sessions.map(({ limit, session }) => join(bench, session, limit, total, crowd)));
  assert.deepEqual([...crowd.handedOut.keys()].sort(), enqueued.sort());
  assert.deepEqual(new Set(crowd.handedOut.values()), new Set([1]));
  assert.deepEqual(await bench.strategy.contents(bench.driver, undefined, 10), []);
  return crowd.claims;
}

/** This part of the suite, by the names of its tests. */
export const ownership: Readonly<Record<string, Check>> = {
  'a retry keeps the id, the payload and the attempts allowed': async (bench) => {
    const [id] = await bench.enqueue({ payload: { kept: true }, maxAttempts: 9 });
    const session = await bench.open();
    for (const attempt of [1, 2, 3]) {
      const job = await claimOne(session);
      assert.deepEqual([job.id, job.payload, job.attempt, job.maxAttempts], [id, { kept: true }, attempt, 9]);
      await session.settle([{ kind: 'retry', job, delayMs: 0, error: 'x' }]);
    }
    const stored = await bench.strategy.contents(bench.driver, undefined, 10);
    assert.deepEqual(stored, [{ id, state: 'ready', payload: { kept: true } }]);
  },

  'of two sessions that settle one job at once, one takes effect and the other is stale': async (bench) => {
    const [first, second] = [await bench.open(), await bench.open()];
    for (let round = 0; round < 20; round += 1) {
      const [id] = await bench.enqueue({});
      const job = await claimOne(first);
      const results = await Promise.all([first.settle([ack(job)]), second.settle([ack(job)])]);
      assert.deepEqual(results.map(({ acked }) => acked).sort(), [0, 1]);
      assert.deepEqual(
        results.flatMap(({ stale }) => stale),
        [id],
      );
    }
    assert.deepEqual(await bench.strategy.contents(bench.driver, undefined, 10), []);
  },

  'the same settle a second time is stale and changes nothing': async (bench) => {
    for (const [counted, outcome] of KINDS) {
      const [id] = await bench.enqueue({ queue: QUEUE, payload: counted });
      const session = await bench.open();
      const job = await claimOne(session);
      assert.deepEqual(await session.settle([outcome(job)]), { ...NOTHING, [counted]: 1 });
      const once = await bench.strategy.contents(bench.driver, undefined, 10);
      assert.deepEqual(await session.settle([outcome(job)]), { ...NOTHING, stale: [id] }, counted);
      assert.deepEqual(await bench.strategy.contents(bench.driver, undefined, 10), once, counted);
      // So that the next round's claim can only get the next round's job.
      for (const left of await session.claim(QUEUE, 10, LEASE_MS)) await session.settle([ack(left)]);
    }
  },

  'eight claimers never get more than asked for, nor the same job': async (bench) => {
    await drainCrowded(bench, 3_000, MIXED);
  },

  [CROWDED]: async (bench) => {
    const claims = await drainCrowded(bench, CROWDED_CLAIMS, SINGLE);
    assert(claims >= CROWDED_CLAIMS, `${claims} claims handed something out`);
  },
};

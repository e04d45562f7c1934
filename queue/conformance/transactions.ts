// Does somebody else's open transaction delay a job, and does a transaction's job come if and only if it commits?

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../drivers/driver.ts';
import { qualify, quoteIdentifier } from '../sql.ts';
import type { ClaimedJob, WorkerSession } from '../strategy.ts';
import { ack, type Bench, type Check, ids, LEASE_MS, QUEUE } from './bench.ts';

/** A job that is committed is handed out within this, whoever else has a transaction open. */
const DELIVERY_MS = 1_000;
const PROBE_MS = 20;

/** A test of its own, of all strategies at once: its name. */
export const HELD_TEN_SECONDS = 'an enqueue that is held open for ten seconds delays no other job';

/** Claims until `wanted` jobs are there; fails when they are not within a second. */
async function claimSoon(
  session: WorkerSession,
  wanted: number,
  what: string,
): Promise<readonly ClaimedJob[]> {
  const endMs = performance.now() + DELIVERY_MS;
  const jobs: ClaimedJob[] = [];
  for (;;) {
    jobs.push(...(await session.claim(QUEUE, wanted - jobs.length, LEASE_MS)));
    if (jobs.length >= wanted) return jobs;
    assert(performance.now() < endMs, `${what}: ${jobs.length} of ${wanted} within ${DELIVERY_MS} ms`);
    await sleep(PROBE_MS);
  }
}

/** Claims and acks `wanted` jobs, however many come at once; returns their ids, sorted. */
async function workOffSoon(session: WorkerSession, wanted: number, what: string): Promise<readonly string[]> {
  const done: string[] = [];
  while (done.length < wanted) {
    const jobs = await claimSoon(session, 1, what);
    assert.equal((await session.settle(jobs.map(ack))).acked, jobs.length, what);
    done.push(...ids(jobs));
  }
  return done.sort();
}

/** A transaction that stays open until the block that holds it ends, or `end` is called. */
async function openTransaction(
  { driver }: Pick<Bench, 'driver'>,
  begin: (tx: Database) => Promise<void>,
): Promise<AsyncDisposable & { end(how: 'COMMIT' | 'ROLLBACK'): Promise<void> }> {
  const connection = await driver.connect('transaction');
  await connection.query({ text: 'BEGIN' });
  await begin(connection);
  return {
    async end(how) {
      await connection.query({ text: how });
    },
    [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose](),
  };
}

/**
 * Holds an enqueue open for `openMs`: a job that is enqueued meanwhile comes within a second, and is settled; the one
 * that was held comes within a second of its commit. One job a second, as a slow queue has it: a strategy that waits
 * for the transaction, or for other jobs to push it on, fails.
 */
export async function holdEnqueueOpen(bench: Bench, openMs: number): Promise<void> {
  const session = await bench.open();
  let held: string | undefined;
  await using transaction = await openTransaction(bench, async (tx) => {
    [held] = await bench.strategy.enqueue(tx, [{ queue: QUEUE, payload: 'held' }]);
  });
  const endMs = performance.now() + openMs;
  for (let round = 0; performance.now() < endMs; round += 1) {
    const [id] = await bench.enqueue({ payload: round });
    const jobs = await claimSoon(session, 1, `round ${round} of an open transaction`);
    assert.deepEqual(ids(jobs), [id]);
    assert.equal((await session.settle(jobs.map(ack))).acked, 1);
    await sleep(Math.max(0, Math.min(DELIVERY_MS, endMs - performance.now())));
  }
  await transaction.end('COMMIT');
  const late = await claimSoon(session, 1, 'after the commit');
  assert.deepEqual(ids(late), [held]);
  assert.equal((await session.settle(late.map(ack))).acked, 1);
}

/** This part of the suite, by the names of its tests. */
export const transactions: Readonly<Record<string, Check>> = {
  'a rolled back enqueue leaves nothing': async (bench) => {
    const { strategy, driver } = bench;
    const [before] = await bench.enqueue({});
    await using transaction = await openTransaction(bench, async (tx) => {
      await strategy.enqueue(tx, [
        { queue: QUEUE, payload: 'a' },
        { queue: QUEUE, payload: 'b' },
      ]);
      await strategy.enqueue(tx, [{ queue: QUEUE, payload: 'c' }]);
    });
    await transaction.end('ROLLBACK');
    const [after] = await bench.enqueue({});
    const session = await bench.open();
    assert.deepEqual(await workOffSoon(session, 2, 'beside what was rolled back'), [before, after].sort());
    assert.deepEqual(await session.claim(QUEUE, 10, LEASE_MS), []);
    assert.deepEqual(await strategy.contents(driver, undefined, 10), []);
    const { ready, delayed, leased, dead } = await strategy.stats(driver, QUEUE);
    assert.deepEqual({ ready, delayed, leased, dead }, { ready: 0, delayed: 0, leased: 0, dead: 0 });
  },

  'an idle transaction that wrote to another table delays nothing': async (bench) => {
    const { driver, schema } = bench;
    // Not in the strategy's schema, which is its own.
    const other = `${schema} bystander`;
    await driver.query({ text: `CREATE SCHEMA ${quoteIdentifier(other)}` });
    await driver.query({ text: `CREATE TABLE ${qualify(other, 'orders')} (id bigint)` });
    await using _transaction = await openTransaction(bench, async (tx) => {
      await tx.query({ text: `INSERT INTO ${qualify(other, 'orders')} VALUES (1)` });
    });
    const session = await bench.open();
    for (let round = 0; round < 3; round += 1) {
      const enqueued = await bench.enqueue({}, {}, {}, {});
      const [job] = await claimSoon(session, 1, `round ${round}`);
      assert(job);
      const retry = { kind: 'retry', job, delayMs: 0, error: 'again' } as const;
      assert.equal((await session.settle([retry])).retried, 1);
      assert.deepEqual(await workOffSoon(session, 4, `the rest of round ${round}`), [...enqueued].sort());
    }
    assert.deepEqual(await bench.strategy.contents(driver, undefined, 10), []);
  },

  'an enqueue that is held open delays no other job, and comes when it commits': (bench) =>
    holdEnqueueOpen(bench, 500),
};

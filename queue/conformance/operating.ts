// Are single jobs found as they are, taken out when nobody has them, and put off without a cost?

import assert from 'node:assert/strict';
import { eventually } from '../eventually.ts';
import type { ClaimedJob, JobId } from '../strategy.ts';
import {
  ack,
  type Bench,
  type Check,
  claimOne,
  claimSoon,
  findOne,
  ids,
  LEASE_MS,
  QUEUE,
  serverMs,
  settleNext,
  storedStates,
} from './bench.ts';

/** An id that no test comes to. */
const NOBODY = '9223372036854775807';
const HOUR_MS = 3_600_000;
/** Between the server's clock and what is derived from it in another statement. */
const CLOSE_MS = 5_000;

const inAnHour = () => new Date(Date.now() + HOUR_MS);

function assertClose(actual: number | undefined, expected: number, what: string): void {
  assert(
    actual !== undefined && Math.abs(actual - expected) < CLOSE_MS,
    `${what} is ${actual}, about ${expected} expected`,
  );
}

async function remove({ strategy, driver }: Bench, asked: readonly JobId[]): Promise<readonly JobId[]> {
  assert(strategy.cancellation, 'the strategy can cancel');
  return strategy.cancellation.removeWaiting(driver, asked);
}

/** Claims until told that no more comes, and until a claim after that is empty. Acks all of it. */
async function claimUntil(bench: Bench, over: () => boolean, limit: number): Promise<readonly ClaimedJob[]> {
  const session = await bench.open();
  const claimed: ClaimedJob[] = [];
  for (;;) {
    const last = over();
    const jobs = await session.claim(QUEUE, limit, LEASE_MS);
    if (jobs.length > 0) assert.deepEqual((await session.settle(jobs.map(ack))).stale, []);
    else if (last) return claimed;
    claimed.push(...jobs);
  }
}

/** Of strategies with `inspection`: this part of the suite, by the names of its tests. */
export const finding: Readonly<Record<string, Check>> = {
  'a ready job is found with all that was given': async (bench) => {
    const startedMs = await serverMs(bench);
    const priority = bench.strategy.priorities === undefined ? 0 : 7;
    const [, id = ''] = await bench.enqueue({}, { payload: { a: [1, 'ü'] }, maxAttempts: 3, priority });
    const { enqueuedAtMs, ...record } = await findOne(bench, id);
    assert.deepEqual(record, {
      id,
      queue: QUEUE,
      state: 'ready',
      payload: { a: [1, 'ü'] },
      priority,
      attempt: 0,
      maxAttempts: 3,
      errors: [],
    });
    if (enqueuedAtMs !== undefined) assertClose(enqueuedAtMs, startedMs, 'the enqueue');
  },

  'a delayed job is found with its instant, be it enqueued so or put off': async (bench) => {
    const runAt = inAnHour();
    const [retried = ''] = await bench.enqueue({ payload: 'retried' });
    const [first = ''] = await bench.enqueue({ payload: 'first', runAt });
    await settleNext(bench, 1, (job) => ({ kind: 'retry', job, delayMs: HOUR_MS, error: 'later' }));
    const waiting = await findOne(bench, first);
    assert.deepEqual([waiting.state, waiting.attempt, waiting.payload], ['delayed', 0, 'first']);
    assert.equal(waiting.runAtMs, runAt.getTime());
    assert.deepEqual(waiting.errors, []);
    const again = await findOne(bench, retried);
    assert.deepEqual([again.state, again.attempt, again.payload], ['delayed', 1, 'retried']);
    assertClose(again.runAtMs, (await serverMs(bench)) + HOUR_MS, 'the retry');
    assert.deepEqual(
      again.errors.map(({ attempt, error }) => [attempt, error]),
      [[1, 'later']],
    );
  },

  'a leased job is found with its lease': async (bench) => {
    const [id = ''] = await bench.enqueue({ payload: 'leased', maxAttempts: 9 });
    const session = await bench.open();
    const job = await claimOne(session);
    const { enqueuedAtMs: _, leaseExpiresAtMs, worker, ...record } = await findOne(bench, id);
    const { payload, queue, priority } = job;
    const expected = {
      id,
      payload,
      queue,
      priority,
      state: 'leased',
      attempt: 1,
      maxAttempts: 9,
      errors: [],
    };
    assert.deepEqual(record, expected);
    if (bench.strategy.guarantees.lease === 'timed') {
      assertClose(leaseExpiresAtMs, job.lease.expiresAtMs, 'the end of the lease');
      assert.equal(worker, 'tester');
    } else assert.equal(leaseExpiresAtMs, undefined);
    await session.settle([{ kind: 'release', job }]);
    const released = await findOne(bench, id);
    assert.deepEqual([released.state, released.attempt], ['ready', 0]);
    assert.deepEqual([released.leaseExpiresAtMs, released.worker], [undefined, undefined]);
  },

  'a dead letter is found with its end': async (bench) => {
    const startedMs = await serverMs(bench);
    const [id = ''] = await bench.enqueue({ payload: 'dead', maxAttempts: 9 });
    await settleNext(bench, 1, (job) => ({ kind: 'dead-letter', job, error: 'no use' }));
    const { enqueuedAtMs: _, diedAtMs, errors, ...record } = await findOne(bench, id);
    assert.deepEqual(record, {
      id,
      queue: QUEUE,
      state: 'dead',
      payload: 'dead',
      priority: 0,
      attempt: 1,
      maxAttempts: 9,
    });
    assertClose(diedAtMs, startedMs, 'the death');
    assert.deepEqual(
      errors.map(({ attempt, error }) => [attempt, error]),
      [[1, 'no use']],
    );
  },

  'many jobs are found at once, each once, and not those that are done': async (bench) => {
    const { strategy, driver } = bench;
    const all = await bench.enqueue(...Array.from({ length: 25 }, (_, n) => ({ payload: n })));
    const done = ids(await settleNext(bench, 5, ack));
    const found = (await strategy.inspection?.find(driver, [...all, NOBODY, ...all])) ?? [];
    assert.deepEqual(found.map(({ id }) => id).sort(), all.filter((id) => !done.includes(id)).sort());
    for (const { id, payload } of found) assert.equal(payload, all.indexOf(id));
    assert.deepEqual(await strategy.inspection?.find(driver, []), []);
  },
};

/** Of strategies with `cancellation`. */
export const removing: Readonly<Record<string, Check>> = {
  'what was removed never runs; what is leased, dead, done or unknown is left alone': async (bench) => {
    const [dead = ''] = await bench.enqueue({});
    await settleNext(bench, 1, (job) => ({ kind: 'dead-letter', job, error: 'x' }));
    const [done = ''] = await bench.enqueue({});
    await settleNext(bench, 1, ack);
    const [held = ''] = await bench.enqueue({});
    const session = await bench.open();
    const job = await claimOne(session);
    const [released = ''] = await bench.enqueue({});
    await settleNext(bench, 1, (one) => ({ kind: 'release', job: one }));
    const waiting = await bench.enqueue({}, {}, { queue: 'other' });
    const all = [dead, done, held, released, ...waiting, NOBODY];
    assert.deepEqual([...(await remove(bench, all))].sort(), [released, ...waiting].sort());
    assert.deepEqual(await remove(bench, all), []);
    assert.deepEqual(await remove(bench, []), []);
    const left = await bench.strategy.contents(bench.driver, undefined, 100);
    assert.deepEqual(
      left.map(({ id, state }) => [id, state]),
      [
        [dead, 'dead'],
        [held, 'leased'],
      ],
    );
    const other = await bench.open();
    assert.deepEqual(await other.claim(QUEUE, 10, LEASE_MS), []);
    assert.deepEqual(await other.claim('other', 10, LEASE_MS), []);
    assert.equal((await session.settle([ack(job)])).acked, 1);
  },

  'delayed jobs and delayed retries are removed': async (bench) => {
    const { strategy, driver } = bench;
    const [retried = ''] = await bench.enqueue({});
    await settleNext(bench, 1, (job) => ({ kind: 'retry', job, delayMs: 50, error: 'x' }));
    const [first = '', kept = ''] = await bench.enqueue({ runAt: inAnHour() }, { runAt: inAnHour() });
    assert.deepEqual([...(await remove(bench, [first, retried]))].sort(), [retried, first].sort());
    const left = await strategy.contents(driver, undefined, 10);
    assert.deepEqual(
      left.map(({ id, state }) => [id, state]),
      [[kept, 'delayed']],
    );
    const promoted = await strategy.delay?.promote(driver, 10);
    assert.equal(promoted?.promoted, 0);
    assert(promoted.nextDueInMs !== undefined && promoted.nextDueInMs > HOUR_MS - CLOSE_MS);
  },

  'a removal that is rolled back has removed nothing': async (bench) => {
    const { strategy, driver } = bench;
    const [id = ''] = await bench.enqueue({});
    await assert.rejects(
      driver.transaction(async (tx) => {
        assert.deepEqual(await strategy.cancellation?.removeWaiting(tx, [id]), [id]);
        throw new Error('rolled back');
      }),
      /rolled back/,
    );
    assert.deepEqual(ids(await claimSoon(await bench.open(), 1)), [id]);
  },

  'a job is removed once or claimed once, whoever asks at the same time': async (bench) => {
    const removers = 2;
    for (let round = 0; round < 8; round += 1) {
      const all = await bench.enqueue(...Array.from({ length: 40 }, () => ({})));
      let removing = removers;
      const removals = Array.from({ length: removers }, async (_, number) => {
        const order = number % 2 === 0 ? all : [...all].reverse();
        const removed: JobId[] = [];
        for (let start = 0; start < order.length; start += 5)
          removed.push(...(await remove(bench, order.slice(start, start + 5))));
        removing -= 1;
        return removed;
      });
      const claims = [1, 3].map((limit) => claimUntil(bench, () => removing === 0, limit));
      // Together: what fails first is what is told, and nobody is left running.
      const [removed, claimed] = await Promise.all([Promise.all(removals), Promise.all(claims)]);
      assert.deepEqual([...removed.flat(), ...ids(claimed.flat())].sort(), [...all].sort(), `round ${round}`);
    }
    assert.deepEqual(await bench.strategy.contents(bench.driver, undefined, 10), []);
  },
};

/** Of strategies with `delay`. */
export const puttingOff: Readonly<Record<string, Check>> = {
  'a release with a delay comes back when it is due, and costs no attempt': async (bench) => {
    const { strategy, driver } = bench;
    const { delay } = strategy;
    assert(delay, 'the strategy has delays');
    const [id = ''] = await bench.enqueue({ maxAttempts: 1, payload: 'put off' });
    const session = await bench.open();
    const job = await claimOne(session);
    const putOff = { kind: 'release', job, delayMs: HOUR_MS } as const;
    assert.deepEqual(await session.settle([putOff]), {
      acked: 0,
      retried: 0,
      deadLettered: 0,
      released: 1,
      stale: [],
    });
    assert.deepEqual((await session.settle([putOff])).stale, [id]);
    assert.deepEqual(await storedStates(bench), ['delayed']);
    assert.deepEqual(await session.claim(QUEUE, 5, LEASE_MS), []);
    const { promoted, nextDueInMs } = await delay.promote(driver, 10);
    assert.equal(promoted, 0);
    assert(nextDueInMs !== undefined && nextDueInMs > HOUR_MS - CLOSE_MS && nextDueInMs <= HOUR_MS);
    assert.equal((await strategy.stats(driver, QUEUE)).delayed, 1);

    const [soon = ''] = await bench.enqueue({ maxAttempts: 1, payload: 'soon' });
    const second = await claimOne(session);
    assert.equal(second.id, soon);
    assert.equal((await session.settle([{ kind: 'release', job: second, delayMs: 300 }])).released, 1);
    assert.deepEqual(await session.claim(QUEUE, 5, LEASE_MS), []);
    await eventually(async () => (await delay.promote(driver, 10)).promoted === 1, 'a due job');
    const [again] = await claimSoon(session, 5);
    assert(again);
    assert.deepEqual([again.id, again.attempt, again.payload], [soon, 1, 'soon']);
    assert(BigInt(again.lease.fencingToken) > BigInt(second.lease.fencingToken));
    assert.deepEqual((await session.settle([ack(second)])).stale, [soon]);
    assert.equal((await session.settle([ack(again)])).acked, 1);
  },
};

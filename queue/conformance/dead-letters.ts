// Do dead letters rest until somebody asks, and come back as the jobs they were?

import assert from 'node:assert/strict';
import type { Database } from '../drivers/driver.ts';
import { eventually } from '../eventually.ts';
import type { ClaimedJob, DeadLetterFilter, DeadLetterStore, JobId, JobRecord } from '../strategy.ts';
import {
  ack,
  type Bench,
  type Check,
  claimOne,
  claimSoon,
  ids,
  LEASE_MS,
  QUEUE,
  serverMs,
  settleNext,
  storedStates,
} from './bench.ts';

const OTHER = 'other';

function storeOf({ strategy }: Bench): DeadLetterStore {
  assert(strategy.deadLetters, 'the strategy keeps dead letters');
  return strategy.deadLetters;
}

const listed = (bench: Bench, filter: DeadLetterFilter = {}, afterId?: JobId, limit = 100) =>
  storeOf(bench).list(bench.driver, filter, afterId, limit);

/** Redrives a page; returns the ids of what came back, which all have said their queue. */
async function redrive(
  bench: Bench,
  filter: DeadLetterFilter,
  limit: number,
  afterId?: JobId,
  db: Database = bench.driver,
): Promise<readonly JobId[]> {
  const redriven = await storeOf(bench).redrive(db, filter, limit, afterId);
  for (const { queue } of redriven) assert([QUEUE, OTHER].includes(queue), `queue ${queue}`);
  if (filter.queue !== undefined) assert(redriven.every(({ queue }) => queue === filter.queue));
  return redriven.map(({ id }) => id);
}

/** Purges a page; returns how many went. */
async function purge(bench: Bench, filter: DeadLetterFilter, limit: number): Promise<number> {
  const purged = await storeOf(bench).purge(bench.driver, filter, limit);
  assert.equal(new Set(purged).size, purged.length);
  return purged.length;
}

/** Ids in their order, which need not be that of the enqueues where queues or priorities differ. */
const ascending = (found: readonly JobId[]) => found.toSorted((a, b) => (BigInt(a) < BigInt(b) ? -1 : 1));

async function listedIds(bench: Bench, filter?: DeadLetterFilter): Promise<readonly JobId[]> {
  return (await listed(bench, filter)).map(({ id }) => id);
}

/** Enqueues `count` jobs and makes dead letters of them; returns their ids, ascending. */
async function bury(bench: Bench, count: number, queue = QUEUE): Promise<readonly JobId[]> {
  const enqueued = await bench.enqueue(...Array.from({ length: count }, (_, n) => ({ queue, payload: n })));
  await settleNext(bench, count, (job) => ({ kind: 'dead-letter', job, error: `end of ${job.id}` }), queue);
  return enqueued;
}

/** An instant between what died before this and what dies after it. */
async function instantBetween(bench: Bench): Promise<Date> {
  const latest = Math.max(...(await listed(bench)).map(({ diedAtMs = 0 }) => diedAtMs));
  const instant = Math.ceil(latest) + 1;
  await eventually(async () => (await serverMs(bench)) > instant, 'a later instant');
  return new Date(instant);
}

/** What filters of each kind, and two together, leave over; of jobs in two queues, some dead before `between`. */
async function buryBothQueues(bench: Bench) {
  const early = await bury(bench, 2);
  const between = await instantBetween(bench);
  const others = await bury(bench, 2, OTHER);
  const late = await bury(bench, 2);
  const [first = '', second = ''] = early;
  const [third = '', fourth = ''] = others;
  const cases: readonly (readonly [DeadLetterFilter, readonly JobId[]])[] = [
    [{ queue: 'nobody' }, []],
    [{ ids: [] }, []],
    [{ queue: OTHER }, others],
    [{ queue: OTHER, diedBefore: between }, []],
    [{ queue: QUEUE, diedBefore: between }, early],
    [{ diedBefore: between, ids: [second, third] }, [second]],
    [{ queue: OTHER, ids: [first, fourth, '999999999'] }, [fourth]],
    [{ ids: [third, first] }, [first, third]],
    [{ diedBefore: new Date(Date.now() + 3_600_000) }, [...early, ...others, ...late]],
  ];
  const sorted = cases.map(([filter, expected]) => [filter, ascending(expected)] as const);
  return { all: ascending([...early, ...others, ...late]), cases: sorted };
}

/** This part of the suite, by the names of its tests. */
export const deadLetters: Readonly<Record<string, Check>> = {
  'dead letters are listed whole, by id, in pages': async (bench) => {
    const startedMs = await serverMs(bench);
    // Enough for ids that sort otherwise as text.
    const all = await bury(bench, 12);
    const pages: JobRecord[][] = [];
    for (let afterId: JobId | undefined; ; ) {
      const page = await listed(bench, {}, afterId, 5);
      if (page.length === 0) break;
      pages.push([...page]);
      afterId = page.at(-1)?.id;
    }
    assert.deepEqual(
      pages.map((page) => page.length),
      [5, 5, 2],
    );
    assert.deepEqual(
      pages.flat().map(({ id }) => id),
      all,
    );
    const { enqueuedAtMs: _, diedAtMs = 0, errors, ...record } = pages[0]?.[0] ?? assert.fail();
    const id = all[0] ?? '';
    const rest = { state: 'dead', queue: QUEUE, priority: 0, attempt: 1, maxAttempts: 20 };
    assert.deepEqual(record, { id, payload: 0, ...rest });
    assert(diedAtMs >= startedMs - 1000 && diedAtMs <= (await serverMs(bench)) + 1000);
    assert.deepEqual(
      errors.map(({ attempt, error }) => [attempt, error]),
      [[1, `end of ${id}`]],
    );
  },

  'all that a filter of dead letters says must hold: list': async (bench) => {
    const { all, cases } = await buryBothQueues(bench);
    assert.deepEqual(await listedIds(bench), all);
    for (const [filter, expected] of cases)
      assert.deepEqual(await listedIds(bench, filter), expected, JSON.stringify(filter));
  },

  'all that a filter of dead letters says must hold: redrive': async (bench) => {
    const { all, cases } = await buryBothQueues(bench);
    let left = all;
    for (const [filter, expected] of cases) {
      const due = expected.filter((id) => left.includes(id));
      const redriven = await redrive(bench, filter, 100);
      assert.deepEqual([...redriven].sort(), [...due].sort(), JSON.stringify(filter));
      left = left.filter((id) => !due.includes(id));
      assert.deepEqual(await listedIds(bench), left, JSON.stringify(filter));
    }
  },

  'all that a filter of dead letters says must hold: purge': async (bench) => {
    const { all, cases } = await buryBothQueues(bench);
    let left = all;
    for (const [filter, expected] of cases) {
      const due = expected.filter((id) => left.includes(id));
      assert.equal(await purge(bench, filter, 100), due.length, JSON.stringify(filter));
      left = left.filter((id) => !due.includes(id));
      assert.deepEqual(await listedIds(bench), left, JSON.stringify(filter));
    }
    assert.deepEqual(await storedStates(bench), []);
  },

  'redrive and purge keep to their limit, and begin with the oldest': async (bench) => {
    const all = await bury(bench, 11);
    const first = await redrive(bench, {}, 3);
    assert.deepEqual(first, all.slice(0, 3));
    assert.deepEqual(await redrive(bench, {}, 2, first.at(-1)), all.slice(3, 5));
    assert.equal(await purge(bench, {}, 4), 4);
    assert.deepEqual(await listedIds(bench), all.slice(9));
    assert.deepEqual(await redrive(bench, {}, 100), all.slice(9));
    assert.deepEqual(await redrive(bench, {}, 100), []);
    assert.equal(await purge(bench, {}, 100), 0);
  },

  'redriven jobs come in the order that the strategy promises': async (bench) => {
    const { strategy } = bench;
    const { order } = strategy.guarantees;
    const priorities = strategy.priorities === undefined ? [0, 0, 0] : [5, -5, 5];
    const [a = '', b = '', c = ''] = await bench.enqueue(...priorities.map((priority) => ({ priority })));
    await settleNext(bench, 3, (job) => ({ kind: 'dead-letter', job, error: 'x' }));
    const redriven = await redrive(bench, { queue: QUEUE }, 10);
    assert.deepEqual(redriven, ascending([a, b, c]));
    const came = (await settleNext(bench, 3, ack)).map(({ id, priority }) => ({ id, priority }));
    const expected = order === 'priority-then-enqueue' ? [b, a, c] : [a, b, c];
    const seen = came.map(({ id }) => id);
    assert.deepEqual(order === 'none' ? [...seen].sort() : seen, expected);
    for (const { id, priority } of came) assert.equal(priority, priorities[[a, b, c].indexOf(id)]);
  },

  'a redriven job is the one that died, with all its attempts before it': async (bench) => {
    const { strategy, driver } = bench;
    const priority = strategy.priorities === undefined ? 0 : 3;
    const [id = ''] = await bench.enqueue({ payload: { kept: 'ü' }, maxAttempts: 2, priority });
    await settleNext(bench, 1, (job) => ({ kind: 'retry', job, delayMs: 0, error: 'one' }));
    await settleNext(bench, 1, (job) => ({ kind: 'dead-letter', job, error: 'two' }));
    assert.equal((await listed(bench))[0]?.attempt, 2);
    assert.deepEqual(await redrive(bench, { ids: [id] }, 1), [id]);
    assert.deepEqual(await storedStates(bench), ['ready']);
    assert.deepEqual(await listed(bench), []);
    const { ready, dead } = await strategy.stats(driver, QUEUE);
    assert.deepEqual([ready, dead], [1, 0]);
    for (const attempt of [1, 2]) {
      const [job] = await settleNext(bench, 1, (one) =>
        attempt === 1
          ? { kind: 'retry', job: one, delayMs: 0, error: 'three' }
          : { kind: 'dead-letter', job: one, error: 'four' },
      );
      assert(job);
      assert.deepEqual(
        [job.id, job.queue, job.payload, job.priority, job.attempt, job.maxAttempts],
        [id, QUEUE, { kept: 'ü' }, priority, attempt, 2],
      );
    }
    const [again] = await listed(bench);
    assert.deepEqual(
      again?.errors.map(({ attempt, error }) => [attempt, error]),
      [
        [1, 'one'],
        [2, 'two'],
        [1, 'three'],
        [2, 'four'],
      ],
    );
  },

  'a token of before a redrive stays stale': async (bench) => {
    const [id = ''] = await bench.enqueue({});
    const session = await bench.open();
    const old: ClaimedJob[] = [];
    for (let claims = 0; claims < 3; claims += 1) {
      const [job] = await claimSoon(session, 1);
      assert(job);
      old.push(job);
      await session.settle([{ kind: claims < 2 ? 'retry' : 'dead-letter', job, delayMs: 0, error: 'x' }]);
    }
    const late = async (when: string): Promise<void> => {
      for (const job of old) {
        assert.deepEqual((await session.settle([ack(job)])).stale, [id], when);
        assert.deepEqual((await session.settle([{ kind: 'release', job }])).stale, [id], when);
      }
    };
    await redrive(bench, {}, 1);
    await late('while it is ready');
    const other = await bench.open();
    for (let claims = 0; claims < 4; claims += 1) {
      const [job] = await claimSoon(other, 1);
      assert(job);
      for (const { lease } of old)
        assert(BigInt(job.lease.fencingToken) > BigInt(lease.fencingToken), `claim ${claims}`);
      await late(`in claim ${claims}`);
      assert.deepEqual(await storedStates(bench), ['leased']);
      await other.settle([{ kind: 'retry', job, delayMs: 0, error: 'x' }]);
    }
  },

  'several may redrive at once, and each dead letter comes back once': async (bench) => {
    const all = await bury(bench, 120);
    const redriven = await Promise.all(
      Array.from({ length: 4 }, async () => {
        const mine: JobId[] = [];
        for (;;) {
          const page = await redrive(bench, { queue: QUEUE }, 7);
          mine.push(...page);
          // An empty page may only mean that others have the rest in hand.
          if (page.length === 0 && (await listed(bench)).length === 0) return mine;
        }
      }),
    );
    assert.deepEqual(redriven.flat().sort(), [...all].sort());
    assert.deepEqual(ids(await settleNext(bench, 120, ack)).toSorted(), [...all].sort());
    assert.deepEqual(await storedStates(bench), []);
  },

  'a redrive waits for nobody: what others have in hand it passes over': async (bench) => {
    const all = await bury(bench, 6);
    await bench.driver.transaction(async (tx) => {
      assert.deepEqual(await redrive(bench, {}, 2, undefined, tx), all.slice(0, 2));
      assert.deepEqual(await redrive(bench, {}, 2), all.slice(2, 4));
      assert.equal(await purge(bench, { ids: all.slice(0, 5) }, 10), 1);
      assert.equal((await bench.strategy.stats(bench.driver, QUEUE)).ready, 2);
    });
    assert.deepEqual(await listedIds(bench), all.slice(5));
    assert.deepEqual(ids(await settleNext(bench, 4, ack)).toSorted(), all.slice(0, 4).toSorted());
  },

  'of a purge and a redrive at once one gets each dead letter': async (bench) => {
    const all = await bury(bench, 100);
    const left = async () => (await listed(bench)).length > 0;
    const [redriven, purged] = await Promise.all([
      (async () => {
        const mine: JobId[] = [];
        do mine.push(...(await redrive(bench, {}, 5)));
        while (await left());
        return mine;
      })(),
      (async () => {
        let count = 0;
        do count += await purge(bench, {}, 5);
        while (await left());
        return count;
      })(),
    ]);
    assert.equal(redriven.length + purged, all.length);
    assert.equal((await bench.strategy.stats(bench.driver, QUEUE)).ready, redriven.length);
  },

  'a redrive or a purge that is rolled back has changed nothing': async (bench) => {
    const store = storeOf(bench);
    const all = await bury(bench, 2);
    for (const act of ['redrive', 'purge'] as const)
      await assert.rejects(
        bench.driver.transaction(async (tx) => {
          await store[act](tx, {}, 10);
          throw new Error('rolled back');
        }),
        /rolled back/,
      );
    assert.deepEqual(await listedIds(bench), all);
    const session = await bench.open();
    assert.deepEqual(await session.claim(QUEUE, 10, LEASE_MS), []);
    assert.equal(await purge(bench, {}, 10), 2);
  },

  'a job that is redriven can be claimed, and settled, at once': async (bench) => {
    const [id] = await bury(bench, 1);
    await redrive(bench, {}, 1);
    const session = await bench.open();
    const job = await claimOne(session);
    assert.equal(job.id, id);
    assert.equal((await session.settle([ack(job)])).acked, 1);
    assert.deepEqual(await storedStates(bench), []);
  },
};

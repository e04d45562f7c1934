// Does the server grant no more than the limits allow, whatever is asked in whatever order?

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { type TestDatabase, testDatabase } from '../../testing/database.ts';
import { driverKinds } from '../conformance/drivers.ts';
import { createQueue, type Driver, type Queue } from '../index.ts';
import { type LeasedJob, type TurnRequest, turnsOf } from './turn.ts';
import { turnRoutine } from './turn-sql.ts';

let database: TestDatabase;
before(async () => {
  database = await testDatabase();
});
after(() => database[Symbol.asyncDispose]());

const NOTHING: TurnRequest = {
  wanted: [],
  adopted: [],
  renewed: [],
  ended: [],
  used: [],
  leaseMs: 60_000,
  toleranceMs: 5,
  horizonMs: 0,
};

const job = (id: number): LeasedJob => ({ id: String(id), token: '1' });
const jobs = (first: number, count: number) => Array.from({ length: count }, (_, n) => job(first + n));
const ids = (of: readonly { readonly id: string }[]) => of.map(({ id }) => Number(id));

async function keyed(queue: Queue, of: Readonly<Record<number, string>>): Promise<void> {
  await queue.driver.query({
    text: `
INSERT INTO ${queue.context.tables.jobKeys} (job_id, queue, key) SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[])`,
    values: [Object.keys(of), Object.keys(of).map(() => 'q'), Object.values(of)],
  });
}

/** Tokens that count now. */
async function tokensOut({ driver, context }: Queue, queue = 'q'): Promise<number> {
  const { rows } = await driver.query<{ readonly jobs: number }>({
    text: `SELECT coalesce(sum(jobs), 0)::integer AS jobs FROM ${context.tables.starts} WHERE queue = $1`,
    values: [queue],
  });
  return rows[0]?.jobs ?? 0;
}

for (const { label, open } of driverKinds) {
  const opened = async (schema: string, settings = {}): Promise<{ driver: Driver; queue: Queue }> => {
    const driver = open({ ...database.settings, max: 6, ...settings });
    const queue = createQueue({ driver, schema: `${schema} ${label}`, wakeup: 'poll' });
    await queue.install();
    return { driver, queue };
  };

  test(`${label}: a queue that nobody limits grants all and writes nothing`, async () => {
    const { driver, queue } = await opened('free');
    await using _ = driver;
    const turn = turnsOf(queue.context, 'q', 'w');
    const answer = await turn({ ...NOTHING, wanted: jobs(1, 3), ended: [job(9)], renewed: [job(8)] });
    assert.equal(answer.limited, false);
    assert.deepEqual(ids(answer.grants), [1, 2, 3]);
    assert(answer.grants.every(({ slot, hasPermit }) => slot === null && !hasPermit));
    assert.deepEqual(answer.held, [job(8)]);
  });

  test(`${label}: tokens: so many per period, ahead only within the horizon, back one period after their use`, async () => {
    const { driver, queue } = await opened('rate');
    await using _ = driver;
    await queue.limits.set('q', { rate: { jobs: 3, periodMs: 40_000 } });
    const turn = turnsOf(queue.context, 'q', 'w');
    const one = await turn({ ...NOTHING, wanted: jobs(1, 2) });
    assert.deepEqual(ids(one.grants), [1, 2]);
    assert.equal(one.tokenInMs, undefined);
    const two = await turn({ ...NOTHING, wanted: jobs(3, 2) });
    assert.deepEqual(ids(two.grants), [3]);
    const slotMs = 40_000 / 200;
    const { tokenInMs = 0 } = two;
    assert(tokenInMs > 38_000 && tokenInMs <= 40_000 + slotMs + 5, `next token in ${tokenInMs} ms`);
    const three = await turn({ ...NOTHING, wanted: jobs(4, 9), horizonMs: 41_000 });
    assert.deepEqual(ids(three.grants), [4, 5, 6], 'each token once ahead');
    for (const { fromMs } of three.grants) assert(fromMs - performance.now() > 38_000);
    assert((three.tokenInMs ?? 0) > 78_000);
    assert.equal(await tokensOut(queue), 6);
    const none = await turn({ ...NOTHING, wanted: jobs(7, 1), horizonMs: 41_000 });
    assert.deepEqual(none.grants, []);
  });

  test(`${label}: a token that was not used is free at once, and one that was, sooner than if nobody spoke of it`, async () => {
    const { driver, queue } = await opened('used');
    await using _ = driver;
    await queue.limits.set('q', { rate: { jobs: 2, periodMs: 100_000 } });
    const turn = turnsOf(queue.context, 'q', 'w');
    const tolerant = { ...NOTHING, toleranceMs: 10_000 };
    const [first, second] = (await turn({ ...tolerant, wanted: jobs(1, 2) })).grants;
    assert(first?.slot && second?.slot);
    const unspoken = await turn({ ...tolerant, wanted: jobs(3, 1) });
    assert((unspoken.tokenInMs ?? 0) > 105_000);
    const byUs = Math.ceil((performance.now() + first.serverAheadMs) * 1000);
    const told = await turn({
      ...tolerant,
      wanted: jobs(3, 2),
      used: [
        { slot: first.slot, jobs: 1, byUs },
        { slot: second.slot, jobs: 1, byUs: null },
      ],
    });
    assert.deepEqual(ids(told.grants), [3]);
    assert((told.tokenInMs ?? 0) > 95_000 && (told.tokenInMs ?? 0) < 101_000, `in ${told.tokenInMs} ms`);
    assert.equal(await tokensOut(queue), 2);
  });

  test(`${label}: the server’s clock set back by an hour locks no token up for longer than a period`, async () => {
    const { driver, queue } = await opened('clock');
    await using _ = driver;
    await queue.limits.set('q', { rate: { jobs: 1, periodMs: 500 } });
    const turn = turnsOf(queue.context, 'q', 'w');
    await turn({ ...NOTHING, wanted: jobs(1, 1) });
    await driver.query({ text: `UPDATE ${queue.context.tables.starts} SET slot = slot + 3600000000` });
    const answer = await turn({ ...NOTHING, wanted: jobs(2, 1) });
    assert.deepEqual(answer.grants, []);
    assert((answer.tokenInMs ?? 0) <= 505, `next token in ${answer.tokenInMs} ms`);
  });

  test(`${label}: a period whose slots are hours wide is refused without a write`, async () => {
    const { driver, queue } = await opened('wide');
    await using _ = driver;
    await queue.limits.set('q', { rate: { jobs: 1, periodMs: 31 * 86_400_000 } });
    const turn = turnsOf(queue.context, 'q', 'w');
    await turn({ ...NOTHING, wanted: jobs(1, 1) });
    const version = async () =>
      (await driver.query({ text: `SELECT slot, xmin::text FROM ${queue.context.tables.starts}` })).rows;
    const written = await version();
    assert.deepEqual((await turn({ ...NOTHING, wanted: jobs(2, 1) })).grants, []);
    assert.deepEqual(await version(), written);
  });

  test(`${label}: permits that have expired are not read`, async () => {
    const { driver, queue } = await opened('unread');
    await using _ = driver;
    await queue.limits.set('q', { concurrency: 3, concurrencyPerKey: 2 });
    await keyed(queue, { 1: 'a', 2: 'a' });
    const { tables } = queue.context;
    await driver.query({
      text: `
INSERT INTO ${tables.permits} (job_id, queue, key, worker, token, expires_at)
SELECT n, 'q', 'a', 'w', '1', now() - n * interval '1 minute' FROM generate_series(100, 20000) AS n`,
    });
    await driver.query({ text: `ANALYZE ${tables.permits}` });
    const [granted, read] = await driver.transaction(async (tx) => {
      const { rows } = await tx.query<{ readonly started: readonly string[] }>({
        text: `SELECT started FROM ${turnRoutine(tables).name}(
  'q', 'w', 60000, 5000, 0, '{1,2}', '{1,1}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}')`,
      });
      const seen = await tx.query<{ readonly tuples: number }>({
        text: `
SELECT (coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::integer AS tuples
FROM pg_stat_xact_user_tables WHERE relid = '${tables.permits}'::regclass`,
      });
      return [rows[0]?.started, seen.rows[0]?.tuples];
    });
    assert.deepEqual(granted?.map(Number), [1, 2]);
    assert((read ?? Number.POSITIVE_INFINITY) < 50, `${read} rows of permits were read`);
  });

  test(`${label}: permits: never more than the limit, each of one lease, and back when they end or expire`, async () => {
    const { driver, queue } = await opened('permits');
    await using _ = driver;
    await queue.limits.set('q', { concurrency: 2 });
    const [ours, theirs] = [turnsOf(queue.context, 'q', 'a'), turnsOf(queue.context, 'q', 'b')];
    assert.deepEqual(ids((await ours({ ...NOTHING, wanted: jobs(1, 3) })).grants), [1, 2]);
    assert.deepEqual((await theirs({ ...NOTHING, wanted: jobs(3, 1) })).grants, []);
    // The lease of job 2 is lost, and another worker has it: as its handler may be at work still, it waits like any other.
    const again = { id: '2', token: '2' };
    assert.deepEqual((await theirs({ ...NOTHING, wanted: [again], ended: [job(2), again] })).grants, []);
    const late = await ours({ ...NOTHING, ended: [job(2)], renewed: jobs(1, 2) });
    assert.deepEqual(late.held, [job(1)]);
    assert.deepEqual(ids((await theirs({ ...NOTHING, wanted: [again, job(3)] })).grants), [2]);
    // Asked again because the answer was lost, it needs no other room than its own.
    assert.deepEqual(ids((await theirs({ ...NOTHING, wanted: [again, job(3)] })).grants), [2]);
    // Who had it before can neither prolong nor end what is another's by now.
    const gone = await ours({
      ...NOTHING,
      wanted: [job(4)],
      ended: [job(2), again],
      renewed: [again, job(1)],
    });
    assert.deepEqual([ids(gone.grants), gone.held], [[], [job(1)]]);
    const freed = await theirs({ ...NOTHING, wanted: [job(4)], ended: [again] });
    assert.deepEqual(ids(freed.grants), [4]);
    const expiring = await theirs({ ...NOTHING, renewed: [job(4)], leaseMs: 1 });
    assert.deepEqual(expiring.held, [job(4)]);
    await sleep(5);
    assert.deepEqual((await theirs({ ...NOTHING, renewed: [job(4)] })).held, [], 'expired is lost');
    assert.deepEqual(ids((await ours({ ...NOTHING, wanted: jobs(5, 3) })).grants), [5]);
    // A limit that is lowered takes nothing from anybody, and grants nothing before there is room.
    await queue.limits.set('q', { concurrency: 1 });
    assert.deepEqual((await ours({ ...NOTHING, wanted: [job(6)], ended: [job(1)] })).grants, []);
    assert.deepEqual(ids((await ours({ ...NOTHING, wanted: [job(6)], ended: [job(5)] })).grants), [6]);
    // What runs without a permit takes one over the limit.
    await ours({ ...NOTHING, adopted: jobs(7, 3) });
    await queue.limits.set('q', { concurrency: 4 });
    assert.deepEqual((await ours({ ...NOTHING, wanted: [job(10)] })).grants, []);
  });

  test(`${label}: keys: whose key is at its limit is put off, in the order of the jobs; others pass`, async () => {
    const { driver, queue } = await opened('keys');
    await using _ = driver;
    await queue.limits.set('q', { concurrencyPerKey: 1, concurrency: 3 });
    await keyed(queue, { 1: 'a', 2: 'a', 3: 'b', 5: 'a', 6: 'c' });
    const turn = turnsOf(queue.context, 'q', 'w');
    const one = await turn({ ...NOTHING, wanted: jobs(1, 6) });
    assert.deepEqual(
      [ids(one.grants), ids(one.postponed)],
      [
        [1, 3, 4],
        [2, 5],
      ],
    );
    assert.deepEqual(one.keyed.map(Number), [1, 2, 3, 5, 6]);
    const two = await turn({ ...NOTHING, wanted: [job(2), job(6)], ended: [job(4)] });
    assert.deepEqual([ids(two.grants), two.postponed], [[6], [{ id: '2', key: 'a' }]]);
    const three = await turn({ ...NOTHING, wanted: [job(2)], ended: [job(1)] });
    assert.deepEqual([ids(three.grants), three.postponed], [[2], []]);
    // Without a limit of the queue, only who has a key needs a permit.
    await queue.limits.set('q', { concurrency: null });
    const free = await turn({ ...NOTHING, wanted: [job(7), job(5)], ended: [job(2)] });
    assert.deepEqual(
      free.grants.map(({ id, hasPermit }) => [Number(id), hasPermit]),
      [
        [7, false],
        [5, true],
      ],
    );
  });

  test(`${label}: rate and permits are taken together or not at all, and a paused queue grants nothing`, async () => {
    const { driver, queue } = await opened('both');
    await using _ = driver;
    await queue.limits.set('q', { concurrency: 2, rate: { jobs: 3, periodMs: 600_000 } });
    const turn = turnsOf(queue.context, 'q', 'w');
    assert.deepEqual(ids((await turn({ ...NOTHING, wanted: jobs(1, 4) })).grants), [1, 2]);
    assert.equal(await tokensOut(queue), 2);
    const full = await turn({ ...NOTHING, wanted: jobs(3, 1) });
    assert.deepEqual([full.grants, full.tokenInMs], [[], undefined]);
    const next = await turn({ ...NOTHING, wanted: jobs(3, 2), ended: jobs(1, 2) });
    assert.deepEqual(ids(next.grants), [3]);
    assert((next.tokenInMs ?? 0) > 590_000);
    await queue.pause('q');
    const paused = await turn({ ...NOTHING, wanted: jobs(4, 1), ended: jobs(3, 1) });
    assert.deepEqual([paused.grants, paused.paused], [[], true]);
  });

  test(`${label}: a database that defaults to a stricter isolation makes no difference`, async () => {
    const { driver, queue } = await opened('strict', {
      sessionOptions: '-c default_transaction_isolation=serializable',
    });
    await using _ = driver;
    await queue.limits.set('q', { concurrency: 5 });
    const turn = turnsOf(queue.context, 'q', 'w');
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, n) => turn({ ...NOTHING, wanted: jobs(1 + n * 2, 2) })),
    );
    assert.equal(answers.flatMap(({ grants }) => grants).length, 5);
  });

  test(`${label}: whatever is asked at once, the limits hold`, async () => {
    const { driver, queue } = await opened('any');
    await using _ = driver;
    let run = 0;
    const asks = fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 2, maxLength: 6 });
    const limit = fc.integer({ min: 1, max: 12 });
    await fc.assert(
      fc.asyncProperty(limit, limit, asks, async (concurrency, rate, counts) => {
        run += 1;
        const name = `q${run}`;
        await queue.limits.set(name, { concurrency, rate: { jobs: rate, periodMs: 86_400_000 } });
        let next = run * 100;
        const answers = await Promise.all(
          counts.map((count, n) => {
            const first = next;
            next += count;
            return turnsOf(queue.context, name, `w${n}`)({ ...NOTHING, wanted: jobs(first, count) });
          }),
        );
        const granted = answers.flatMap(({ grants }) => grants).length;
        const wanted = counts.reduce((sum, count) => sum + count, 0);
        assert.equal(granted, Math.min(wanted, concurrency, rate));
        assert.equal(await tokensOut(queue, name), granted);
      }),
      { numRuns: 40 },
    );
  });
}

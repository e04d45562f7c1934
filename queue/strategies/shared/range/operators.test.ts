// Do looks at single jobs and redrives of dead letters hold beside workers, and read no more than what is asked for?

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { testDatabase } from '../../../../testing/database.ts';
import { pgDriver } from '../../../drivers/pg.ts';
import { eventually } from '../../../eventually.ts';
import { PlanReader } from '../../../plans/touched.ts';
import { installLayout } from '../../../schema/layout.ts';
import type { ClaimedJob, JobId, Outcome, StrategyFactory } from '../../../strategy.ts';
import { rangeLease } from '../../range-lease.ts';
import { ring } from '../../ring.ts';
import { LEASE_MS, rangeBench, SCHEMA } from './range-bench.ts';

async function bench(t: TestContext, factory: StrategyFactory) {
  const { settings: own } = await testDatabase(t);
  const settings = { ...own, sessionOptions: '-c statement_timeout=20s' };
  const { driver, strategy, open } = await rangeBench(t, factory, settings);
  const { inspection, cancellation, deadLetters } = strategy;
  assert(inspection && cancellation && deadLetters);
  return { settings, driver, strategy, open, inspection, cancellation, deadLetters };
}

const jobs = (count: number) => Array.from({ length: count }, (_, n) => ({ queue: 'q', payload: n }));
const ack = (job: ClaimedJob): Outcome => ({ kind: 'ack', job });

for (const factory of [rangeLease, ring]) {
  const name = factory.strategyName;

  test(`${name}: a job on its way is found once, at every moment`, async (t) => {
    const { settings, driver, strategy, open, inspection, deadLetters } = await bench(t, factory);
    const ids = await strategy.enqueue(driver, jobs(30));
    const endMs = performance.now() + 6_000;
    let over = false;
    const outcomes: readonly ((job: ClaimedJob) => Outcome)[] = [
      (job) => ({ kind: 'retry', job, delayMs: 0, error: 'x' }),
      (job) => ({ kind: 'retry', job, delayMs: 1, error: 'x' }),
      (job) => ({ kind: 'release', job }),
      (job) => ({ kind: 'release', job, delayMs: 2 }),
      (job) => ({ kind: 'dead-letter', job, error: 'x' }),
    ];
    let settled = 0;
    const workers = [0, 1, 2].map(async () => {
      const { session } = await open();
      while (!over) {
        // A fifth of the leases is lost.
        const lost = settled % 5 === 4;
        const claimed = await session.claim('q', 4, lost ? 1 : LEASE_MS);
        settled += 1;
        if (!lost && claimed.length > 0)
          await session.settle(
            claimed.map((job, place) => outcomes[(settled + place) % outcomes.length]?.(job) ?? ack(job)),
          );
      }
    });
    const keeper = (async () => {
      while (!over) {
        await strategy.delay?.promote(driver, 10);
        await strategy.reap(driver, 100);
        await strategy.upkeep?.run(driver);
        await deadLetters.redrive(driver, {}, 10);
      }
    })();
    await using looker = pgDriver({ ...settings, max: 1 });
    const states = new Map<string, number>();
    try {
      while (performance.now() < endMs) {
        const found = await inspection.find(looker, ids);
        assert.deepEqual(found.map(({ id }) => id).toSorted(), ids.toSorted());
        for (const { state } of found) states.set(state, (states.get(state) ?? 0) + 1);
      }
    } finally {
      over = true;
      await Promise.all([...workers, keeper]);
    }
    assert.deepEqual([...states.keys()].sort(), ['dead', 'delayed', 'leased', 'ready']);
  });

  test(`${name}: a schema of version 1 gets what is new, beside an enqueue that is held open`, async (t) => {
    const { settings } = await testDatabase(t);
    await using driver = pgDriver({ ...settings, sessionOptions: '-c statement_timeout=20s' });
    const strategy = factory.create({ schema: SCHEMA });
    assert(strategy.installation);
    await installLayout(driver, { ...strategy.installation, changes: [] });
    const indexes = async () => {
      const { rows } = await driver.query<{ name: string }>({
        text: `SELECT relname AS name FROM pg_class WHERE relname IN ('dead_queue', 'inbox_id') ORDER BY relname`,
      });
      return rows.map((row) => row.name);
    };
    assert.deepEqual(await indexes(), []);
    const [first] = await strategy.enqueue(driver, jobs(1));
    const caller = await driver.connect('caller');
    await caller.query({ text: 'BEGIN' });
    const [second] = await strategy.enqueue(caller, jobs(1));
    await strategy.install(driver);
    assert.deepEqual(await indexes(), ['dead_queue', 'inbox_id']);
    await caller.query({ text: 'COMMIT' });
    const removed = await strategy.cancellation?.removeWaiting(driver, [first ?? '', second ?? '']);
    assert.deepEqual(removed?.toSorted(), [first, second]);
  });

  test(`${name}: attempts that were lost count in a look, wherever the job is`, async (t) => {
    const { driver, strategy, open, inspection } = await bench(t, factory);
    const [id = ''] = await strategy.enqueue(driver, jobs(1));
    const { session } = await open();
    const look = async () => {
      const [record] = await inspection.find(driver, [id]);
      return [record?.state, record?.attempt];
    };
    await session.claim('q', 1, 1);
    await sleep(20);
    assert.deepEqual(await look(), ['leased', 1], 'nobody has noticed yet');
    await strategy.reap(driver, 1);
    assert.deepEqual(await look(), ['ready', 1]);
    const [job] = await session.claim('q', 1, LEASE_MS);
    assert.deepEqual(await look(), ['leased', 2]);
    assert(job);
    await session.settle([{ kind: 'release', job, delayMs: 60_000 }]);
    assert.deepEqual(await look(), ['delayed', 1]);
  });

  test(`${name}: looks, removals and redrives of a few read a few, whatever else there is`, async (t) => {
    const { driver, strategy, open, settings, inspection, cancellation, deadLetters } = await bench(
      t,
      factory,
    );
    for (const table of ['jobs_0', 'jobs_1', 'jobs', 'dead', 'delayed', 'spans', 'gaps', 'inbox'])
      if (factory === ring ? table !== 'jobs' : !table.startsWith('jobs_'))
        await driver.query({ text: `ALTER TABLE ${SCHEMA}.${table} SET (autovacuum_enabled = off)` });
    await driver.query({ text: 'ANALYZE' });
    const { session } = await open();
    for (let chunk = 0; chunk < 4; chunk += 1) await strategy.enqueue(driver, jobs(5_000));
    const claimed = [...(await session.claim('q', 5_000, LEASE_MS))];
    await session.settle(claimed.map((job) => ({ kind: 'dead-letter', job, error: 'x' })));
    for (let lease = 0; lease < 300; lease += 1) await session.claim('q', 1, LEASE_MS);
    await strategy.enqueue(
      driver,
      jobs(5_000).map((job) => ({ ...job, runAt: new Date(Date.now() + 3_600_000) })),
    );
    await driver.transaction((tx) =>
      strategy.enqueue(
        tx,
        jobs(5_000).map((job) => ({ ...job, queue: 'new' })),
      ),
    );
    const all = await strategy.contents(driver, undefined, 100_000);
    const some = ['ready', 'leased', 'delayed', 'dead'].flatMap((state) =>
      all.filter((job) => job.state === state).slice(1_000, 1_003),
    );
    const leased = all.filter(({ state }) => state === 'leased').slice(100, 103);
    const waitingForLane = all.find(({ state }) => state === 'ready');
    const ids = [...some, ...leased, waitingForLane].flatMap((job) => job?.id ?? []);
    const reader = new PlanReader();
    await using watched = pgDriver({ ...settings, ...reader.options, max: 1 });
    const dead = all.filter(({ state }) => state === 'dead').map(({ id }) => id);
    const works: readonly (readonly [string, () => Promise<unknown>])[] = [
      ['find', async () => assert.equal((await inspection.find(watched, ids)).length, ids.length)],
      ['list', () => deadLetters.list(watched, {}, dead[2_000], 5)],
      ['list of a queue', () => deadLetters.list(watched, { queue: 'nobody' }, undefined, 5)],
      ['removal', () => cancellation.removeWaiting(watched, ids)],
      ['redrive', () => deadLetters.redrive(watched, {}, 5, dead[1_000])],
      ['redrive of some', () => deadLetters.redrive(watched, { ids: dead.slice(30, 33) }, 5)],
      ['purge', () => deadLetters.purge(watched, { queue: 'q' }, 5)],
    ];
    for (const [what, work] of works) {
      const { touched } = await reader.during(work);
      const scans = touched.seqScans.filter((table) => table !== 'turns');
      assert.deepEqual(scans, [], `${what}: ${touched.plans.join('\n')}`);
      assert(touched.rows < 400, `${what} looked at ${touched.rows} rows: ${touched.plans.join('\n')}`);
    }
  });

  test(`${name}: a redrive beside enqueues and claims brings each dead letter back once`, async (t) => {
    const { driver, strategy, open, deadLetters } = await bench(t, factory);
    const dead = await strategy.enqueue(driver, jobs(3_000));
    const { session } = await open();
    for (let round = 0; round < 6; round += 1)
      await session.settle(
        (await session.claim('q', 500, LEASE_MS)).map((job) => ({ kind: 'dead-letter', job, error: 'x' })),
      );
    let busy = 3;
    const redriven: JobId[] = [];
    const redrives = [40, 100].map(async (limit) => {
      while ((await deadLetters.list(driver, {}, undefined, 1)).length > 0)
        redriven.push(...(await deadLetters.redrive(driver, { queue: 'q' }, limit)).map(({ id }) => id));
      busy -= 1;
    });
    const fresh: JobId[] = [];
    const producer = (async () => {
      for (let n = 0; n < 150; n += 1)
        fresh.push(...(await driver.transaction((tx) => strategy.enqueue(tx, jobs(1 + (n % 9))))));
      busy -= 1;
    })();
    const claims = [3, 50, 500].map(async (limit) => {
      const claimer = (await open()).session;
      const claimed: JobId[] = [];
      for (;;) {
        const last = busy === 0;
        const got = await claimer.claim('q', limit, LEASE_MS);
        if (got.length === 0 && last) return claimed;
        assert.deepEqual((await claimer.settle(got.map(ack))).stale, []);
        claimed.push(...got.map(({ id }) => id));
      }
    });
    await Promise.all([...redrives, producer]);
    const claimed = (await Promise.all(claims)).flat();
    assert.deepEqual(redriven.toSorted(), dead.toSorted());
    assert.deepEqual(claimed.toSorted(), [...dead, ...fresh].toSorted());
  });
}

test('ring: tables take turns over jobs that were removed, in whichever they lie, and lose none that is left', async (t) => {
  const { driver, strategy, open, cancellation } = await bench(t, ring);
  const { session } = await open();
  const turn = (to: number) => driver.query({ text: `SELECT setval('${SCHEMA}.turns', ${to})` });
  const sizes = async () => {
    const { rows } = await driver.query<{ rows: number }>({
      text: `SELECT count(job.slot)::integer AS rows
        FROM generate_series(0, 2) AS number LEFT JOIN ${SCHEMA}.jobs AS job ON job.slot = number GROUP BY number ORDER BY number`,
    });
    return rows.map((row) => row.rows);
  };
  await turn(0);
  const first = await strategy.enqueue(driver, jobs(4));
  await turn(1);
  const second = await strategy.enqueue(driver, jobs(4));
  const [a, b, c, d] = first;
  const [e, f, g, h] = second;
  const asked = [a, c, f, h].flatMap((id) => id ?? []);
  assert.deepEqual((await cancellation.removeWaiting(driver, asked)).toSorted(), asked.toSorted());
  await turn(2);
  const [last] = await strategy.enqueue(driver, jobs(1));
  await strategy.upkeep?.run(driver);
  assert.deepEqual(await sizes(), [2, 2, 1], 'what is left is not truncated');
  const claimed: JobId[] = [];
  while (claimed.length < 5) {
    const got = await session.claim('q', 9, LEASE_MS);
    claimed.push(...got.map(({ id }) => id));
    await session.settle(got.map(ack));
  }
  assert.deepEqual(claimed.toSorted(), [b, d, e, g, last]);
  await eventually(async () => {
    await strategy.reap(driver, 10);
    await strategy.upkeep?.run(driver);
    return (await sizes())[0] === 0;
  }, 'a truncated table');
});

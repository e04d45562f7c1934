// What of lanes does the conformance suite not ask?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { testDatabase } from '../../testing/database.ts';
import type { Driver } from '../drivers/driver.ts';
import { pgDriver } from '../drivers/pg.ts';
import type { ClaimStrategy } from '../strategy.ts';
import { sharded } from './sharded.ts';
import { LANES } from './shared/lane-claim.ts';

const SCHEMA = 'lanes';

async function installed(driver: Driver): Promise<ClaimStrategy> {
  const strategy = sharded.create({ schema: SCHEMA });
  await strategy.install(driver);
  return strategy;
}

const jobs = (count: number) => Array.from({ length: count }, (_, n) => ({ queue: 'q', payload: n }));

/** The lane of each job that is stored, by id. */
async function lanes(driver: Driver): Promise<ReadonlyMap<string, number>> {
  const { rows } = await driver.query<{ readonly id: string; readonly lane: number }>({
    text: `SELECT id::text AS id, lane FROM ${SCHEMA}.jobs`,
  });
  return new Map(rows.map(({ id, lane }) => [id, lane]));
}

for (const end of ['ROLLBACK', 'COMMIT']) {
  test(`a claim waits for lanes that another claim has, and answers at its ${end}`, async (t) => {
    const { settings } = await testDatabase(t);
    await using driver = pgDriver(settings);
    const strategy = await installed(driver);
    await strategy.enqueue(driver, jobs(50));
    const holder = await driver.connect('holder');
    await using holding = await strategy.openWorker(holder, 'holder');
    await using waiting = await strategy.openWorker(await driver.connect('waiting'), 'waiting');
    await holder.query({ text: 'BEGIN' });
    assert.equal((await holding.claim('q', 50, 60_000)).length, 50);
    let answered = false;
    const claim = waiting.claim('q', 50, 60_000).finally(() => {
      answered = true;
    });
    // Longer than one wait for a lane: it must look around again, not give up.
    await sleep(1_500);
    assert.equal(answered, false, 'an empty answer, while another claim may yet give the jobs back');
    await holder.query({ text: end });
    const got = await claim;
    if (end === 'COMMIT') assert.deepEqual(got, []);
    else assert(got.length > 0, 'an empty answer beside a full queue');
  });
}

test('a lane that another claim has is passed, and its jobs are taken by nobody else', async (t) => {
  const { settings } = await testDatabase(t);
  await using driver = pgDriver(settings);
  const strategy = await installed(driver);
  const all = await strategy.enqueue(driver, jobs(400));
  const laneOf = await lanes(driver);
  assert.equal(new Set(laneOf.values()).size, LANES, 'every lane has jobs');
  const holder = await driver.connect('holder');
  await using holding = await strategy.openWorker(holder, 'holder');
  await using other = await strategy.openWorker(await driver.connect('other'), 'other');
  await holder.query({ text: 'BEGIN' });
  const [held] = await holding.claim('q', 1, 60_000);
  assert(held);
  const got = await other.claim('q', 400, 60_000);
  const closed = laneOf.get(held.id);
  assert.deepEqual(got.map((job) => job.id).sort(), all.filter((id) => laneOf.get(id) !== closed).sort());
  await holder.query({ text: 'COMMIT' });
  const rest = await other.claim('q', 400, 60_000);
  assert.equal(rest.length + got.length + 1, 400);
});

test('within a lane jobs come by priority, then in the order of their enqueue, and a session visits every lane', async (t) => {
  const { settings } = await testDatabase(t);
  await using driver = pgDriver(settings);
  const strategy = await installed(driver);
  await strategy.enqueue(
    driver,
    jobs(320).map((job, n) => ({ ...job, priority: n % 3 })),
  );
  const laneOf = await lanes(driver);
  await using session = await strategy.openWorker(await driver.connect('worker'), 'w');
  const visited: number[] = [];
  const last = new Map<number, readonly [number, number]>();
  for (let n = 0; n < 320; n += 1) {
    const [job] = await session.claim('q', 1, 60_000);
    assert(job);
    const lane = laneOf.get(job.id) ?? -1;
    if (n < LANES) visited.push(lane);
    const [priority, id] = last.get(lane) ?? [-1, -1];
    assert(
      job.priority > priority || (job.priority === priority && Number(job.id) > id),
      `job ${job.id} of lane ${lane} comes out of its turn`,
    );
    last.set(lane, [job.priority, Number(job.id)]);
  }
  assert.equal(new Set(visited).size, LANES);
});

test('jobs that are enqueued to as many queues as lanes, in turn, lie in all lanes of each', async (t) => {
  const { settings } = await testDatabase(t);
  await using driver = pgDriver(settings);
  const strategy = await installed(driver);
  await strategy.enqueue(
    driver,
    jobs(LANES * 200).map((job, n) => ({ ...job, queue: `q${n % LANES}` })),
  );
  const { rows } = await driver.query<{ readonly lanes: number; readonly most: number }>({
    text: `SELECT count(*)::integer AS lanes, max(jobs)::integer AS most
           FROM (SELECT queue, lane, count(*) AS jobs FROM ${SCHEMA}.jobs GROUP BY queue, lane) AS part
           GROUP BY queue`,
  });
  assert.equal(rows.length, LANES);
  for (const queue of rows) {
    assert.equal(queue.lanes, LANES);
    assert(queue.most < 50, `${queue.most} of 200 jobs lie in one lane`);
  }
});

// Does a claim from the event log read its chunk by index, whatever the statistics said when its plan was made?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testDatabase } from '../../testing/database.ts';
import { pgDriver } from '../drivers/pg.ts';
import type { ClaimedJob, Outcome } from '../strategy.ts';
import { tickLog } from './tick-log.ts';

const EXPLAIN_ALL = `
LOAD 'auto_explain';
SET auto_explain.log_min_duration = 0;
SET auto_explain.log_nested_statements = on;
SET auto_explain.log_analyze = on;
SET auto_explain.log_timing = off;
SET auto_explain.log_level = notice`;

const ack = (job: ClaimedJob): Outcome => ({ kind: 'ack', job });

/** Rows that a scan of the events returned or filtered out, over all scans of a plan. */
function rowsRead(plan: string): number {
  let rows = 0;
  let ofEvents = false;
  for (const line of plan.split('\n')) {
    const scanned = / on event_\d .*actual rows=([\d.]+) loops=(\d+)/.exec(line);
    if (scanned !== null) rows += Number(scanned[1]) * Number(scanned[2]);
    if (/ on \w+ .*actual rows=/.test(line)) ofEvents = scanned !== null;
    const removed = /Rows Removed by (?:Index Recheck|Filter): (\d+)/.exec(line);
    if (removed !== null && ofEvents) rows += Number(removed[1]);
  }
  return rows;
}

for (const analyzed of [false, true]) {
  test(`planned over an empty log${analyzed ? ', analyzed so' : ''}: a claim reads what it returns, by index`, async (t) => {
    const { settings } = await testDatabase(t);
    const plans: string[] = [];
    const onSession = () => (message: string) => {
      if (message.includes('plan:')) plans.push(message);
    };
    await using driver = pgDriver({ ...settings, onSession });
    const strategy = tickLog.create({ schema: 'log' });
    await strategy.install(driver);
    if (analyzed) await driver.query({ text: 'ANALYZE log.event, log.chunk, log.position, log.tick' });
    const connection = await driver.connect('test');
    await using session = await strategy.openWorker(connection, 'w');
    await connection.query({ text: EXPLAIN_ALL });
    const enqueue = (count: number) =>
      strategy.enqueue(
        driver,
        Array.from({ length: count }, (_, n) => ({ queue: 'q', payload: { n } })),
      );
    for (let round = 0; round < 8; round += 1) {
      await enqueue(1);
      await strategy.upkeep?.run(driver);
      await session.settle((await session.claim('q', 50, 60_000)).map(ack));
    }
    // A transaction that is open over one tick makes the batch after it one with late events.
    await using producer = await driver.connect('producer');
    await producer.query({ text: 'BEGIN' });
    await strategy.enqueue(producer, [{ queue: 'q', payload: 'late' }]);
    await enqueue(5_000);
    await strategy.upkeep?.run(driver);
    await enqueue(5_000);
    for (const queue of ['q', 'q', 'nothing']) {
      plans.length = 0;
      const jobs = await session.claim(queue, 50, 60_000);
      assertByIndex(plans, queue === 'q' ? 50 : 0, 'within a batch');
      assert.equal(jobs.length, queue === 'q' ? 50 : 0);
      if (queue !== 'q') continue;
      plans.length = 0;
      assert.equal((await session.settle(jobs.slice(1).map(ack))).acked, 49);
      assert.equal((await session.settle(jobs.slice(0, 1).map(ack))).acked, 1);
      assertByIndex(plans, 0, 'a settle');
    }
    while ((await session.claim('q', 10_000, 60_000)).length > 0);
    await producer.query({ text: 'COMMIT' });
    await strategy.upkeep?.run(driver);
    plans.length = 0;
    const [first] = await session.claim('q', 50, 60_000);
    assert.equal(first?.payload, 'late');
    assertByIndex(plans, 51, 'a batch with late events');
  });
}

function assertByIndex(plans: readonly string[], atMost: number, what: string): void {
  assert.ok(plans.length > 0, `${what}: no plan was seen`);
  for (const plan of plans) {
    assert.doesNotMatch(plan, /Seq Scan on (event|chunk|position)|Bitmap/, `${what}\n${plan}`);
  }
  const read = plans.reduce((sum, plan) => sum + rowsRead(plan), 0);
  assert.ok(
    read <= atMost,
    `${what}: ${read} events were read, at most ${atMost} are needed\n${plans.join('\n')}`,
  );
}

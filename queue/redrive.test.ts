// Do a hundred thousand dead letters come back, each once, in a time that somebody would wait for?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testDatabase } from '../testing/database.ts';
import { createQueue, type JobId, pgDriver } from './index.ts';
import { wholeNumber } from './model/environment.ts';
import { strategies } from './strategies/index.ts';

const DEAD = wholeNumber('CLAIMBENCH_REDRIVE_DEAD') ?? 100_000;
const CHUNK = 5_000;
const LEASE_MS = 600_000;
/** Ten times what it takes where nothing else runs: a page that walked over all pages before it would take longer. */
const REDRIVE_MS = 60_000;
/** Those that carry every feature. */
const WHOLE = ['skip-locked', 'batch', 'packed-lease', 'range-lease', 'ring'];

for (const name of WHOLE) {
  const lacking = strategies
    .find(({ strategyName }) => strategyName === name)
    ?.create({ schema: 'looked at' });
  const skip = lacking?.deadLetters === undefined && 'its dead letters rest for good';
  test(`${name}: ${DEAD} dead letters are redriven`, { timeout: 170_000, skip }, async (t) => {
    const database = await testDatabase(t);
    await using driver = pgDriver(database.settings);
    await using queue = createQueue({ driver, strategy: name, wakeup: 'poll' });
    await queue.install();
    await using session = await queue.strategy.openWorker(await driver.connect('test'), 'tester');

    /** Claims until `count` jobs have come, and settles them by `kind`. Returns their ids. */
    const work = async (count: number, kind: 'ack' | 'dead-letter'): Promise<readonly JobId[]> => {
      const came: JobId[] = [];
      const endMs = performance.now() + 120_000;
      while (came.length < count) {
        assert(performance.now() < endMs, `${came.length} of ${count} jobs came`);
        await queue.strategy.upkeep?.run(driver);
        const jobs = await session.claim('q', CHUNK, LEASE_MS);
        if (jobs.length === 0) continue;
        const { stale } = await session.settle(jobs.map((job) => ({ kind, job, error: 'no carrier' })));
        assert.deepEqual(stale, []);
        came.push(...jobs.map(({ id }) => id));
      }
      return came;
    };

    const enqueued: JobId[] = [];
    while (enqueued.length < DEAD) {
      const size = Math.min(CHUNK, DEAD - enqueued.length);
      const jobs = Array.from({ length: size }, (_, n) => ({ queue: 'q', payload: enqueued.length + n }));
      enqueued.push(...(await queue.enqueueMany(jobs)));
      await work(size, 'dead-letter');
    }
    assert.equal((await queue.stats('q')).dead, DEAD);

    const startMs = performance.now();
    assert.equal(await queue.deadLetters.redrive({ queue: 'q' }), DEAD);
    const tookMs = performance.now() - startMs;
    t.diagnostic(`${Math.round(tookMs)} ms`);
    assert(tookMs < REDRIVE_MS, `a redrive took ${tookMs} ms`);

    assert.deepEqual([...(await work(DEAD, 'ack'))].sort(), enqueued.sort());
    assert.deepEqual(await session.claim('q', 10, LEASE_MS), []);
    assert.deepEqual(await queue.strategy.contents(driver, undefined, 10), []);
  });
}

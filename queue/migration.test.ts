// Does a queue at work lose nothing while its schema is brought from the version before to this one?

import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { temporaryFolder } from '../testing/command.ts';
import { testDatabase } from '../testing/database.ts';
import { BEFORE_FEATURES, earlierQueue } from '../testing/earlier-queue.ts';
import { eventually } from './eventually.ts';
import * as present from './index.ts';

type Library = typeof present;

const STRATEGIES = ['skip-locked', 'batch', 'packed-lease', 'range-lease', 'ring'];
const QUEUE = 'q';
const PER_CALL = 20;
const PHASE_MS = 700;

/** What a job is to come to, told by its number. */
const failsOnce = (number: number): boolean => number % 7 === 3;
const failsForGood = (number: number): boolean => number % 31 === 5;

/** What the workers of both versions have done with each job. */
class Deeds {
  readonly runs = new Map<number, number>();
  readonly errors: unknown[] = [];
  next = 0;

  handle(job: present.ClaimedJob): void {
    const number = job.payload as number;
    this.runs.set(number, (this.runs.get(number) ?? 0) + 1);
    if (failsForGood(number) || (failsOnce(number) && job.attempt === 1)) throw new Error(`of ${number}`);
  }

  /** Enqueues until `signal` aborts, some for an instant a little later. */
  async produce(queue: present.Queue, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const jobs = Array.from({ length: PER_CALL }, () => {
        const payload = this.next++;
        return {
          queue: QUEUE,
          payload,
          maxAttempts: failsForGood(payload) ? 1 : 3,
          ...(payload % 5 === 0 ? { runAt: new Date(Date.now() + 50) } : {}),
        };
      });
      await queue.enqueueMany(jobs);
      await sleep(3);
    }
  }

  work(library: Library, queue: present.Queue, workerId: string): present.Worker {
    return library.createWorker(queue, {
      queue: QUEUE,
      workerId,
      connections: 2,
      batch: 10,
      pollMs: 50,
      retry: () => 10,
      handler: (job) => this.handle(job),
      events: { error: (error) => this.errors.push(error) },
    });
  }
}

for (const strategy of STRATEGIES)
  test(`${strategy}: enqueues and workers of ${BEFORE_FEATURES} go on while the schema is migrated, and beside those of today`, async (t) => {
    const root = path.join(temporaryFolder(t), 'earlier');
    try {
      await earlierQueue(BEFORE_FEATURES, root);
    } catch {
      t.skip(`${BEFORE_FEATURES} is not in this clone: fetch the whole history`);
      return;
    }
    const earlier: Library = await import(pathToFileURL(path.join(root, 'queue/index.ts')).href);
    const database = await testDatabase(t);
    const deeds = new Deeds();
    const [ofOld, ofNew] = [new AbortController(), new AbortController()];

    await using oldDriver = earlier.pgDriver({ ...database.settings, max: 4 });
    await using old = earlier.createQueue({ driver: oldDriver, strategy });
    await old.install();
    await using oldWorker = deeds.work(earlier, old, 'earlier');
    const oldProducers = [deeds.produce(old, ofOld.signal), deeds.produce(old, ofOld.signal)];
    await sleep(PHASE_MS);

    await using driver = present.pgDriver({ ...database.settings, max: 4 });
    await using queue = present.createQueue({ driver, strategy });
    await using twin = present.createQueue({ driver, strategy });
    const doneBefore = deeds.runs.size;
    await Promise.all([queue.install(), twin.install()]);
    await eventually(() => deeds.runs.size > doneBefore + 100, 'the earlier worker goes on');

    await using worker = deeds.work(present, queue, 'present');
    const producer = deeds.produce(queue, ofNew.signal);
    await sleep(PHASE_MS);
    ofOld.abort();
    await Promise.all(oldProducers);
    await oldWorker.stop();
    await sleep(PHASE_MS);
    ofNew.abort();
    await producer;

    await eventually(async () => {
      const { ready, delayed, leased } = await queue.stats(QUEUE);
      return ready + delayed + leased === 0;
    }, 'all jobs are done');
    await worker.stop();
    assert.deepEqual(deeds.errors, []);
    assert(deeds.next > 500, `${deeds.next} jobs are a load`);
    const numbers = Array.from({ length: deeds.next }, (_, number) => number);
    const expected = numbers.map((number) => (failsOnce(number) && !failsForGood(number) ? 2 : 1));
    assert.deepEqual(
      numbers.filter((number) => deeds.runs.get(number) !== expected[number]),
      [],
      'each job ran as often as it was to',
    );
    const dead = await queue.deadLetters.list({ queue: QUEUE, limit: 1000 });
    assert.deepEqual(
      dead.map(({ payload }) => Number(payload)).sort((one, other) => one - other),
      numbers.filter(failsForGood),
      'and each dead letter can be looked at, whoever buried it',
    );
    assert.equal(await queue.deadLetters.redrive({ queue: QUEUE }), dead.length);
  });

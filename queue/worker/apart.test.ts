// Is nothing sent on a session's connection that would fall into the transaction of a recorded settle?

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type TestDatabase, testDatabase } from '../../testing/database.ts';
import { eventually } from '../eventually.ts';
import { type ClaimStrategy, createQueue, createWorker, pgDriver, strategies } from '../index.ts';

let database: TestDatabase;
before(async () => {
  database = await testDatabase();
});
after(() => database[Symbol.asyncDispose]());

/** What each call of a slow session finds under way as it is sent. */
class Watch {
  readonly found: string[] = [];
  readonly counts: Record<string, number> = {};
  readonly #underWay = new Set<string>();

  async during<T>(kind: string, refused: readonly string[], call: () => Promise<T>): Promise<T> {
    for (const other of refused) if (this.#underWay.has(other)) this.found.push(`${kind} during ${other}`);
    this.#underWay.add(kind);
    this.counts[kind] = (this.counts[kind] ?? 0) + 1;
    const answer = await call();
    await sleep(15);
    this.#underWay.delete(kind);
    return answer;
  }
}

/** `strategy` with answers that take their time. */
function slow(strategy: ClaimStrategy, watch: Watch): ClaimStrategy {
  return {
    ...strategy,
    async openWorker(connection, workerId) {
      const session = await strategy.openWorker(connection, workerId);
      const { heartbeat } = session;
      return {
        claim: (queue, limit, leaseMs) =>
          watch.during('claim', ['settle'], () => session.claim(queue, limit, leaseMs)),
        settle: (outcomes) => watch.during('settle', ['claim', 'heartbeat'], () => session.settle(outcomes)),
        ...(heartbeat === undefined
          ? {}
          : {
              heartbeat: {
                extend: (jobs, leaseMs) =>
                  watch.during('heartbeat', ['settle'], () => heartbeat.extend(jobs, leaseMs)),
              },
            }),
        [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
      };
    },
  };
}

for (const name of ['skip-locked', 'packed-lease', 'sharded'])
  test(`${name}: neither a claim nor a heartbeat goes while a settle is recorded, and that waits for both`, async () => {
    const strategy = strategies.find(({ strategyName }) => strategyName === name);
    assert(strategy);
    const watch = new Watch();
    await using driver = pgDriver({ ...database.settings, max: 4 });
    await using queue = createQueue({
      driver,
      schema: `apart ${name}`,
      strategy: { ...strategy, create: (options) => slow(strategy.create(options), watch) },
      retention: { days: 1 },
    });
    await queue.install();
    await queue.enqueueMany(Array.from({ length: 150 }, (_, payload) => ({ queue: 'q', payload })));
    await using _worker = createWorker(queue, {
      queue: 'q',
      batch: 5,
      concurrency: 5,
      leaseMs: 1000,
      heartbeatMs: 20,
      handler: ({ payload }) => sleep(Number(payload) % 5 === 0 ? 70 : 3),
    });
    await eventually(async () => (await queue.finished.list({ limit: 1000 })).length === 150, 'all kept');
    assert((watch.counts['heartbeat'] ?? 0) > 3 && (watch.counts['settle'] ?? 0) > 3);
    assert.deepEqual(watch.found, []);
  });

// Does the recorder learn which session broke, and is no two sessions' number the same?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type {
  ClaimedJob,
  ClaimStrategy,
  Connection,
  SettleResult,
  StrategyFactory,
} from '../../queue/index.ts';
import { CLAIMERS_PER_AGENT, type ConsumerEvents } from '../contender.ts';
import { recorded } from './recorded-strategy.ts';

class FakeConnection {
  readonly #ended = new AbortController();

  get ended(): AbortSignal {
    return this.#ended.signal;
  }

  breaks(): void {
    this.#ended.abort();
  }
}

/** Sessions whose claims find two jobs, and whose disposal closes their connection, as the contract asks. */
const factory: StrategyFactory = {
  strategyName: 'fake',
  summary: 'A fake.',
  create: () =>
    ({
      async openWorker(connection: FakeConnection) {
        return {
          claim: async () => [5, 6].map((k) => ({ payload: { k }, attempt: 1 })),
          async [Symbol.asyncDispose]() {
            connection.breaks();
          },
        };
      },
    }) as unknown as ClaimStrategy,
};

function recording(firstClaimer: number) {
  const lost: number[] = [];
  const claimers: number[] = [];
  const overClaimed: [number, number][] = [];
  const events = {
    sessionLost: (claimer: number) => lost.push(claimer),
    claimed: (claimer: number) => claimers.push(claimer),
    overClaimed: (claimer: number, jobs: number) => overClaimed.push([claimer, jobs]),
  } as unknown as ConsumerEvents;
  const strategy = recorded(factory, {
    connections: 2,
    leaseMs: 1_000,
    firstClaimer,
    keys: { first: 0, stride: 1, end: 0 },
    nowUs: () => 0,
    handler: () => undefined,
    events,
  }).create({ schema: 's' });
  const open = async () => {
    const connection = new FakeConnection();
    const session = await strategy.openWorker(connection as unknown as Connection, 'w');
    return { connection, session };
  };
  return { lost, claimers, overClaimed, open };
}

test('a session whose connection breaks is lost, once, under the number that its claims carry', async () => {
  const { lost, claimers, open } = recording(4_096);
  await open();
  const { connection, session } = await open();
  await session.claim('q', 1, 1_000);
  assert.deepEqual(claimers, [4_097]);
  assert.deepEqual(lost, []);
  connection.breaks();
  connection.breaks();
  assert.deepEqual(lost, [4_097]);
  await session[Symbol.asyncDispose]();
  assert.deepEqual(lost, [4_097]);
});

test('jobs beyond what was asked for are told, and handed out all the same', async () => {
  const { overClaimed, open } = recording(7);
  const { session } = await open();
  for (const limit of [3, 2]) await session.claim('q', limit, 1_000);
  assert.deepEqual(overClaimed, []);
  assert.equal((await session.claim('q', 1, 1_000)).length, 2);
  assert.deepEqual(overClaimed, [[7, 1]]);
});

test('a session that is closed is not lost', async () => {
  const { lost, open } = recording(0);
  const { session } = await open();
  await session[Symbol.asyncDispose]();
  assert.deepEqual(lost, []);
});

test('sessions opened anew have numbers of their own, within those of the agent', async () => {
  const { claimers, open } = recording(CLAIMERS_PER_AGENT);
  for (let i = 0; i < 20; i += 1) {
    const { session, connection } = await open();
    await session.claim('q', 1, 1_000);
    connection.breaks();
  }
  assert.equal(new Set(claimers).size, 20);
  assert.ok(claimers.every((c) => c >= CLAIMERS_PER_AGENT && c < 2 * CLAIMERS_PER_AGENT));
});

test('an empty claim proves nothing while a settle is under way: the strategy may still count its jobs', async () => {
  const settling = Promise.withResolvers<SettleResult>();
  let found: readonly ClaimedJob[] = [{ id: '1', payload: { k: 1 }, attempt: 1 } as unknown as ClaimedJob];
  const empty: (number | undefined)[] = [];
  const strategy = recorded(
    {
      strategyName: 'fake',
      summary: 'A fake.',
      create: () =>
        ({
          openWorker: async () => ({ claim: async () => found, settle: () => settling.promise }),
        }) as unknown as ClaimStrategy,
    },
    {
      connections: 1,
      leaseMs: 1_000,
      firstClaimer: 0,
      keys: { first: 0, stride: 1, end: 0 },
      nowUs: () => 7,
      handler: () => undefined,
      events: {
        claimed: () => undefined,
        settling: () => 1,
        settled: () => undefined,
        emptyClaim: (_claimer: number, requestedUs?: number) => empty.push(requestedUs),
      } as unknown as ConsumerEvents,
    },
  ).create({ schema: 's' });
  const session = await strategy.openWorker(new FakeConnection() as unknown as Connection, 'w');
  const [job] = await session.claim('q', 1, 1_000);
  assert.ok(job);
  found = [];
  const settled = session.settle([{ kind: 'ack', job }]);
  await session.claim('q', 1, 1_000);
  settling.resolve({ acked: 1, retried: 0, deadLettered: 0, released: 0, stale: [] });
  await settled;
  await session.claim('q', 1, 1_000);
  assert.deepEqual(empty, [undefined, 7]);
});

test('a settle and a claim that are answered together are told of in that order', async () => {
  const settling = Promise.withResolvers<SettleResult>();
  const claiming = Promise.withResolvers<readonly ClaimedJob[]>();
  const strategy = recorded(
    {
      strategyName: 'fake',
      summary: 'A fake.',
      create: () =>
        ({
          openWorker: async () => ({ claim: () => claiming.promise, settle: () => settling.promise }),
        }) as unknown as ClaimStrategy,
    },
    {
      connections: 1,
      leaseMs: 1_000,
      firstClaimer: 0,
      keys: { first: 0, stride: 1, end: 0 },
      nowUs: () => 7,
      handler: () => undefined,
      events: {
        settling: () => 1,
        settled: () => undefined,
        emptyClaim: () => undefined,
      } as unknown as ConsumerEvents,
    },
  ).create({ schema: 's' });
  const session = await strategy.openWorker(new FakeConnection() as unknown as Connection, 'w');
  const told: string[] = [];
  const both = [
    session.settle([]).then(() => told.push('settle')),
    session.claim('q', 1, 1_000).then(() => told.push('claim')),
  ];
  settling.resolve({ acked: 0, retried: 0, deadLettered: 0, released: 0, stale: [] });
  claiming.resolve([]);
  await Promise.all(both);
  assert.deepEqual(told, ['settle', 'claim']);
});

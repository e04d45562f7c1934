// Does each client of a closed loop wait for its answer, think, and send once more, until its phase is over?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomStream } from '../../stats/random.ts';
import { type ClientPhase, type ClientsOptions, firstSendUs, runClients, thinkUs } from './clients.ts';

const SEED = 31;
const START_US = 7e9;

interface Sent {
  readonly index: number;
  readonly atUs: number;
}

/** Runs clients on a clock that only waiting moves; an answer takes `answerUs` of it. */
async function ran(
  phases: readonly ClientPhase[],
  over: Partial<ClientsOptions> & { answerUs?: number } = {},
) {
  const { answerUs = 0, ...rest } = over;
  let nowUs = START_US;
  const answers: { atUs: number; resolve: () => void }[] = [];
  const sent: Sent[] = [];
  let [under, most] = [0, 0];
  /** Moves the clock to the next answer before `untilUs`, or there. */
  const advance = async (untilUs: number): Promise<void> => {
    answers.sort((x, y) => x.atUs - y.atUs);
    const first = answers[0];
    if (first !== undefined && first.atUs <= untilUs) {
      answers.shift();
      nowUs = Math.max(nowUs, first.atUs);
      first.resolve();
      // The client that was answered goes on before the clock does.
      await new Promise((resolve) => setImmediate(resolve));
    } else nowUs = Math.max(nowUs, untilUs);
  };
  let ended = false;
  const running = runClients({
    startUs: START_US,
    phases,
    first: 0,
    stride: 1,
    seed: SEED,
    stream: 'test',
    maxJobs: 1_000_000,
    clock: () => nowUs,
    alarm: {
      async until(atUs) {
        // Who was woken sends before the clock goes on.
        await new Promise((resolve) => setImmediate(resolve));
        await advance(atUs);
      },
      interrupt: () => undefined,
    },
    signal: new AbortController().signal,
    send: async (index) => {
      sent.push({ index, atUs: nowUs });
      under += 1;
      most = Math.max(most, under);
      await new Promise<void>((resolve) => answers.push({ atUs: nowUs + answerUs, resolve }));
      under -= 1;
    },
    ...rest,
  }).finally(() => {
    ended = true;
  });
  // When every client waits for an answer, nobody asks the alarm.
  while (!ended) {
    await new Promise((resolve) => setImmediate(resolve));
    if (answers.length > 0 && under === answers.length) await advance(Number.POSITIVE_INFINITY);
  }
  return { count: await running, sent, most };
}

const phase = (over: Partial<ClientPhase> = {}): ClientPhase => ({
  seconds: 1,
  clients: 1,
  thinkMs: 0,
  think: 'constant',
  ...over,
});

test('one client: the next job is sent one think time after the answer to the last', async () => {
  const { sent, count } = await ran([phase({ thinkMs: 40 })], { answerUs: 10_000 });
  // The first after half a think time, then one each 50 ms.
  assert.deepEqual(
    sent.map(({ atUs }) => Math.round((atUs - START_US) / 1000)),
    Array.from({ length: 20 }, (_, i) => 20 + i * 50),
  );
  assert.equal(count, sent.length);
  assert.deepEqual(
    sent.map((s) => s.index),
    sent.map((_, i) => i),
  );
});

test('never more jobs are unanswered than there are clients, without think time all the while', async () => {
  const { sent, most } = await ran([phase({ clients: 5 })], { answerUs: 100_000 });
  assert.equal(most, 5);
  assert.equal(sent.length, 50);
});

test('a phase ends when it ends, a silent one sends nothing, and the next has its own clients', async () => {
  const { sent } = await ran(
    [phase({ clients: 2, thinkMs: 100 }), phase({ clients: 0 }), phase({ clients: 4, thinkMs: 100 })],
    { answerUs: 0 },
  );
  const count = (from: number, to: number): number =>
    sent.filter(({ atUs }) => atUs >= START_US + from * 1e6 && atUs < START_US + to * 1e6).length;
  assert.deepEqual([count(0, 1), count(1, 2), count(2, 3), count(3, 99)], [20, 0, 40, 0]);
});

test('the stated maximum is not passed, and a producer has its own clients only', async () => {
  const { count } = await ran([phase({ clients: 3 })], { answerUs: 1_000, maxJobs: 17 });
  assert.equal(count, 17);
  const second = await ran([phase({ clients: 5 })], { answerUs: 100_000, first: 1, stride: 2 });
  assert.equal(second.most, 2, 'clients 1 and 3');
  const none = await ran([phase({ clients: 1 })], { first: 1, stride: 2 });
  assert.equal(none.count, 0);
});

test('an abort wakes those who think', async () => {
  const abort = new AbortController();
  const running = runClients({
    startUs: START_US,
    phases: [phase({ clients: 3, thinkMs: 60_000, seconds: 3_600 })],
    first: 0,
    stride: 1,
    seed: SEED,
    stream: 'test',
    maxJobs: 10,
    clock: () => START_US,
    alarm: {
      until: async () => {
        await new Promise((resolve) => setImmediate(resolve));
        abort.abort();
      },
      interrupt: () => undefined,
    },
    signal: abort.signal,
    send: async () => assert.fail('nobody was ready'),
  });
  assert.equal(await running, 0);
});

test('think times: constant ones are spread at the start, exponential ones have their mean and variance', () => {
  const constant = phase({ clients: 4, thinkMs: 100 });
  const random = randomStream(SEED, 'think');
  assert.equal(thinkUs(constant, random), 100_000);
  assert.deepEqual(
    [0, 1, 2, 3].map((client) => firstSendUs(constant, client, random)),
    [12_500, 37_500, 62_500, 87_500],
  );
  const exponential = phase({ thinkMs: 100, think: 'exponential' });
  const n = 20_000;
  const drawn = Array.from({ length: n }, () => thinkUs(exponential, random) / 100_000);
  const mean = drawn.reduce((sum, x) => sum + x, 0) / n;
  const variance = drawn.reduce((sum, x) => sum + (x - mean) ** 2, 0) / n;
  assert.ok(Math.abs(mean - 1) < 4 / Math.sqrt(n), `mean ${mean}, seed ${SEED}`);
  assert.ok(Math.abs(variance - 1) < 4 * Math.sqrt(8 / n), `variance ${variance}, seed ${SEED}`);
});

// How fast is the harness itself? A contender without a database: what it reaches is the generator's own ceiling.

import type {
  Axes,
  BenchPayload,
  Consumer,
  ConsumerOptions,
  Contender,
  ContenderDefinition,
  Producer,
  SettleKind,
} from '../contender.ts';

const DEFAULT_BATCH = 100;

/**
 * Hands out the preloaded keys from memory and confirms every enqueue at once. It passes through the same recorder,
 * ledger and handler as every other contender, with a turn of the event loop where others wait for the server.
 */
export const nullContender: ContenderDefinition = {
  name: 'null',
  summary: 'no database: the ceiling of the load generator on this machine',
  class: 'null',
  axes: ['batch'],
  open: async (_target, axes) => openNull(axes),
};

function openNull(axes: Axes): Contender {
  const batch = axes.batch ?? DEFAULT_BATCH;
  return {
    class: 'null',
    promises: { order: 'enqueue-per-agent', lease: 'none' },
    declared: { batch },
    // It has no order for them to change.
    priorities: { min: -32_768, max: 32_767 },
    effective: async () => ({ database: 'none' }),
    install: async () => undefined,
    preload: async () => undefined,
    openProducer: async () => nullProducer,
    openConsumer: async (options) => consume(options, batch),
    async [Symbol.asyncDispose]() {},
  };
}

const nullProducer: Producer = {
  enqueue: async () => undefined,
  async [Symbol.asyncDispose]() {},
};

function consume(options: ConsumerOptions, batch: number): Consumer {
  const { keys } = options;
  let next = keys.first;
  let stopping = false;
  const take = (): number[] => {
    const taken: number[] = [];
    for (; taken.length < batch && next < keys.end; next += keys.stride) taken.push(next);
    return taken;
  };
  const sessions = Array.from({ length: options.connections }, async (_, index) => {
    while (!stopping) {
      const done = await oneClaim(options, options.firstClaimer + index, take);
      if (done) return;
    }
  });
  return {
    async stop() {
      stopping = true;
      await Promise.all(sessions);
    },
  };
}

/** Claims, works and settles once. Returns whether nothing was left. */
async function oneClaim(options: ConsumerOptions, claimer: number, take: () => number[]): Promise<boolean> {
  const { events } = options;
  const requestedUs = options.nowUs();
  await turn();
  const claimed = take();
  if (claimed.length === 0) return true;
  const ones = claimed.map(() => 1);
  events.claimed(claimer, requestedUs, claimed, ones);
  for (const key of claimed) {
    const payload: BenchPayload = { k: key, t: 0, pad: '' };
    await options.handler(payload);
  }
  const number = events.settling(
    claimer,
    claimed,
    claimed.map((): SettleKind => 'ack'),
  );
  await turn();
  events.settled(claimer, number, []);
  return false;
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

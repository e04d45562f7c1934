// A contender whose law is known: an M/M/c queue without a database, in the process of its consumer.
//
// Its producer sends each key over a socket; what the servers do with it is computed from the instant at which it came,
// by Lindley's recursion, and told to the recorder at the computed instants. A late timer thus delays a report, but never
// the queue, and errors do not add up.

import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Consumer, ConsumerOptions, ContenderDefinition, Producer } from '../../harness/contender.ts';
import { type QueueLaw, Servers, serviceTimes } from './queue-law.ts';

/** Where the processes of one cell meet, and the law: given by the test, as agents inherit its environment. */
function settings(): { readonly socket: string; readonly law: QueueLaw; readonly seed: number } {
  const text = process.env['CLAIMBENCH_TEST_LAW'];
  if (text === undefined) throw new Error('CLAIMBENCH_TEST_LAW is not set');
  return JSON.parse(text);
}

const mmc: ContenderDefinition = {
  name: 'mmc',
  summary: 'a queue whose waiting times are known from theory',
  class: 'null',
  axes: [],
  open: async () => ({
    class: 'null',
    promises: { order: 'enqueue', lease: 'none' },
    declared: { batch: 1 },
    effective: async () => ({ database: 'none' }),
    install: async () => undefined,
    preload: async () => undefined,
    openProducer: async () => openProducer(settings().socket),
    openConsumer: async (options) => consume(options),
    async [Symbol.asyncDispose]() {},
  }),
};

export default mmc;

/** The consumer may come later: it listens when the load starts. */
async function openProducer(socket: string): Promise<Producer> {
  const connecting = (async () => {
    for (;;) {
      const stream = connect(socket);
      try {
        await once(stream, 'connect');
        return stream;
      } catch {
        await sleep(2);
      }
    }
  })();
  return {
    async enqueue(job) {
      const stream = await connecting;
      stream.write(`${job.key}\n`);
    },
    async [Symbol.asyncDispose]() {
      (await connecting).destroy();
    },
  };
}

interface Due {
  readonly atUs: number;
  readonly act: () => void;
}

async function consume(options: ConsumerOptions): Promise<Consumer> {
  const { socket, law, seed } = settings();
  const queue = new Servers(law.servers);
  const service = serviceTimes(law, seed);
  const due: Due[] = [];
  let came = Promise.withResolvers<void>();
  const coming = (): Promise<void> => {
    came = Promise.withResolvers<void>();
    return came.promise;
  };
  const come = (key: number): void => {
    const visit = queue.visit(options.nowUs() / 1e6, service());
    const claimer = options.firstClaimer + visit.server;
    let requestedUs = 0;
    due.push({
      atUs: visit.began * 1e6,
      act: () => {
        requestedUs = options.nowUs();
        options.events.claimed(claimer, requestedUs, [key], [1]);
      },
    });
    due.push({
      atUs: visit.ended * 1e6,
      act: () => options.events.settled(claimer, options.events.settling(claimer, [key], ['ack']), []),
    });
    due.sort((x, y) => x.atUs - y.atUs);
    came.resolve();
  };
  rmSync(socket, { force: true });
  const server = createServer((stream) => {
    let rest = '';
    stream.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) come(Number(line));
    });
  });
  await once(server.listen(socket), 'listening');
  const ended = new AbortController();
  const running = act(due, coming, options.nowUs, ended.signal);
  return {
    async stop() {
      ended.abort();
      server.close();
      await running;
    },
  };
}

/** Does what is due, when it is due: sleeps until a job comes, or up to the last two milliseconds, and looks again and again through those. */
async function act(
  due: Due[],
  coming: () => Promise<void>,
  nowUs: () => number,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const waitUs = (due[0]?.atUs ?? Number.POSITIVE_INFINITY) - nowUs();
    if (waitUs <= 0) due.shift()?.act();
    else if (waitUs > 2_000) await Promise.race([sleep(1), coming()]);
    else await new Promise((resolve) => setImmediate(resolve));
  }
}

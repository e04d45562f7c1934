// What does the network proxy cost that stands in the way of a scenario that breaks the network?

import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import pg from 'pg';
import { type NetworkProxy, startProxy } from '../../harness/network/proxy-process.ts';
import { startEmbedded } from '../../harness/server/embedded.ts';
import type { ConnectionSettings } from '../../harness/server/server.ts';
import { median } from '../../stats/spread.ts';
import type { Bench, Figure, Yardstick } from '../yardstick.ts';

const ROUNDS = 9;
const SECONDS = 1;
const PAIRS = 2_000;
const CONNECTIONS = 32;
const TRANSFER_BYTES = 256 * 1024 * 1024;
const CHUNK = Buffer.alloc(64 * 1024);

export const networkProxy: Yardstick = {
  name: 'network-proxy',
  question: 'what does the network proxy add to a round trip, and how much passes it?',
  async run(bench) {
    await using server = await startEmbedded({ signal: bench.signal });
    await using database = await server.openDatabase('network_proxy');
    const { connection } = database;
    await using proxy = await startProxy({ host: connection.host, port: connection.port }, 1);
    const through = { ...connection, host: '127.0.0.1', port: proxy.port };
    return [
      await added(bench, connection, through),
      ...(await trips(bench, connection)),
      await transfer(bench),
    ];
  },
};

/** One statement directly and one through the proxy in turn, so that both meet the same moments of the machine. */
async function added(bench: Bench, direct: ConnectionSettings, through: ConnectionSettings): Promise<Figure> {
  const rounds = bench.rounds ?? ROUNDS;
  await using near = await connected(direct);
  await using far = await connected(through);
  const addedUs: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    bench.signal.throwIfAborted();
    const found = { near: [] as number[], far: [] as number[] };
    for (let pair = 0; pair < PAIRS; pair += 1) {
      found.near.push(await tripUs(near));
      found.far.push(await tripUs(far));
    }
    addedUs.push((median(found.far) ?? Number.NaN) - (median(found.near) ?? Number.NaN));
  }
  return {
    what: 'added to a round trip on one connection',
    value: median(addedUs),
    unit: 'µs',
    interval: [Math.min(...addedUs), Math.max(...addedUs)],
    note: `difference of the medians of ${PAIRS} round trips each way, ${rounds} rounds`,
  };
}

const ASK = { name: 'one', text: 'SELECT 1' };

async function connected(settings: ConnectionSettings): Promise<pg.Client & AsyncDisposable> {
  const client = new pg.Client(settings);
  await client.connect();
  await client.query(ASK);
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() });
}

async function tripUs(client: pg.Client): Promise<number> {
  const from = performance.now();
  await client.query(ASK);
  return (performance.now() - from) * 1000;
}

/** What passes on many connections, and the CPU time that it takes of the proxy: it can use one core. */
async function trips(bench: Bench, { host, port, ...settings }: ConnectionSettings): Promise<Figure[]> {
  const rounds = bench.rounds ?? ROUNDS;
  const perSec: number[] = [];
  const cpuUs: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    bench.signal.throwIfAborted();
    await using proxy = await startProxy({ host, port }, 1);
    const through = { ...settings, host: '127.0.0.1', port: proxy.port };
    await using opened = new AsyncDisposableStack();
    const clients: pg.Client[] = [];
    for (let i = 0; i < CONNECTIONS; i += 1) clients.push(opened.use(await connected(through)));
    await proxy.watch();
    let count = 0;
    const from = performance.now();
    const loop = async (client: pg.Client): Promise<void> => {
      for (; performance.now() - from < SECONDS * 1000; count += 1) await client.query(ASK);
    };
    await Promise.all(clients.map(loop));
    await proxy.loadOver();
    const seconds = (performance.now() - from) / 1000;
    const { health } = await proxy.account();
    perSec.push(count / seconds);
    if (health !== undefined) cpuUs.push((health.cpuShare * seconds * 1e6) / count);
  }
  const note = `median of ${rounds} rounds of ${SECONDS} s on ${CONNECTIONS} connections`;
  const figure = (what: string, unit: string, values: readonly number[]): Figure => ({
    ...{ what, value: median(values), unit, note },
    interval: [Math.min(...values), Math.max(...values)],
  });
  return [
    figure('round trips through the proxy', '1/s', perSec),
    figure('CPU time of the proxy for a round trip', 'µs', cpuUs),
  ];
}

/** What one connection carries from a server that only sends to a client that only counts. */
async function transfer(bench: Bench): Promise<Figure> {
  const rounds = bench.rounds ?? ROUNDS;
  const source = createServer((socket) => void send(socket));
  await once(source.listen(0, '127.0.0.1'), 'listening');
  const address = source.address();
  if (address === null || typeof address === 'string') throw new Error('the source has no port');
  await using proxy = await startProxy({ host: '127.0.0.1', port: address.port }, 1);
  const rates: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    bench.signal.throwIfAborted();
    rates.push(await received(proxy));
  }
  source.close();
  return {
    what: 'passed on over one connection',
    value: median(rates),
    unit: 'MB/s',
    interval: [Math.min(...rates), Math.max(...rates)],
    note: `median of ${rounds} rounds of ${TRANSFER_BYTES / 1024 / 1024} MiB; both ends share one process`,
  };
}

async function send(socket: Socket): Promise<void> {
  socket.on('error', () => undefined);
  for (let sent = 0; sent < TRANSFER_BYTES; sent += CHUNK.length)
    if (!socket.write(CHUNK)) await once(socket, 'drain');
  socket.end();
}

async function received(proxy: NetworkProxy): Promise<number> {
  const from = performance.now();
  const client = connect({ host: '127.0.0.1', port: proxy.port });
  let bytes = 0;
  client.on('data', (data) => {
    bytes += data.length;
  });
  await once(client, 'close');
  return bytes / 1e6 / ((performance.now() - from) / 1000);
}

// Does the proxy do to connections what it is told, and nothing to them otherwise?

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { after, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Trouble } from './protocol.ts';
import { startProxy } from './proxy-process.ts';

/** Says back what it hears, byte by byte, and ends when it is told so. */
const server = createServer({ noDelay: true, allowHalfOpen: true }, (socket) => {
  served.add(socket);
  socket.on('error', () => undefined);
  socket.on('close', () => served.delete(socket));
  socket.pipe(socket);
});
const served = new Set<Socket>();
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const address = server.address();
assert.ok(address !== null && typeof address === 'object');
const destination = { host: '127.0.0.1', port: address.port };
after(() => {
  for (const socket of served) socket.destroy();
  server.close();
});

class Client {
  readonly socket: Socket;
  error: NodeJS.ErrnoException | undefined;
  readonly #chunks: Buffer[] = [];
  #bytes = 0;
  readonly #closed = Promise.withResolvers<void>();

  constructor(port: number) {
    this.socket = connect({ host: '127.0.0.1', port, noDelay: true });
    this.socket.on('data', (data) => {
      this.#chunks.push(data);
      this.#bytes += data.length;
    });
    this.socket.on('close', () => this.#closed.resolve());
    this.socket.on('error', (error) => {
      this.error = error;
    });
  }

  get received(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  /** Resolves with the ms after which so many bytes have come in all. */
  async heard(bytes: number): Promise<number> {
    const from = performance.now();
    while (this.#bytes < bytes) {
      assert.equal(this.error, undefined);
      assert.ok(performance.now() - from < 15_000, `${this.#bytes} of ${bytes} bytes came`);
      await sleep(1);
    }
    return performance.now() - from;
  }

  /** Until all has come back that was ever sent. */
  async roundTrip(text = 'x'): Promise<number> {
    this.socket.write(text);
    return await this.heard(this.socket.bytesWritten);
  }

  async closed(): Promise<void> {
    const late = sleep(5_000, 'late', { ref: false });
    assert.equal(await Promise.race([this.#closed.promise, late]), undefined, 'the connection is closed');
  }
}

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const endMs = performance.now() + 5_000;
  while (!(await holds())) {
    assert.ok(performance.now() < endMs, what);
    await sleep(5);
  }
}

describe('a proxy', () => {
  test('passes on all bytes in their order, both ways at once, and an end of one side alone', async () => {
    await using proxy = await startProxy(destination, 1);
    const client = new Client(proxy.port);
    const sent = randomBytes(5_000_000);
    client.socket.end(sent);
    await client.heard(sent.length);
    await client.closed();
    const hash = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
    assert.equal(hash(client.received), hash(sent));
    await until('the connection is gone', async () => (await proxy.read()).counters.connections === 0);
    const { counters } = await proxy.read();
    assert.deepEqual(counters, {
      ...{ connections: 0, connectionsEver: 1, bytesUp: sent.length, bytesDown: sent.length },
      ...{ bytesHeld: 0, resets: 0, refused: 0 },
    });
  });

  test('a delay comes each way, leaves the order, and takes nothing of what may be on its way', async () => {
    await using proxy = await startProxy(destination, 1);
    const client = new Client(proxy.port);
    await client.roundTrip();
    const slow = await proxy.trouble({ trouble: 'slow', delayMs: 60, jitterMs: 0 });
    const took = await client.roundTrip();
    assert.ok(took >= 119, `${took} ms`);
    // One after the other they would take six seconds.
    const from = performance.now();
    const lines = Array.from({ length: 50 }, (_, i) => `line ${i}\n`);
    const before = client.received.length;
    for (const line of lines) {
      client.socket.write(line);
      await sleep(2);
    }
    await client.heard(before + lines.join('').length);
    assert.equal(client.received.subarray(before).toString(), lines.join(''));
    assert.ok(performance.now() - from < 3_000, 'delayed bytes follow each other closely');
    await slow[Symbol.asyncDispose]();
    const healed = await client.roundTrip();
    assert.ok(healed < 100, `${healed} ms`);
    client.socket.destroy();
  });

  test('a new connection waits for its handshake, too', async () => {
    await using proxy = await startProxy(destination, 1);
    await proxy.trouble({ trouble: 'slow', delayMs: 50, jitterMs: 0 });
    const client = new Client(proxy.port);
    const took = await client.roundTrip();
    assert.ok(took >= 199, `${took} ms`);
    client.socket.destroy();
  });

  test('jitter lengthens and shortens, and keeps the order', async () => {
    await using proxy = await startProxy(destination, 7);
    const client = new Client(proxy.port);
    await client.roundTrip();
    await proxy.trouble({ trouble: 'slow', delayMs: 40, jitterMs: 40 });
    for (let i = 0; i < 6; i += 1) client.socket.write(`${i}`);
    const times: number[] = [];
    for (let i = 0; i < 8; i += 1) times.push(await client.roundTrip(`${i}`));
    assert.ok(Math.max(...times) - Math.min(...times) > 10, times.join());
    assert.equal(client.received.toString(), 'x01234501234567');
    client.socket.destroy();
  });

  test('a bandwidth bounds what passes each way, of all connections together', async () => {
    await using proxy = await startProxy(destination, 1);
    await proxy.trouble({ trouble: 'slow', delayMs: 0, jitterMs: 0, bytesPerSec: 200_000 });
    const clients = [new Client(proxy.port), new Client(proxy.port)];
    const from = performance.now();
    for (const client of clients) client.socket.write(Buffer.alloc(100_000));
    await Promise.all(clients.map((client) => client.heard(100_000)));
    const seconds = (performance.now() - from) / 1000;
    assert.ok(seconds >= 0.99, `${seconds} s`);
    for (const client of clients) client.socket.destroy();
  });

  test('what it holds is bounded: the source must wait', async () => {
    await using proxy = await startProxy(destination, 1);
    const client = new Client(proxy.port);
    await client.roundTrip();
    const hole = await proxy.trouble({ trouble: 'black-hole' });
    const sent = Buffer.alloc(30_000_000, 'y');
    let flushed = false;
    client.socket.write(sent, () => {
      flushed = true;
    });
    await until('the proxy reads no more', async () => (await proxy.read()).counters.bytesHeld > 512 * 1024);
    await sleep(200);
    const { bytesHeld } = (await proxy.read()).counters;
    assert.ok(bytesHeld < 2_000_000, `${bytesHeld} held`);
    assert.equal(flushed, false, 'the client waits');
    await hole[Symbol.asyncDispose]();
    await client.heard(1 + sent.length);
    assert.equal((await proxy.read()).counters.bytesHeld, 0);
    client.socket.destroy();
  });

  test('a reset reaches both ends', async () => {
    await using proxy = await startProxy(destination, 1);
    assert.equal(await proxy.reset(), 0);
    const client = new Client(proxy.port);
    await client.roundTrip();
    const [far] = [...served].slice(-1);
    const farError = far && once(far, 'error', { signal: AbortSignal.timeout(5_000) });
    assert.equal(await proxy.reset(), 1);
    await client.closed();
    assert.equal(client.error?.code, 'ECONNRESET');
    const [error] = (await farError) ?? [];
    assert.equal(error?.code, 'ECONNRESET');
    assert.equal((await proxy.read()).counters.resets, 1);
    const next = new Client(proxy.port);
    await next.roundTrip();
    next.socket.destroy();
  });

  test('a black hole tells nobody; healed, all goes on and nothing is lost', async () => {
    await using proxy = await startProxy(destination, 1);
    const client = new Client(proxy.port);
    const leaving = new Client(proxy.port);
    await client.roundTrip();
    await leaving.roundTrip();
    const before = served.size;
    const hole = await proxy.trouble({ trouble: 'black-hole' });
    client.socket.write('held');
    leaving.socket.destroy();
    const late = new Client(proxy.port);
    const gaveUp = new Client(proxy.port);
    await once(late.socket, 'connect');
    late.socket.write('late');
    await once(gaveUp.socket, 'connect');
    gaveUp.socket.destroy();
    await sleep(250);
    assert.equal(client.received.toString(), 'x');
    assert.equal(late.received.length, 0);
    assert.equal(served.size, before, 'the server hears of no one who came or went');
    await hole[Symbol.asyncDispose]();
    await Promise.all([client.heard(5), late.heard(4)]);
    assert.equal(client.received.toString(), 'xheld');
    await until('who left is gone', () => served.size === before);
    assert.equal((await proxy.read()).counters.connectionsEver, 4);
    for (const one of [client, late]) one.socket.destroy();
  });

  test('a cut resets what is open and refuses what comes, until it is healed', async () => {
    await using proxy = await startProxy(destination, 1);
    const client = new Client(proxy.port);
    await client.roundTrip();
    const cut = await proxy.trouble({ trouble: 'cut' });
    await client.closed();
    assert.equal(client.error?.code, 'ECONNRESET');
    const refused = new Client(proxy.port);
    await refused.closed();
    assert.equal(refused.received.length, 0);
    assert.equal((await proxy.read()).counters.refused, 1);
    await cut[Symbol.asyncDispose]();
    const next = new Client(proxy.port);
    await next.roundTrip();
    next.socket.destroy();
  });

  test('troubles overlap: each ends by itself', async () => {
    await using proxy = await startProxy(destination, 1);
    const client = new Client(proxy.port);
    await client.roundTrip();
    const slow: Trouble = { trouble: 'slow', delayMs: 40, jitterMs: 0 };
    const first = await proxy.trouble(slow);
    const second = await proxy.trouble({ ...slow, delayMs: 80 });
    await first[Symbol.asyncDispose]();
    assert.ok((await client.roundTrip()) >= 159, 'the later one still is there');
    const hole = await proxy.trouble({ trouble: 'black-hole' });
    await second[Symbol.asyncDispose]();
    client.socket.write('z');
    await sleep(100);
    assert.equal(client.received.length, 2);
    await hole[Symbol.asyncDispose]();
    await client.heard(3);
    client.socket.destroy();
  });

  test('a server that is not there resets its client', async () => {
    const none = createServer().listen(0, '127.0.0.1');
    await once(none, 'listening');
    const closed = none.address();
    none.close();
    await once(none, 'close');
    assert.ok(closed !== null && typeof closed === 'object');
    await using proxy = await startProxy({ host: '127.0.0.1', port: closed.port }, 1);
    const client = new Client(proxy.port);
    await client.closed();
    assert.equal(client.error?.code, 'ECONNRESET');
  });

  test('tells how it fared, and is known to be gone when it is', async () => {
    const proxy = await startProxy(destination, 1);
    await proxy.watch();
    await sleep(50);
    await proxy.loadOver();
    const { health } = await proxy.account();
    assert.ok(
      health !== undefined &&
        health.cpuShare >= 0 &&
        health.busyShare >= 0 &&
        health.peakRssBytes > 1_000_000,
    );
    assert.equal(proxy.alive, true);
    assert.ok(proxy.pid !== undefined);
    process.kill(proxy.pid, 'SIGKILL');
    await until('it is gone', () => !proxy.alive);
    await assert.rejects(proxy.read(), /the network proxy (has )?ended/);
    await proxy[Symbol.asyncDispose]();
  });
});

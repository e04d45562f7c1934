// How are connections passed on to the server, and how are they hurt on the way?

import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { randomStream } from '../../stats/random.ts';
import { Lane, resetSocket } from './lane.ts';
import type { Destination, ProxyCounters, Trouble } from './protocol.ts';
import { Way } from './way.ts';

/** Listens on 127.0.0.1 and connects each client with `destination`, through whatever trouble there is. */
export class Relay implements AsyncDisposable {
  readonly #destination: Destination;
  readonly #up: Way;
  readonly #down: Way;
  readonly #troubles = new Map<number, Trouble>();
  readonly #connections = new Set<Connection>();
  readonly #server: Server;
  #ever = 0;
  #resets = 0;
  #refused = 0;

  constructor(destination: Destination, seed: number) {
    this.#destination = destination;
    this.#up = new Way(randomStream(seed, 'network up'));
    this.#down = new Way(randomStream(seed, 'network down'));
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.#accept(client));
  }

  /** Resolves with its port. */
  async listen(): Promise<number> {
    await once(this.#server.listen(0, '127.0.0.1'), 'listening');
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the proxy has no port');
    return address.port;
  }

  /** Of several of a kind the last counts. */
  begin(name: number, trouble: Trouble): void {
    this.#troubles.set(name, trouble);
    this.#heed();
    if (trouble.trouble === 'cut') this.reset();
  }

  /** What was held goes on, as it would when TCP sends it again. */
  heal(name: number): void {
    const healed = this.#troubles.get(name);
    this.#troubles.delete(name);
    this.#heed();
    for (const connection of this.#connections) {
      if (!this.#up.blackHole) connection.open();
      if (healed?.trouble === 'slow' && this.#slow() === undefined) connection.hurry();
      else connection.pass();
    }
  }

  /** Every open connection. */
  reset(): void {
    this.#resets += this.#connections.size;
    for (const connection of this.#connections) connection.reset();
  }

  counters(): ProxyCounters {
    return {
      connections: this.#connections.size,
      connectionsEver: this.#ever,
      bytesUp: this.#up.bytesPassed,
      bytesDown: this.#down.bytesPassed,
      bytesHeld: this.#up.bytesHeld + this.#down.bytesHeld,
      resets: this.#resets,
      refused: this.#refused,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const connection of this.#connections) connection.reset();
    if (!this.#server.listening) return;
    this.#server.close();
    await once(this.#server, 'close');
  }

  #slow() {
    return [...this.#troubles.values()].findLast((one) => one.trouble === 'slow');
  }

  #has(trouble: Trouble['trouble']): boolean {
    return [...this.#troubles.values()].some((one) => one.trouble === trouble);
  }

  #heed(): void {
    for (const way of [this.#up, this.#down]) {
      way.become(this.#slow());
      way.blackHole = this.#has('black-hole');
    }
  }

  #accept(client: Socket): void {
    if (this.#has('cut')) {
      // Its port stays ours: one that was closed meanwhile might be somebody else's when the network is healed.
      this.#refused += 1;
      client.on('error', () => undefined);
      resetSocket(client);
      return;
    }
    this.#ever += 1;
    const connection = new Connection(client, this.#destination, this.#up, this.#down);
    this.#connections.add(connection);
    connection.whenGone(() => this.#connections.delete(connection));
    if (!this.#up.blackHole) connection.open();
  }
}

/** A client, the server's end of its connection, and what passes between them. */
class Connection {
  readonly #client: Socket;
  readonly #destination: Destination;
  readonly #down: Way;
  readonly #openMs: number;
  readonly #lanes: Lane[];
  readonly #gone = Promise.withResolvers<void>();
  #server: Socket | undefined;
  #open = 1;

  constructor(client: Socket, destination: Destination, up: Way, down: Way) {
    this.#client = client;
    this.#destination = destination;
    this.#down = down;
    // A handshake takes a round trip.
    this.#openMs = performance.now() + up.delayMs() + down.delayMs();
    this.#lanes = [new Lane(client, up, this.#openMs)];
    client.on('close', () => this.#closed());
    // Who gives up before the network lets it through never was there.
    const gaveUp = (): void => {
      if (this.#server === undefined) this.reset();
    };
    client.on('end', gaveUp);
    client.on('error', gaveUp);
  }

  /** Connects to the server, if it has not yet. */
  open(): void {
    if (this.#server !== undefined || this.#client.destroyed) return;
    const options = { ...this.#destination, allowHalfOpen: true, noDelay: true };
    const server = connect(options);
    this.#server = server;
    this.#open += 1;
    server.on('close', () => this.#closed());
    const back = new Lane(server, this.#down, this.#openMs);
    this.#lanes[0]?.leadTo(server);
    back.leadTo(this.#client);
    this.#lanes.push(back);
  }

  pass(): void {
    for (const lane of this.#lanes) lane.pass();
  }

  hurry(): void {
    for (const lane of this.#lanes) lane.hurry();
  }

  /** Towards both ends, whatever is on its way. */
  reset(): void {
    for (const lane of this.#lanes) lane.drop();
    for (const socket of [this.#client, this.#server]) if (socket !== undefined) resetSocket(socket);
  }

  whenGone(tell: () => void): void {
    void this.#gone.promise.then(tell);
  }

  /** Both sockets must be closed: what came from one may still be on its way to the other. */
  #closed(): void {
    this.#open -= 1;
    if (this.#open > 0) return;
    for (const lane of this.#lanes) lane.drop();
    this.#gone.resolve();
  }
}

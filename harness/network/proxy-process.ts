// How does the coordinator start the proxy, give it orders, and end it?

import { type ChildProcess, fork } from 'node:child_process';
import { programBeside } from '../child-program.ts';
import { RuntimeFailure } from '../errors.ts';
import type { Destination, FromProxy, Order, ProxyReading, Trouble } from './protocol.ts';

const READY_WITHIN_MS = 30_000;
const ANSWER_WITHIN_MS = 10_000;

/** The network between the agents of a cell and what they connect to. Disposing it ends the proxy, and every connection with it. */
export interface NetworkProxy extends AsyncDisposable {
  /** On 127.0.0.1. */
  readonly port: number;
  readonly pid: number | undefined;
  readonly alive: boolean;
  /** Resolves when the trouble is there; disposing heals it, and resolves when what was held goes on. */
  trouble(trouble: Trouble): Promise<AsyncDisposable>;
  /** Resolves when every open connection is reset, with how many have been so far. */
  reset(): Promise<number>;
  /** The proxy watches itself from now on. */
  watch(): Promise<void>;
  /** To be called at the end of the last phase: what the proxy took of the load is known. */
  loadOver(): Promise<void>;
  read(): Promise<ProxyReading>;
  /** With the proxy's account of itself; to be called once, last. */
  account(): Promise<ProxyReading>;
}

/** Starts a proxy in front of `destination`. The seed is of the jitter. */
export async function startProxy(destination: Destination, seed: number): Promise<NetworkProxy> {
  const proxy = new ProxyProcess();
  try {
    await proxy.open(destination, seed);
    return proxy;
  } catch (error) {
    await proxy[Symbol.asyncDispose]();
    throw error;
  }
}

class ProxyProcess implements NetworkProxy {
  port = 0;
  readonly #child: ChildProcess;
  readonly #exited = Promise.withResolvers<void>();
  readonly #asked = new Map<number, PromiseWithResolvers<ProxyReading>>();
  #orders = 0;
  #troubles = 0;

  constructor() {
    this.#child = fork(programBeside(import.meta.url, 'proxy'), [], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      execArgv: process.execArgv,
    });
    this.#child.on('message', (message) => this.#hear(message as FromProxy));
    this.#child.once('error', (error) => this.#gone(`could not be started: ${error.message}`));
    this.#child.once('exit', (code, signal) => this.#gone(`ended (${signal ?? `exit code ${code}`})`));
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get alive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  async open(destination: Destination, seed: number): Promise<void> {
    const { port } = await this.#tell({ kind: 'open', destination, seed }, READY_WITHIN_MS);
    this.port = port;
  }

  async trouble(trouble: Trouble): Promise<AsyncDisposable> {
    this.#troubles += 1;
    const name = this.#troubles;
    await this.#tell({ kind: 'trouble', name, trouble });
    return {
      [Symbol.asyncDispose]: async () => {
        await this.#tell({ kind: 'heal', name });
      },
    };
  }

  async reset(): Promise<number> {
    const { counters } = await this.#tell({ kind: 'reset' });
    return counters.resets;
  }

  async watch(): Promise<void> {
    await this.#tell({ kind: 'watch' });
  }

  async loadOver(): Promise<void> {
    await this.#tell({ kind: 'load-over' });
  }

  read(): Promise<ProxyReading> {
    return this.#tell({ kind: 'read' });
  }

  account(): Promise<ProxyReading> {
    return this.#tell({ kind: 'account' });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.alive) this.#child.kill('SIGKILL');
    await this.#exited.promise;
  }

  #tell(order: Order, withinMs = ANSWER_WITHIN_MS): Promise<ProxyReading> {
    if (!this.#child.connected) return Promise.reject(new RuntimeFailure('the network proxy has ended'));
    this.#orders += 1;
    const id = this.#orders;
    const asked = Promise.withResolvers<ProxyReading>();
    this.#asked.set(id, asked);
    const timer = setTimeout(
      () => asked.reject(new RuntimeFailure(`the network proxy did not answer within ${withinMs / 1000} s`)),
      withinMs,
    );
    this.#child.send({ ...order, id }, () => undefined);
    return asked.promise.finally(() => {
      clearTimeout(timer);
      this.#asked.delete(id);
    });
  }

  #hear(message: FromProxy): void {
    const asked = this.#asked.get(message.id);
    if ('reading' in message) asked?.resolve(message.reading);
    else asked?.reject(new RuntimeFailure(`the network proxy: ${message.problem}`));
  }

  #gone(what: string): void {
    for (const asked of this.#asked.values()) asked.reject(new RuntimeFailure(`the network proxy ${what}`));
    this.#exited.resolve();
  }
}

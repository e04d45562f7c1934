// The program of the proxy: stands between agents and server, and does to their connections what it is told.

import { oneLine } from '../errors.ts';
import { BusyWatch } from './busy-watch.ts';
import type { FromProxy, Order, ProxyReading, ToProxy } from './protocol.ts';
import { Relay } from './relay.ts';

class WatchedRelay {
  readonly #relay: Relay;
  readonly #port: number;
  #watch: BusyWatch | undefined;

  constructor(relay: Relay, port: number) {
    this.#relay = relay;
    this.#port = port;
  }

  obey(order: Order): ProxyReading {
    if (order.kind === 'trouble') this.#relay.begin(order.name, order.trouble);
    else if (order.kind === 'heal') this.#relay.heal(order.name);
    else if (order.kind === 'reset') this.#relay.reset();
    else if (order.kind === 'load-over') this.#watch?.loadOver();
    else if (order.kind === 'watch') this.#watch = new BusyWatch();
    const counters = this.#relay.counters();
    const reading = { counters, port: this.#port };
    return order.kind === 'account' && this.#watch !== undefined
      ? { ...reading, health: this.#watch.stop() }
      : reading;
  }
}

let proxy: WatchedRelay | undefined;

async function obey(order: Order): Promise<ProxyReading> {
  if (order.kind === 'open') {
    const relay = new Relay(order.destination, order.seed);
    proxy = new WatchedRelay(relay, await relay.listen());
  }
  if (proxy === undefined) throw new Error('told something before it was opened');
  return proxy.obey(order);
}

function answer(message: FromProxy): void {
  if (process.connected) process.send?.(message);
}

process.on('message', (message) => {
  // The channel carries only what the coordinator of the same version sends.
  const { id, ...order } = message as ToProxy;
  obey(order).then(
    (reading) => answer({ id, reading }),
    (error: unknown) => answer({ id, problem: oneLine(error) }),
  );
});
// It must not outlive its coordinator, and leaves Ctrl-C to it.
process.on('disconnect', () => process.exit());
process.on('SIGINT', () => undefined);

// What do the coordinator and the proxy say to each other?

import type { GeneratorHealth } from '../measure/generator.ts';

/** Where the proxy connects to: a port, or the path of a socket. */
export type Destination = { readonly host: string; readonly port: number } | { readonly path: string };

/**
 * What can be wrong with the network for a while. `slow`: what passes comes `delayMs` later, each way, give or take up to
 * `jitterMs`, and no faster than `bytesPerSec`, which all connections share. `black-hole`: nothing passes, and nobody is told.
 * `cut`: connections are reset, new ones refused.
 */
export type Trouble =
  | {
      readonly trouble: 'slow';
      readonly delayMs: number;
      readonly jitterMs: number;
      /** Each way; absent for no bound. */
      readonly bytesPerSec?: number | undefined;
    }
  | { readonly trouble: 'black-hole' }
  | { readonly trouble: 'cut' };

export type Order =
  /** Sent once, first. The seed is of the jitter. */
  | { readonly kind: 'open'; readonly destination: Destination; readonly seed: number }
  /** From now on until it is healed by its `name`. */
  | { readonly kind: 'trouble'; readonly name: number; readonly trouble: Trouble }
  | { readonly kind: 'heal'; readonly name: number }
  /** Every open connection is reset, towards both of its ends. */
  | { readonly kind: 'reset' }
  /** The proxy watches itself from now on. */
  | { readonly kind: 'watch' }
  /** The load is over: what the proxy took of it is known. */
  | { readonly kind: 'load-over' }
  | { readonly kind: 'read' }
  /** Read with the proxy's own account; sent once, last. */
  | { readonly kind: 'account' };

export type ToProxy = Order & { readonly id: number };

/** Since the proxy was opened; `connections` and `bytesHeld` are of now. */
export interface ProxyCounters {
  readonly connections: number;
  readonly connectionsEver: number;
  /** Passed on, from the agents and to them. */
  readonly bytesUp: number;
  readonly bytesDown: number;
  /** Read and not passed on yet. */
  readonly bytesHeld: number;
  /** Connections that were reset by order. */
  readonly resets: number;
  /** Connections that were refused while the network was cut. */
  readonly refused: number;
}

/** As an agent's; and the share of the load in which the proxy's event loop had hardly a pause, 0…1. */
export interface ProxyHealth extends GeneratorHealth {
  readonly busyShare: number;
}

export interface ProxyReading {
  readonly counters: ProxyCounters;
  /** Where it listens, on 127.0.0.1. */
  readonly port: number;
  /** In the answer to `account`, after `watch`. */
  readonly health?: ProxyHealth;
}

/** The answer to the order of this id: it is carried out. */
export type FromProxy = { readonly id: number } & (
  | { readonly reading: ProxyReading }
  | { readonly problem: string }
);

// How does a cell's load go through the proxy, and how did the proxy fare under it?

import type { CellPlan } from '../cell/plan.ts';
import { RuntimeFailure, UsageError } from '../errors.ts';
import type { ConnectionSettings } from '../server/server.ts';
import { proxyAccount } from './account.ts';
import type { Destination } from './protocol.ts';
import { type NetworkProxy, startProxy } from './proxy-process.ts';

/** In the order of a cell: `begin` before the load starts, `loadOver` as its phases end, `end` when the agents have gone. */
export interface CellNetwork extends AsyncDisposable {
  /** Where agents connect. */
  readonly connection: ConnectionSettings;
  /** As faults get it. */
  readonly proxy: NetworkProxy;
  begin(): Promise<void>;
  /** It waits for nothing. */
  loadOver(): void;
  /** Ends it, with what is left of its connections. */
  end(
    openLoop: boolean,
    scale?: CellPlan['scale'],
  ): Promise<{ readonly failures: readonly string[]; readonly notes: readonly string[] }>;
}

/**
 * Starts the proxy of a scenario in front of `behind`, a pooler or the server itself.
 * @throws UsageError where the address asks for what a proxy would break.
 */
export async function openNetwork(
  scenario: string,
  behind: ConnectionSettings,
  seed: number,
): Promise<CellNetwork> {
  if (behind.ssl === true)
    throw new UsageError(
      `scenario ${scenario} goes through a TCP proxy, whose address is not the one in the server's certificate: give the address sslmode=require`,
    );
  const proxy = await startProxy(destinationOf(behind), seed);
  return new RunningNetwork(proxy, { ...behind, host: '127.0.0.1', port: proxy.port });
}

/** A host that is a path is the folder of the server's socket, as for libpq. */
function destinationOf({ host, port }: ConnectionSettings): Destination {
  return host.startsWith('/') ? { path: `${host}/.s.PGSQL.${port}` } : { host, port };
}

class RunningNetwork implements CellNetwork {
  readonly connection: ConnectionSettings;
  readonly proxy: NetworkProxy;
  #over: Promise<void> | undefined;

  constructor(proxy: NetworkProxy, connection: ConnectionSettings) {
    this.proxy = proxy;
    this.connection = connection;
  }

  begin(): Promise<void> {
    return this.proxy.watch();
  }

  loadOver(): void {
    // One that has ended is found out at the end.
    this.#over = this.proxy.loadOver().catch(() => undefined);
  }

  async end(openLoop: boolean, scale?: CellPlan['scale']) {
    try {
      await this.#over;
      const reading = await this.proxy.account();
      await this[Symbol.asyncDispose]();
      return proxyAccount(reading, openLoop, scale);
    } catch (error) {
      if (!(error instanceof RuntimeFailure)) throw error;
      return { failures: [error.message], notes: [] };
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.proxy[Symbol.asyncDispose]();
  }
}

// Where does `--metrics` serve, and what is said of it?

import { InvalidArgumentError } from 'commander';
import type { LiveMetrics } from '../harness/metrics/live-metrics.ts';
import type { MetricsAddress } from '../harness/metrics/server.ts';
import { version } from './version.ts';

const LOOPBACK = '127.0.0.1';
const ADDRESS = /^(?:(?:\[([\w:.%]+)\]|([^\s:[\]/@]+)):)?(\d{1,5})$/;

/** `9464`, `host:9464` or `[::1]:9464`, as an option's value; the loopback address where no host is named. */
export function metricsAddress(text: string): MetricsAddress {
  const [, bracketed, name, port] = ADDRESS.exec(text) ?? [];
  if (port === undefined || Number(port) > 65_535)
    throw new InvalidArgumentError('give a port from 0 to 65535, or a host and a port such as 0.0.0.0:9464.');
  return { host: bracketed ?? name ?? LOOPBACK, port: Number(port) };
}

/** What is served, and the server: closed when it is disposed. */
export interface ServedMetrics extends AsyncDisposable {
  readonly live: LiveMetrics;
  readonly port: number;
}

/** Listens and says where, or does nothing without an address. @throws UsageError, RuntimeFailure as `serveMetrics` does. */
export async function openMetrics(address: MetricsAddress | undefined): Promise<ServedMetrics | undefined> {
  if (address === undefined) return undefined;
  // Loaded only where it is asked for: a library more would weigh on the memory of every coordinator.
  const { LiveMetrics } = await import('../harness/metrics/live-metrics.ts');
  const { serveMetrics } = await import('../harness/metrics/server.ts');
  const live = new LiveMetrics();
  const server = await serveMetrics(address, live, version());
  process.stderr.write(`claimbench: metrics at ${server.url}\n`);
  return { live, port: server.port, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

// Who answers a scraper while a run goes on? A small HTTP server that knows one page.

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { errorCode, oneLine, RuntimeFailure, UsageError } from '../errors.ts';
import { contentTypeOf, expose, type Format } from './exposition.ts';
import { formatFor } from './format.ts';
import type { LiveMetrics, Snapshot } from './live-metrics.ts';

const PATH = '/metrics';
/** Agents tell once a second: a text is good for as long, however many ask. */
const GOOD_FOR_MS = 1_000;
const REQUEST_WITHIN_MS = 5_000;
const CONNECTIONS_LIMIT = 64;

/** Where to listen. Port 0: any that is free. */
export interface MetricsAddress {
  readonly host: string;
  readonly port: number;
}

/** Disposing closes at once, whoever is connected. */
export interface MetricsServer extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
}

/**
 * Listens, and answers from then on.
 * @throws RuntimeFailure for a port that is taken; UsageError for an address that this process cannot listen on.
 */
export async function serveMetrics(
  address: MetricsAddress,
  live: LiveMetrics,
  version: string,
): Promise<MetricsServer> {
  const pages = new Pages(live, version);
  const server = createServer(
    {
      requestTimeout: REQUEST_WITHIN_MS,
      headersTimeout: REQUEST_WITHIN_MS,
      connectionsCheckingInterval: 1_000,
    },
    (request, response) => {
      answer(request, response, pages).catch(() => response.destroy());
    },
  );
  server.maxConnections = CONNECTIONS_LIMIT;
  await new Promise<void>((listening, refused) => {
    server.once('error', (error) => refused(listenFailure(address, error)));
    server.listen({ host: address.host, port: address.port }, listening);
  });
  // One that cannot be accepted, for want of file descriptors, is the scraper's loss.
  server.on('error', () => undefined);
  // It must not keep the process alive.
  server.unref();
  const { address: host, family, port } = server.address() as AddressInfo;
  return {
    url: `http://${family === 'IPv6' ? `[${host}]` : host}:${port}${PATH}`,
    port,
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((done) => server.close(() => done()));
      server.closeAllConnections();
      await closed;
    },
  };
}

async function answer(request: IncomingMessage, response: ServerResponse, pages: Pages): Promise<void> {
  // A body is none of ours; what is wrong with its connection shows when the answer is written, and is no matter then.
  request.resume().on('error', () => undefined);
  response.on('error', () => undefined);
  const path = (request.url ?? '').split('?', 1)[0];
  if (path !== PATH) return say(request, response, 404, `not found: the metrics are at ${PATH}\n`);
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('Allow', 'GET, HEAD');
    return say(request, response, 405, 'only GET and HEAD\n');
  }
  const format = formatFor(request.headers.accept);
  response.setHeader('Vary', 'Accept');
  response.setHeader('Cache-Control', 'no-store');
  say(request, response, 200, await pages.page(format), contentTypeOf(format));
}

function say(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  text: string,
  type = 'text/plain; charset=utf-8',
): void {
  response.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(text) });
  response.end(request.method === 'HEAD' ? undefined : text);
}

/** What both formats are written from, so that who reads now the one, now the other sees no counter fall. */
interface Taken {
  readonly snapshot: Snapshot;
  readonly changes: number;
  readonly atMs: number;
  readonly texts: Map<Format, Promise<string>>;
}

/** A snapshot is taken once a second at most while a load runs: scrapers must not keep the coordinator busy. */
class Pages {
  readonly #live: LiveMetrics;
  readonly #version: string;
  #taken: Taken | undefined;

  constructor(live: LiveMetrics, version: string) {
    this.#live = live;
    this.#version = version;
  }

  page(format: Format): Promise<string> {
    const { snapshot, texts } = this.#fresh();
    const written = texts.get(format) ?? expose(snapshot, format, this.#version);
    texts.set(format, written);
    return written;
  }

  #fresh(): Taken {
    const { changes } = this.#live;
    const atMs = performance.now();
    if (this.#taken?.changes !== changes || atMs - this.#taken.atMs >= GOOD_FOR_MS)
      this.#taken = { snapshot: this.#live.snapshot(), changes, atMs, texts: new Map() };
    return this.#taken;
  }
}

function listenFailure({ host, port }: MetricsAddress, error: Error): Error {
  const where = `--metrics ${host.includes(':') ? `[${host}]` : host}:${port}`;
  const code = errorCode(error) ?? '';
  if (code === 'EADDRINUSE')
    return new RuntimeFailure(
      `${where}: something listens there already; give another port, or 0 for a free one`,
    );
  const why = REASONS[code];
  return why === undefined
    ? new RuntimeFailure(`${where} cannot be listened on (${oneLine(error)}): give another address`)
    : new UsageError(`${where}: ${why}`);
}

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'this user may not listen there; give a port from 1024 on',
  EPERM: 'this user may not listen there; give a port from 1024 on',
  EADDRNOTAVAIL: 'this machine has no such address; give one of its own, or the port alone',
  EAFNOSUPPORT: 'this machine has no such address; give one of its own, or the port alone',
  ENOTFOUND: 'no machine of that name is known; give an address, or the port alone',
  EAI_AGAIN: 'no machine of that name is known; give an address, or the port alone',
};

// Which server does `--server` mean?

import { UsageError } from '../errors.ts';
import type { PostgresMajor } from './binary-pins.ts';
import { type ContainerWords, parseWishes } from './container/wishes.ts';
import { startEmbedded } from './embedded.ts';
import type { PostgresServer } from './server.ts';
import { benchmarkSettings } from './server-settings.ts';
import { connectUrl } from './url.ts';

export interface ServerOptions {
  /** Major version of a server that the harness starts; default 18. A server at a URL has the version that it has. */
  readonly version?: PostgresMajor;
  /** Settings of such a server that replace the harness's own choice. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Extensions that every cell's database is to hold. */
  readonly extensions?: readonly string[];
  /** Processors to keep such a server on. */
  readonly cpus?: readonly number[];
  /** Of a server in a container. */
  readonly container?: ContainerWords;
  /** Told of an image that is not here yet: fetching it takes a while. */
  readonly onFetch?: (image: string) => void;
  /** Abandons the start. */
  readonly signal?: AbortSignal;
}

/** Whether the harness starts such a server itself, and so decides its settings and its cores. */
export function isOwnServer(spec: string): boolean {
  return spec === 'embedded' || spec === 'docker';
}

/** Refuses wishes that no start could grant, before there is any. @throws UsageError, with the mend. */
export function checkServerOptions(spec: string, options: ServerOptions): void {
  if (spec === 'docker') parseWishes(options.container ?? {});
  if (options.settings !== undefined) benchmarkSettings(options.settings);
  if (isOwnServer(spec)) return;
  const refused = (['version', 'settings', 'extensions', 'cpus'] as const).find(
    (option) => options[option] !== undefined,
  );
  if (refused !== undefined)
    throw new UsageError(`a server at an address decides its own ${refused}: leave that option out`);
}

/**
 * Opens the server that `spec` names: `embedded`, `docker`, or an address `postgres://…`.
 * @throws UsageError on any other word, and on options that such a server cannot honour; RuntimeFailure when it cannot be had.
 */
export async function openServer(spec: string, options: ServerOptions = {}): Promise<PostgresServer> {
  if (spec !== 'embedded' && spec !== 'docker' && !/^postgres(ql)?:/.test(spec)) {
    // Never repeated: a mistyped address may hold a password.
    throw new UsageError('--server takes embedded, docker, or postgres://user:password@host:port/database');
  }
  checkServerOptions(spec, options);
  if (spec === 'embedded') return startEmbedded(options);
  if (spec !== 'docker') return connectUrl(spec, options.signal);
  // Loaded only now: the engine's client is large, and runs without containers have no use for it.
  const { startContainer } = await import('./container/start.ts');
  return startContainer({ ...options, wishes: parseWishes(options.container ?? {}) });
}

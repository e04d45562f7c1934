// Which server does `--server` mean?

import { UsageError } from '../errors.ts';
import type { PostgresMajor } from './binary-pins.ts';
import { startEmbedded } from './embedded.ts';
import type { PostgresServer } from './server.ts';
import { connectUrl } from './url.ts';

export interface ServerOptions {
  /** Major version of an embedded server; default 18. A server at a URL has the version that it has. */
  readonly version?: PostgresMajor;
  /** Settings of an embedded server that replace the harness's own choice. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Cores to pin an embedded server to. */
  readonly cpus?: readonly number[];
  /** Abandons the start. */
  readonly signal?: AbortSignal;
}

/**
 * Opens the server that `spec` names: `embedded`, or an address `postgres://…`.
 * @throws UsageError on any other word, and on options that a server at a URL cannot honour.
 */
export async function openServer(spec: string, options: ServerOptions = {}): Promise<PostgresServer> {
  if (spec === 'embedded') return startEmbedded(options);
  if (spec === 'docker') {
    throw new UsageError(
      '--server docker is not offered yet: use embedded, or postgres://… of a container you started',
    );
  }
  if (/^postgres(ql)?:/.test(spec)) {
    const refused = (['version', 'settings', 'cpus'] as const).find(
      (option) => options[option] !== undefined,
    );
    if (refused)
      throw new UsageError(`a server at an address decides its own ${refused}: leave that option out`);
    return connectUrl(spec, options.signal);
  }
  // Never repeated: a mistyped address may hold a password.
  throw new UsageError('--server takes embedded or postgres://user:password@host:port/database');
}

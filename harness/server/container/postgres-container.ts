// How is a PostgreSQL container made that runs nothing but the server, and is known to be ready by what it answers?

import { PostgreSqlContainer } from '@testcontainers/postgresql';
import type { Container, HostConfig } from 'dockerode';
import type { BoundPorts, WaitStrategy } from 'testcontainers';

import type { ContainerWishes } from './wishes.ts';

/** The data folder lies below it, whatever the image's own is: what is mounted there decides on what disk. */
const STORE = '/var/lib/claimbench';
const DATA = `${STORE}/data`;
/** In its own network; in the machine's it is a free one. */
export const POSTGRES_PORT = 5432;
/** Dynamic shared memory lies there; an engine's 64 MB end a parallel query. */
const SHARED_MEMORY = 256 * 2 ** 20;

export interface PostgresContainerOptions {
  readonly image: string;
  readonly wishes: ContainerWishes;
  readonly password: string;
  readonly labels: Record<string, string>;
  readonly settings: Readonly<Record<string, string>>;
  /** What runs in place of the image's entrypoint, with the command behind it; absent: the image's own. */
  readonly entrypoint?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** In the machine's network: the port to listen on. */
  readonly hostPort: number | undefined;
  /** Whose interface a published port is bound to; empty for all. */
  readonly publishOn: string;
  readonly ready: (container: Container, ports: BoundPorts) => Promise<void>;
}

/**
 * Testcontainers' PostgreSQL container, with three differences. Its health check would start a process four times a second for
 * as long as the server lives, in the middle of what is measured: there is none. It would publish its port on every interface.
 * And the limits of a benchmark go beyond what it offers.
 */
export class BenchmarkContainer extends PostgreSqlContainer {
  constructor(options: PostgresContainerOptions) {
    super(options.image);
    const { wishes, hostPort } = options;
    this.withDatabase('postgres')
      .withUsername('postgres')
      .withPassword(options.password)
      .withHealthCheck({ test: ['CMD', 'true'] })
      .withLabels(options.labels)
      .withAutoCleanup(false)
      .withSharedMemorySize(SHARED_MEMORY)
      .withEnvironment({
        PGDATA: DATA,
        // As embedded servers are made: no collation library decides what an index costs.
        // By TCP from the machine itself, too: initdb's own choice lets everybody there in.
        POSTGRES_INITDB_ARGS: '--encoding=UTF8 --no-locale --no-sync --auth-host=scram-sha-256',
        ...options.environment,
      })
      .withCommand(commandOf(options.settings, hostPort))
      .withWaitStrategy(new Answers(options.ready));
    if (options.entrypoint !== undefined) this.withEntrypoint([...options.entrypoint]);
    // The engine's word for no health check at all, which the type above has not.
    this.createOpts.Healthcheck = { Test: ['NONE'] };
    if (hostPort !== undefined) {
      this.withNetworkMode('host');
      this.exposedPorts = [];
      delete this.createOpts.ExposedPorts;
    }
    Object.assign(this.hostConfig, limitsOf(wishes));
    this.hostConfig.PortBindings =
      hostPort !== undefined
        ? {}
        : { [`${POSTGRES_PORT}/tcp`]: [{ HostIp: options.publishOn, HostPort: '0' }] };
  }
}

function commandOf(settings: Readonly<Record<string, string>>, hostPort: number | undefined): string[] {
  const network =
    hostPort === undefined
      ? { listen_addresses: '*' }
      : { listen_addresses: '127.0.0.1', port: String(hostPort) };
  return [
    'postgres',
    ...Object.entries({ ...settings, ...network }).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ];
}

function limitsOf({ cpus, cpuset, memoryBytes, storage }: ContainerWishes): Partial<HostConfig> {
  return {
    ...(cpus === undefined ? {} : { NanoCpus: Math.round(cpus * 1e9) }),
    ...(cpuset === undefined ? {} : { CpusetCpus: cpuset.join(',') }),
    // No swap: a server that swaps measures the swap.
    ...(memoryBytes === undefined ? {} : { Memory: memoryBytes, MemorySwap: memoryBytes }),
    ...(storage.kind === 'volume' ? { Mounts: [{ Type: 'volume', Target: STORE, Source: '' }] } : {}),
    ...(storage.kind === 'tmpfs'
      ? { Tmpfs: { [STORE]: storage.bytes === undefined ? 'rw' : `rw,size=${storage.bytes}` } }
      : {}),
  };
}

/** Ready when the server answers over the way that the run will take, not when a process or a port is there. */
class Answers implements WaitStrategy {
  readonly #ready: PostgresContainerOptions['ready'];
  #timeoutMs = 60_000;

  constructor(ready: PostgresContainerOptions['ready']) {
    this.#ready = ready;
  }

  waitUntilReady(container: Container, ports: BoundPorts): Promise<void> {
    return this.#ready(container, ports);
  }

  withStartupTimeout(ms: number): this {
    this.#timeoutMs = ms;
    return this;
  }

  isStartupTimeoutSet(): boolean {
    return true;
  }

  getStartupTimeout(): number {
    return this.#timeoutMs;
  }
}

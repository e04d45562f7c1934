// Does a container run on this very machine, and where can its processes and files be seen?

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, isIP } from 'node:net';
import type { ContainerInspectInfo } from 'dockerode';
import type { ContainerRuntimeClient } from 'testcontainers';

/** Addresses of an engine whose published ports are this machine's own. */
const LOOPBACK = new Set(['localhost', '127.0.0.1', '::1']);

/** How an engine lies to this process. */
export interface EnginePlace {
  /** Whether ports that it publishes appear on this machine. */
  readonly local: boolean;
  /** Whether it runs in a network of its own (rootless): addresses of its containers, and its host network, are not this machine's. */
  readonly rootless: boolean;
  /** Where they are reached. */
  readonly host: string;
  /** The interface to publish ports on: loopback, the bridge's gateway from inside a container, all of a machine elsewhere. */
  readonly publishOn: string;
}

export async function placeOf(engine: ContainerRuntimeClient): Promise<EnginePlace> {
  const { host } = engine.info.containerRuntime;
  const { dockerode } = engine.container;
  const info: { SecurityOptions?: readonly string[] | null } = await dockerode.info();
  // A process in a container is told the bridge's gateway: where that is an address of its own, the engine is beside it.
  const local = LOOPBACK.has(host) || (await isOwnAddress(host));
  const socket = 'socketPath' in dockerode.modem && dockerode.modem.socketPath !== undefined;
  return {
    local,
    host: local ? '127.0.0.1' : host,
    rootless: (info.SecurityOptions ?? []).some((option) => option.includes('rootless')),
    publishOn: local ? '127.0.0.1' : socket && isIP(host) !== 0 ? host : '',
  };
}

/**
 * The process id of a container's first process as this machine has it; undefined where the container runs in a machine of the
 * engine's own (Docker Desktop), or elsewhere: a number that belongs to some other process here must not be taken for it.
 */
export function pidHere({ Id, State }: Pick<ContainerInspectInfo, 'Id' | 'State'>): number | undefined {
  if (process.platform !== 'linux' || State.Pid <= 0) return undefined;
  try {
    return readFileSync(`/proc/${State.Pid}/cgroup`, 'utf8').includes(Id) ? State.Pid : undefined;
  } catch {
    return undefined;
  }
}

/** Whether this machine can listen there. A list of interfaces would not tell: a bridge without containers is not in it. */
async function isOwnAddress(host: string): Promise<boolean> {
  if (isIP(host) === 0) return false;
  const server = createServer().listen(0, host);
  try {
    await once(server, 'listening');
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}

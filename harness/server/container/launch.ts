// How is a container with a server launched, and what is said when it does not start?

import type { Readable } from 'node:stream';
import type { StartedPostgreSqlContainer } from '@testcontainers/postgresql';
import type { Container } from 'dockerode';
import type { BoundPorts, ContainerRuntimeClient } from 'testcontainers';

import { errorCode, isForUser, oneLine, RuntimeFailure, UsageError } from '../../errors.ts';
import { freePort } from '../free-port.ts';
import { complaintsIn, refusedSetting } from '../log-lines.ts';
import type { ConnectionSettings, ContainerFacts } from '../server.ts';
import { type ImageFacts, labelsOf } from './engine.ts';
import { type EnginePlace, pidHere } from './here.ts';
import { BenchmarkContainer, POSTGRES_PORT } from './postgres-container.ts';
import { answersAt, ContainerEnded } from './readiness.ts';
import type { ContainerWishes } from './wishes.ts';

const BIND_ATTEMPTS = 5;

/** What is to run, and where. */
export interface Launch {
  readonly engine: ContainerRuntimeClient;
  readonly image: ImageFacts;
  readonly wishes: ContainerWishes;
  readonly settings: Readonly<Record<string, string>>;
  /** Those of them that a user asked for. */
  readonly asked?: Readonly<Record<string, string>> | undefined;
  /** Of the superuser. */
  readonly password: string;
  readonly place: EnginePlace;
  readonly signal: AbortSignal | undefined;
  readonly entrypoint?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

/** A server that answers. */
export interface Running {
  readonly container: StartedPostgreSqlContainer;
  readonly admin: ConnectionSettings;
  readonly log: LogTail;
  readonly pid: number | undefined;
  readonly route: ContainerFacts['route'];
}

/** Starts a container of a server, and waits until it answers. @throws UsageError, RuntimeFailure. */
export async function launch(of: Launch, serverId: string): Promise<Running> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await launchOnce(of, serverId);
    } catch (error) {
      // Between finding a free port and binding it, another process may take it.
      if (!(error instanceof PortTaken)) throw error;
      if (attempt === BIND_ATTEMPTS)
        throw new RuntimeFailure(`no free port on 127.0.0.1 after ${BIND_ATTEMPTS} attempts: try again`);
    }
  }
}

class PortTaken extends Error {}

async function launchOnce(of: Launch, serverId: string): Promise<Running> {
  const { image, wishes, settings, password, place, signal } = of;
  const hostPort = wishes.network === 'host' ? await freePort() : undefined;
  const log = new LogTail();
  let found: Pick<Running, 'admin' | 'pid' | 'route'> | undefined;
  const at = async (container: Container, ports: BoundPorts): Promise<ConnectionSettings | undefined> => {
    const inspected = await container.inspect();
    const pid = pidHere(inspected);
    if (hostPort !== undefined && pid === undefined && inspected.State.Running)
      throw new UsageError(
        '--network host: the engine runs its containers in a machine of its own; leave it out',
      );
    const direct =
      pid === undefined ? undefined : inspected.NetworkSettings.Networks['bridge']?.IPAddress || undefined;
    const route = hostPort !== undefined ? 'host network' : direct ? 'container address' : 'published port';
    const admin: ConnectionSettings = {
      host: hostPort !== undefined ? '127.0.0.1' : (direct ?? place.host),
      port: hostPort ?? (direct ? POSTGRES_PORT : ports.getBinding(POSTGRES_PORT)),
      user: 'postgres',
      password,
      database: 'postgres',
    };
    found = { admin, pid, route };
    return admin;
  };
  const container = new BenchmarkContainer({
    image: image.name,
    wishes,
    password,
    labels: labelsOf(serverId),
    settings,
    hostPort,
    publishOn: place.publishOn,
    ...(of.entrypoint === undefined ? {} : { entrypoint: of.entrypoint }),
    ...(of.environment === undefined ? {} : { environment: of.environment }),
    ready: (made, ports) => answersAt(made, () => at(made, ports), signal),
  }).withLogConsumer((stream) => log.follow(stream));
  try {
    const started = await container.start();
    if (found === undefined) throw new Error('a container was ready that nobody has asked');
    return { container: started, log, ...found };
  } catch (error) {
    signal?.throwIfAborted();
    throw refusedSetting(log.text, of.asked) ?? whyNotStarted(error, log.text, image.name);
  }
}

function whyNotStarted(error: unknown, log: string, image: string): unknown {
  if (/could not bind|Address already in use|port is already allocated/i.test(`${log} ${oneLine(error)}`))
    return new PortTaken(oneLine(error));
  if (error instanceof ContainerEnded)
    return new RuntimeFailure(`${error.message} (${image}): ${complaintsIn(log)}`);
  if (error instanceof UsageError) return error;
  if (isForUser(error)) return new RuntimeFailure(`${error.message} (${image}): ${complaintsIn(log)}`);
  const text = oneLine(error);
  if (/no space left/i.test(text))
    return new RuntimeFailure(
      `the Docker engine has no space left for a container of ${image}: make room (docker system df shows where)`,
    );
  // The engine's own words for limits that it cannot grant: «Range of CPUs is from 0.01 to 2.00, …».
  const refused = /\(HTTP code 400\)[^-]*- (.*)/.exec(text)?.[1];
  if (refused !== undefined)
    return new UsageError(
      `the Docker engine refuses such a container: ${refused.trim()}; see --cpus, --cpuset, --memory and --image`,
    );
  if (errorCode(error) !== undefined || /HTTP code/.test(text))
    return new RuntimeFailure(`the Docker engine could not start a container of ${image}: ${text}`);
  return error;
}

/** The last of what a server has said. It outlives the container, and the engine. */
export class LogTail {
  text = '';

  follow(stream: Readable): void {
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => {
      this.text = (this.text + text).slice(-64 * 1024);
    });
    stream.on('error', () => undefined);
  }
}

// How is a server started in a container, and how does everything of it go away again?

import { randomBytes, randomUUID } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { StartedPostgreSqlContainer } from '@testcontainers/postgresql';
import type { Container } from 'dockerode';
import type { BoundPorts, ContainerRuntimeClient } from 'testcontainers';

import { errorCode, isForUser, oneLine, RuntimeFailure, UsageError } from '../../errors.ts';
import { createCellDatabase } from '../cell-database.ts';
import { withConnection } from '../connect.ts';
import { freePort } from '../free-port.ts';
import { complaintsIn } from '../log-lines.ts';
import { processMeter } from '../process-titles.ts';
import type { ConnectionSettings, ContainerFacts, PostgresServer } from '../server.ts';
import { cpuMeter } from '../server-cpu.ts';
import { benchmarkSettings } from '../server-settings.ts';
import { prepareTemplate, type TemplateFacts } from '../template.ts';
import {
  ensureImage,
  findEngine,
  type ImageFacts,
  labelsOf,
  removeServer,
  sweepContainers,
} from './engine.ts';
import { isLocalEngine, pidHere } from './here.ts';
import { effectiveLimits } from './limits.ts';
import { BenchmarkContainer, POSTGRES_PORT } from './postgres-container.ts';
import { answersAt, ContainerEnded } from './readiness.ts';
import { guardContainers } from './watchdog.ts';
import { type ContainerWishes, imageFor } from './wishes.ts';

export interface ContainerOptions {
  readonly wishes: ContainerWishes;
  /** Major version; default 18. An image that is named without `{pg}` has the version that it has. */
  readonly version?: string | undefined;
  /** Settings that replace the harness's own choice. */
  readonly settings?: Readonly<Record<string, string>> | undefined;
  readonly extensions?: readonly string[] | undefined;
  /** Processors to keep the server on, by number. */
  readonly cpus?: readonly number[] | undefined;
  /** Abandons the start. */
  readonly signal?: AbortSignal | undefined;
  /** Told of an image that is not here yet: fetching it takes a while. */
  readonly onFetch?: ((image: string) => void) | undefined;
}

const DEFAULT_MAJOR = '18';
const BIND_ATTEMPTS = 5;

/**
 * Starts a PostgreSQL server in a container of this process's own. Disposing it removes the container with its volume; if this process dies
 * instead, the watchdog does so.
 * @throws UsageError (a wish that cannot be granted), RuntimeFailure (no engine, no image, a server that does not start).
 */
export async function startContainer(options: ContainerOptions): Promise<PostgresServer> {
  const { signal } = options;
  const settings = benchmarkSettings(options.settings ?? {});
  const wishes = withCores(options.wishes, options.cpus);
  const engine = await findEngine();
  const local = isLocalEngine(engine.info.containerRuntime.host);
  if (wishes.network === 'host' && !local)
    throw new UsageError('--network host: the engine runs on another machine; leave it out');
  const name = imageFor(wishes, options.version ?? DEFAULT_MAJOR);
  const image = await ensureImage(engine, name, options.onFetch ?? (() => undefined));
  signal?.throwIfAborted();
  await sweepContainers(engine);

  const serverId = randomUUID();
  const watchdog = guardContainers(serverId);
  let disposal: Promise<void> | undefined;
  const dispose = (): Promise<void> => {
    disposal ??= (async () => {
      // An engine that has gone took the container along, or will be asked by the next run's sweep.
      await removeServer(engine, serverId).catch(() => undefined);
      watchdog.dismiss();
    })();
    return disposal;
  };
  try {
    const running = await launch({ engine, image, wishes, settings, local, signal }, serverId);
    signal?.throwIfAborted();
    const facts = await prepareTemplate(running.admin, options.extensions);
    checkVersion(facts, image, options.version);
    return await serverOf(running, { engine, image, wishes, facts }, dispose);
  } catch (error) {
    await dispose();
    throw error;
  }
}

function withCores(wishes: ContainerWishes, cpus: readonly number[] | undefined): ContainerWishes {
  if (cpus === undefined) return wishes;
  if (wishes.cpuset !== undefined)
    throw new UsageError('--cpuset and --pin both say where the server runs: leave one of them out');
  return { ...wishes, cpuset: cpus };
}

function checkVersion({ version }: TemplateFacts, image: ImageFacts, asked: string | undefined): void {
  if (asked === undefined || version.split('.')[0] === asked) return;
  throw new UsageError(
    `image ${image.name} is PostgreSQL ${version}, and --pg says ${asked}: leave --pg out, or put {pg} where the image's name has its version`,
  );
}

interface Launch {
  readonly engine: ContainerRuntimeClient;
  readonly image: ImageFacts;
  readonly wishes: ContainerWishes;
  readonly settings: Readonly<Record<string, string>>;
  readonly local: boolean;
  readonly signal: AbortSignal | undefined;
}

interface Running {
  readonly container: StartedPostgreSqlContainer;
  readonly admin: ConnectionSettings;
  readonly log: LogTail;
  readonly pid: number | undefined;
  readonly route: ContainerFacts['route'];
}

async function launch(of: Launch, serverId: string): Promise<Running> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await launchOnce(of, serverId);
    } catch (error) {
      // Between finding a free port and binding it, another process may take it.
      if (!(error instanceof PortTaken)) throw error;
      if (attempt === BIND_ATTEMPTS)
        throw new RuntimeFailure(`no free port on 127.0.0.1 after ${BIND_ATTEMPTS} attempts: try again`);
      await removeServer(of.engine, serverId);
    }
  }
}

class PortTaken extends Error {}

async function launchOnce(of: Launch, serverId: string): Promise<Running> {
  const { engine, image, wishes, settings, local, signal } = of;
  const password = randomBytes(24).toString('base64url');
  const hostPort = wishes.network === 'host' ? await freePort() : undefined;
  const log = new LogTail();
  let found: Pick<Running, 'admin' | 'pid' | 'route'> | undefined;
  const at = async (container: Container, ports: BoundPorts): Promise<ConnectionSettings | undefined> => {
    const inspected = await container.inspect();
    const pid = pidHere(inspected);
    const direct =
      pid === undefined ? undefined : inspected.NetworkSettings.Networks['bridge']?.IPAddress || undefined;
    const route = hostPort !== undefined ? 'host network' : direct ? 'container address' : 'published port';
    const admin: ConnectionSettings = {
      host: hostPort !== undefined ? '127.0.0.1' : (direct ?? engine.info.containerRuntime.host),
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
    loopbackOnly: local,
    ready: (made, ports) => answersAt(made, () => at(made, ports), signal),
  }).withLogConsumer((stream) => log.follow(stream));
  try {
    const started = await container.start();
    if (found === undefined) throw new Error('a container was ready that nobody has asked');
    return { container: started, log, ...found };
  } catch (error) {
    signal?.throwIfAborted();
    throw whyNotStarted(error, log.text, image.name);
  }
}

function whyNotStarted(error: unknown, log: string, image: string): unknown {
  if (/could not bind|Address already in use|port is already allocated/i.test(`${log} ${oneLine(error)}`))
    return new PortTaken(oneLine(error));
  if (error instanceof ContainerEnded)
    return new RuntimeFailure(`${error.message} (${image}): ${complaintsIn(log)}`);
  if (isForUser(error)) return new RuntimeFailure(`${error.message} (${image}): ${complaintsIn(log)}`);
  const text = oneLine(error);
  if (/no space left/i.test(text))
    return new RuntimeFailure(
      `the Docker engine has no space left for a container of ${image}: make room (docker system df shows where)`,
    );
  // The engine's own words for limits that it cannot grant: «Range of CPUs is from 0.01 to 2.00, …».
  const refused = /\(HTTP code 400\)[^-]*- (.*)/.exec(text)?.[1];
  if (refused !== undefined)
    return new UsageError(`the Docker engine refuses such a container: ${refused.trim()}`);
  if (errorCode(error) !== undefined || /HTTP code/.test(text))
    return new RuntimeFailure(`the Docker engine could not start a container of ${image}: ${text}`);
  return error;
}

/** The last of what a server has said. It outlives the container, and the engine. */
class LogTail {
  text = '';

  follow(stream: Readable): void {
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => {
      this.text = (this.text + text).slice(-64 * 1024);
    });
    stream.on('error', () => undefined);
  }
}

interface Description {
  readonly engine: ContainerRuntimeClient;
  readonly image: ImageFacts;
  readonly wishes: ContainerWishes;
  readonly facts: TemplateFacts;
}

async function serverOf(
  running: Running,
  described: Description,
  dispose: () => Promise<void>,
): Promise<PostgresServer> {
  const { admin, container, pid } = running;
  const { facts } = described;
  const data = await withConnection(admin, { applicationName: 'claimbench admin' }, async (client) => {
    const { rows } = await client.query<{ data_directory: string }>('SHOW data_directory');
    return rows[0]?.data_directory;
  });
  const cpuUs = pid === undefined ? undefined : cpuMeter(pid);
  const processes = pid === undefined ? undefined : processMeter(pid);
  const containerFacts = await factsOf(running, described);
  return {
    kind: 'docker',
    version: facts.version,
    description: `PostgreSQL ${facts.version} in a container of ${nameOf(described.image)}, ${running.route}`,
    container: containerFacts,
    extensions: facts.extensions,
    ...(pid === undefined ? {} : { pid }),
    // Through the container's own root: a volume, a layer and a tmpfs are all found so, by a user who may.
    ...(pid === undefined || data === undefined ? {} : { dataDirectory: `/proc/${pid}/root${data}` }),
    ...(cpuUs && { cpuUs }),
    ...(processes && { processes }),
    openDatabase: (label) => createCellDatabase(admin, label),
    whyGone: () => whyGone(container, running.log, described.engine),
    [Symbol.asyncDispose]: dispose,
  };
}

function nameOf({ name, standIn }: ImageFacts): string {
  return standIn ? `${name} (stand-in)` : name;
}

async function factsOf({ container, route }: Running, of: Description): Promise<ContainerFacts> {
  const { dockerode } = of.engine.container;
  const [info, limits] = await Promise.all([dockerode.info(), effectiveLimits(container)]);
  const { storage } = of.wishes;
  return {
    image: of.image.name,
    imageId: of.image.id,
    ...(of.image.digest === undefined ? {} : { digest: of.image.digest }),
    standIn: of.image.standIn,
    engine: String(info.ServerVersion),
    storageDriver: String(info.Driver),
    storage: storage.kind,
    route,
    ...(limits === undefined ? {} : { limits }),
  };
}

async function whyGone(
  container: StartedPostgreSqlContainer,
  log: LogTail,
  engine: ContainerRuntimeClient,
): Promise<string | undefined> {
  try {
    const { State } = await engine.container.getById(container.getId()).inspect();
    if (State.Running) return undefined;
    const how = State.OOMKilled ? 'ran out of memory and was killed' : `ended with code ${State.ExitCode}`;
    return `its container ${how}: ${complaintsIn(log.text)}`;
  } catch (error) {
    return `the Docker engine does not answer (${oneLine(error)}); the server's last words: ${complaintsIn(log.text)}`;
  }
}

// How is a server started in a container, and how does everything of it go away again?

import { randomBytes, randomUUID } from 'node:crypto';
import type { ContainerRuntimeClient } from 'testcontainers';

import { UsageError } from '../../errors.ts';
import { createCellDatabase } from '../cell-database.ts';
import { withConnection } from '../connect.ts';
import type { ContainerFacts, PostgresServer } from '../server.ts';
import { benchmarkSettings } from '../server-settings.ts';
import { prepareTemplate, type TemplateFacts } from '../template.ts';
import { ensureImage, findEngine, type ImageFacts, removeServer, sweepContainers } from './engine.ts';
import { placeOf } from './here.ts';
import { type Launch, launch, type Running } from './launch.ts';
import { effectiveLimits, throttlingOf } from './limits.ts';
import { comesBack, LiveContainer } from './live-container.ts';
import { copiesItself, startContainerStandby } from './standby.ts';
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
  const place = await placeOf(engine);
  if (wishes.network === 'host' && (!place.local || place.rootless))
    throw new UsageError(
      `--network host: the engine ${place.local ? 'is rootless: it has a network of its own' : 'runs on another machine'}; leave it out`,
    );
  const name = imageFor(wishes, options.version ?? DEFAULT_MAJOR);
  const image = await ensureImage(engine, name, options.onFetch ?? (() => undefined));
  signal?.throwIfAborted();
  await sweepContainers(engine);

  const serverId = randomUUID();
  const watchdog = guardContainers(serverId);
  let disposal: Promise<void> | undefined;
  const dispose = (): Promise<void> => {
    disposal ??= (async () => {
      try {
        await removeServer(engine, serverId);
        watchdog.dismiss();
      } catch {
        // The watchdog tries again when this process has gone, and after it the next run's sweep.
      }
    })();
    return disposal;
  };
  try {
    const password = randomBytes(24).toString('base64url');
    const wanted: Launch = {
      engine,
      image,
      wishes,
      settings,
      asked: options.settings,
      password,
      place,
      signal,
    };
    const running = await launch(wanted, serverId);
    signal?.throwIfAborted();
    const facts = await prepareTemplate(running.admin, options.extensions);
    checkVersion(facts, image, options.version);
    const copies = await copiesItself(running.container, facts.version);
    return await serverOf(running, new LiveContainer(engine, running, signal), {
      ...{ engine, image, wishes, facts, dispose },
      openStandby: copies
        ? (wish) => startContainerStandby({ launch: wanted, running, serverId }, wish)
        : undefined,
    });
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
    `image ${image.name} is PostgreSQL ${version}, and --pg says ${asked}: put {pg} where the image's name has its version, or leave --pg out`,
  );
}

interface Parts {
  readonly engine: ContainerRuntimeClient;
  readonly image: ImageFacts;
  readonly wishes: ContainerWishes;
  readonly facts: TemplateFacts;
  readonly dispose: () => Promise<void>;
  readonly openStandby: PostgresServer['openStandby'] | undefined;
}

async function serverOf(running: Running, live: LiveContainer, parts: Parts): Promise<PostgresServer> {
  const { admin, container, route } = running;
  const { facts, openStandby } = parts;
  const data = await withConnection(admin, { applicationName: 'claimbench admin' }, async (client) => {
    const { rows } = await client.query<{ data_directory: string }>('SHOW data_directory');
    return rows[0]?.data_directory;
  });
  const { cpuUs, processes } = live.meters;
  const containerFacts = await factsOf(running, parts);
  return {
    kind: 'docker',
    version: facts.version,
    description: `PostgreSQL ${facts.version} in a container of ${nameOf(parts.image)}, ${running.route}`,
    container: containerFacts,
    extensions: facts.extensions,
    get pid() {
      return live.pid;
    },
    // Through the container's own root: a volume, a layer and a tmpfs are all found so, by a user who may.
    get dataDirectory() {
      return live.pid === undefined || data === undefined ? undefined : `/proc/${live.pid}/root${data}`;
    },
    ...(cpuUs && { cpuUs }),
    ...(processes && { processes }),
    openDatabase: (label) => createCellDatabase(admin, label),
    throttling: () => throttlingOf(container).catch(() => undefined),
    ...(openStandby && { openStandby }),
    ...(comesBack(route, parts.wishes.storage) && {
      restart: (mode, options) => live.restart(mode, options),
    }),
    whyGone: () => live.whyGone(),
    [Symbol.asyncDispose]: parts.dispose,
  };
}

function nameOf({ name, standIn }: ImageFacts): string {
  return standIn ? `${name} (stand-in)` : name;
}

async function factsOf({ container, route }: Running, of: Parts): Promise<ContainerFacts> {
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
    ...(storage.kind === 'tmpfs' && storage.bytes !== undefined ? { storageBytes: storage.bytes } : {}),
    route,
    ...(limits === undefined ? {} : { limits }),
  };
}

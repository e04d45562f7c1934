// Is there a Docker engine, does it have an image, and what did dead runs leave on it?

import type { ImageInspectInfo } from 'dockerode';
import { type ContainerRuntimeClient, getContainerRuntimeClient, ImageName } from 'testcontainers';

import { oneLine, RuntimeFailure, UsageError } from '../../errors.ts';
import { isGone, isGoneSinceBoot, ownerSchema, thisOwner } from '../owner.ts';

/** On every container of the harness: whose it is, so that a later run recognises what a dead one left. */
const OWNER_LABEL = 'org.claimbench.owner';
/** On the containers of one server: by it they are found and removed together. */
const SERVER_LABEL = 'org.claimbench.server';
/** On images that were built where no registry is reached. */
const STAND_IN_LABEL = 'org.claimbench.stand-in';

/** @throws RuntimeFailure when no engine answers. */
export async function findEngine(): Promise<ContainerRuntimeClient> {
  const asked = process.env['DOCKER_HOST'];
  const engine = await getContainerRuntimeClient().catch(() => undefined);
  if (engine !== undefined && (asked === undefined || isAt(engine, asked))) return engine;
  throw new RuntimeFailure(
    asked === undefined
      ? 'no Docker engine answers on its usual sockets: start it, see that this user may use its socket, or give --server embedded'
      : `no Docker engine answers at DOCKER_HOST (${asked.replace(/\/\/[^/]*@/, '//')}): correct it or unset it, start the engine, or give --server embedded`,
  );
}

/** Testcontainers goes on to other places when one does not answer: a run would be on another machine than it says. */
function isAt({ container: { dockerode } }: ContainerRuntimeClient, asked: string): boolean {
  const { socketPath, host } = dockerode.modem as { socketPath?: string; host?: string };
  return asked.startsWith('unix://')
    ? socketPath === asked.slice('unix://'.length)
    : host === URL.parse(asked.replace(/^tcp:/, 'http:'))?.hostname;
}

/** Labels of a container that belongs to this process. */
export function labelsOf(serverId: string): Record<string, string> {
  return { [OWNER_LABEL]: JSON.stringify(thisOwner()), [SERVER_LABEL]: serverId };
}

/** What an image is, by its content. */
export interface ImageFacts {
  readonly name: string;
  /** `sha256:…` of its configuration: two images of one name differ in it. */
  readonly id: string;
  /** `sha256:…` in its registry; absent for one that was never in any. */
  readonly digest?: string;
  /** Built where no registry is reached, out of the embedded binaries or Debian's packages. */
  readonly standIn: boolean;
}

/**
 * Sees to it that the engine has the image; fetches it where it is missing.
 * @throws UsageError (no such image), RuntimeFailure (it cannot be fetched).
 */
export async function ensureImage(
  engine: ContainerRuntimeClient,
  name: string,
  onFetch: (name: string) => void,
): Promise<ImageFacts> {
  const image = ImageName.fromString(name);
  let found = await inspected(engine, name);
  if (found === undefined) {
    onFetch(name);
    try {
      await engine.image.pull(image);
    } catch (error) {
      throw cannotFetch(name, oneLine(error).replace(/^\(HTTP code \d+\) [^-]*- /, ''));
    }
    found = await inspected(engine, name);
    if (found === undefined) throw cannotFetch(name, 'the engine does not have it afterwards');
  }
  const digest = found.RepoDigests?.[0]?.split('@')[1];
  return {
    name,
    id: found.Id,
    ...(digest === undefined ? {} : { digest }),
    standIn: found.Config?.Labels?.[STAND_IN_LABEL] === 'true',
  };
}

async function inspected(
  engine: ContainerRuntimeClient,
  name: string,
): Promise<ImageInspectInfo | undefined> {
  try {
    return await engine.container.dockerode.getImage(name).inspect();
  } catch (error) {
    if (isStatus(error, 404)) return undefined;
    if (isStatus(error, 400))
      throw new UsageError(`--image ${name}: the engine does not take that for an image's name`);
    throw new RuntimeFailure(`the Docker engine does not answer about image ${name}: ${oneLine(error)}`);
  }
}

/** Whether the engine answered with this status. */
export function isStatus(error: unknown, status: number): boolean {
  return typeof error === 'object' && error !== null && 'statusCode' in error && error.statusCode === status;
}

function cannotFetch(name: string, why: string): Error {
  const mend = 'see `docker pull` of it, name another with --image, or give --server embedded';
  if (/not found|manifest unknown|does not exist|denied|unauthorized/i.test(why))
    return new UsageError(`there is no image ${name} here, nor where it should come from (${why}): ${mend}`);
  return new RuntimeFailure(`image ${name} is not here and cannot be fetched (${why}): ${mend}`);
}

/**
 * Removes the containers of one server, with their volumes. Those that are gone are no error.
 * @throws the first of what the engine could not do, after it was asked to remove every one.
 */
export async function removeServer(engine: ContainerRuntimeClient, serverId: string): Promise<void> {
  const [failure] = await removeWhere(engine, `${SERVER_LABEL}=${serverId}`, () => true);
  if (failure !== undefined) throw failure;
}

/**
 * Removes what dead runs of this machine left: of this boot, or not running any more. Nobody else's containers bear the label, and
 * what cannot be removed does not keep a run from its own.
 */
export async function sweepContainers(engine: ContainerRuntimeClient): Promise<void> {
  await removeWhere(engine, OWNER_LABEL, (label, running) => {
    try {
      const owner = ownerSchema.parse(JSON.parse(label));
      return running ? isGoneSinceBoot(owner) : isGone(owner);
    } catch {
      return false;
    }
  });
}

async function removeWhere(
  { container: { dockerode } }: ContainerRuntimeClient,
  label: string,
  wanted: (owner: string, running: boolean) => boolean,
): Promise<readonly unknown[]> {
  const failures: unknown[] = [];
  const filters = JSON.stringify({ label: [label] });
  for (const { Id, Labels, State } of await dockerode.listContainers({ all: true, filters })) {
    if (!wanted(Labels[OWNER_LABEL] ?? '', State !== 'exited' && State !== 'dead')) continue;
    try {
      await dockerode.getContainer(Id).remove({ force: true, v: true });
    } catch (error) {
      // Gone, or on its way.
      if (!isStatus(error, 404) && !isStatus(error, 409)) failures.push(error);
    }
  }
  return failures;
}

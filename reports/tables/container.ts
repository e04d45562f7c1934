// In what container did a server run, and what of it weakens a figure?

import { formatBytes } from '../render/format.ts';
import type { ServerOfRun } from '../servers.ts';

type Container = NonNullable<ServerOfRun['container']>;

/** `postgres:18 (sha256:0123456789ab), Docker 28.2, container address, data in a volume (overlay2)`. */
export function containerText(container: Container): string {
  const { image, imageId, standIn, engine, route, storage, storageDriver } = container;
  const identity = `${image} (${imageId.slice(0, 19)}${standIn ? ', STAND-IN' : ''})`;
  return `${identity}, Docker ${engine}, ${route}, data in a ${storage === 'tmpfs' ? tmpfsText(container) : `${storage} (${storageDriver})`}`;
}

function tmpfsText({ storageBytes }: Container): string {
  return storageBytes === undefined ? 'tmpfs' : `tmpfs of ${formatBytes(storageBytes)}`;
}

/** What bounds it, as its control groups say: `1.5 processors' time, processors 0-1, memory 512 MB`. */
export function limitsText({ limits }: Container): string {
  if (limits === undefined) return 'cannot be read';
  const { cpus, cpuset, memoryBytes } = limits;
  return [
    cpus === undefined ? 'no limit of time' : `time of ${cpus} processors`,
    ...(cpuset === undefined ? [] : [`processors ${cpuset}`]),
    memoryBytes === undefined ? 'no limit of memory' : `memory ${formatBytes(memoryBytes)}`,
  ].join(', ');
}

/** What a reader should know of it, a title and a text each. */
export function containerCaveats({ container }: ServerOfRun): readonly (readonly [string, string])[] {
  if (container === undefined) return [];
  return [
    ...(container.standIn
      ? [
          [
            'The image is a stand-in',
            `${container.image} was built where no registry was reached, out of the embedded binaries or Debian's packages: not the official image. Its PostgreSQL is built otherwise, and stand-ins of two versions may be from two builders; figures are not comparable with those of official images.`,
          ] as const,
        ]
      : []),
    ...(container.route === 'published port'
      ? [
          [
            "Sessions passed through the engine's proxy",
            'The server was reached by a published port: each statement was copied by a process of Docker on its way. Latencies and rates include that.',
          ] as const,
        ]
      : []),
    ...(container.limits === undefined
      ? [
          [
            'The limits of the container are not known',
            'Its control groups could not be read, so what it was granted is not shown.',
          ] as const,
        ]
      : []),
  ];
}

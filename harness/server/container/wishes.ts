// In what container is a server wished for, and can a wish be granted as it is written?

import { UsageError } from '../../errors.ts';
import { parseCpuList } from '../../measure/processors.ts';

/** Where the data folder lies. A tmpfs has a size in bytes, and nothing in it survives a crash of the machine. */
export type Storage =
  | { readonly kind: 'volume' }
  | { readonly kind: 'layer' }
  | { readonly kind: 'tmpfs'; readonly bytes: number | undefined };

/** How the server is reached: over the engine's bridge, or in the network of the engine's machine. */
export type ContainerNetwork = 'bridge' | 'host';

/** What was asked for, as the command line has it. */
export interface ContainerWords {
  readonly image?: string | undefined;
  /** Processors' worth of time, such as 1.5. */
  readonly cpus?: number | undefined;
  /** Such as 512m or 2g. */
  readonly memory?: string | undefined;
  /** Such as 0-1. */
  readonly cpuset?: string | undefined;
  readonly network?: ContainerNetwork | undefined;
  /** `volume`, `layer`, `tmpfs`, or `tmpfs:512m`. */
  readonly storage?: string | undefined;
}

/** The same, understood. */
export interface ContainerWishes {
  /** With `{pg}` where the major version goes; absent: the official image. */
  readonly image: string | undefined;
  readonly cpus: number | undefined;
  readonly memoryBytes: number | undefined;
  readonly cpuset: readonly number[] | undefined;
  readonly network: ContainerNetwork;
  readonly storage: Storage;
}

/** Below it no server starts. */
const LEAST_MEMORY = 64 * 2 ** 20;
const LEAST_TMPFS = 64 * 2 ** 20;

/** @throws UsageError, with the mend. */
export function parseWishes(words: ContainerWords): ContainerWishes {
  return {
    image: words.image === undefined ? undefined : imageOf(words.image),
    cpus: words.cpus,
    memoryBytes: words.memory === undefined ? undefined : sizeOf('--memory', words.memory, LEAST_MEMORY),
    cpuset: words.cpuset === undefined ? undefined : cpusetOf(words.cpuset),
    network: words.network ?? 'bridge',
    storage: storageOf(words.storage ?? 'volume'),
  };
}

/** The image for a major version: `{pg}` is replaced by it. */
export function imageFor(wishes: ContainerWishes, major: string): string {
  return (wishes.image ?? 'postgres:{pg}').replaceAll('{pg}', major);
}

/** What the engine takes as a reference: registry, path, tag, digest. */
const REFERENCE = /^[a-z0-9][\w.:{}/@-]*$/i;

function imageOf(text: string): string {
  if (REFERENCE.test(text) && text.length <= 512 && !/\s/.test(text)) return text;
  throw new UsageError(
    `--image ${shortened(text)}: give an image's name, such as postgres:18, or registry.example/postgres:{pg} for several versions`,
  );
}

const UNITS: Readonly<Record<string, number>> = { '': 1, b: 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 };

function sizeOf(option: string, text: string, least: number): number {
  const found = /^(\d+(?:\.\d+)?)([bkmg]?)b?$/i.exec(text.trim());
  const bytes = Math.round(Number(found?.[1]) * (UNITS[found?.[2]?.toLowerCase() ?? ''] ?? Number.NaN));
  if (!Number.isSafeInteger(bytes))
    throw new UsageError(`${option} ${shortened(text)}: give a size such as 512m or 2g`);
  if (bytes < least)
    throw new UsageError(
      `${option} ${shortened(text)}: a PostgreSQL server needs more; give ${least / 2 ** 20}m at least`,
    );
  return bytes;
}

function cpusetOf(text: string): readonly number[] {
  const cpus = parseCpuList(text);
  if (cpus === undefined || cpus.length === 0)
    throw new UsageError(`--cpuset ${shortened(text)}: give processors by number, such as 0-1 or 0,2`);
  return cpus;
}

function storageOf(text: string): Storage {
  if (text === 'volume' || text === 'layer') return { kind: text };
  if (text === 'tmpfs') return { kind: 'tmpfs', bytes: undefined };
  if (text.startsWith('tmpfs:'))
    return { kind: 'tmpfs', bytes: sizeOf('--storage tmpfs:', text.slice('tmpfs:'.length), LEAST_TMPFS) };
  throw new UsageError(
    `--storage ${shortened(text)}: give volume, layer, tmpfs, or tmpfs:SIZE such as tmpfs:2g`,
  );
}

function shortened(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}

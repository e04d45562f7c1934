// Where did an interrupted sweep stop, and may it go on here?

import { UsageError } from '../../harness/errors.ts';
import { type Environment, METHOD_VERSION, type RunResult } from '../../harness/result/result.ts';
import { fellWithServer } from '../../harness/run/run.ts';
import { withoutPassword } from '../command-line.ts';
import type { Place } from './grid.ts';
import { digestOfContender, type SweepWords, sweepWordsSchema } from './sweep-words.ts';

/** The earlier part of a sweep. */
export interface EarlierPart {
  /** Without cells that are to be measured again. */
  readonly result: RunResult;
  readonly words: SweepWords;
  readonly points: readonly Place[];
}

/**
 * Reads what a sweep needs of its bundle. `server`: its address with the password, which no bundle holds.
 * @throws UsageError for a bundle of another command or of another method, and when the contender has changed. What cannot be
 * read at all rejects with a BundleError.
 */
export async function readEarlier(directory: string, server: string | undefined): Promise<EarlierPart> {
  const { readResult } = await import('../../reports/bundle.ts');
  const result = await readResult(directory, { anyMethod: true });
  const sweep = result.capacity?.sweep;
  if (sweep === undefined)
    throw new UsageError(
      `${directory} holds no sweep: give the folder of one, or begin one with claimbench sweep --axis …`,
    );
  if (result.methodVersion !== METHOD_VERSION)
    throw new UsageError(
      `${directory} was measured by method ${result.methodVersion}, and this claimbench measures by method ${METHOD_VERSION}: go on with the one that began it, or begin anew`,
    );
  const parsed = sweepWordsSchema.safeParse(sweep.words);
  if (!parsed.success)
    throw new UsageError(
      `${directory}: the words of its sweep cannot be read (${parsed.error.issues[0]?.path.join('.')}): begin anew`,
    );
  const words = parsed.data;
  if (server !== undefined && withoutPassword(server) !== words.server)
    throw new UsageError(
      `--server with --resume gives the password of the same address alone, which is ${words.server}: leave it out, or begin anew`,
    );
  if (digestOfContender(words.contender) !== words.contenderSha256)
    throw new UsageError(
      `the file of the contender ${words.contender} has changed since ${directory} was begun: put it back, or begin anew`,
    );
  return {
    result: { ...result, cells: result.cells.filter((cell) => !fellWithServer(cell)) },
    words: server === undefined ? words : { ...words, server },
    points: sweep.points.map(({ at }) => at),
  };
}

/**
 * Figures of one bundle are of one machine and one server.
 * @throws UsageError that names what differs.
 */
export function requireSamePlace(directory: string, before: Environment, now: Environment): void {
  const apart = [...machineApart(before, now), ...serversApart(before, now)];
  const [first, ...others] = apart;
  if (first === undefined) return;
  const more = others.length === 0 ? '' : ` (and ${others.length} more)`;
  throw new UsageError(
    `${directory} was measured elsewhere or otherwise: ${first}${more}; go on where it was begun, or begin anew`,
  );
}

const MACHINE = [
  ...(['claimbenchVersion', 'node', 'os', 'arch', 'cpuModel', 'cores', 'container'] as const),
  ...(['allowedCpus', 'cpuQuota', 'pinned', 'producerPriority', 'governor'] as const),
] as const;

/** A kernel keeps a little more or less of the memory for itself from boot to boot. */
const MEMORY_SHARE = 0.02;

function machineApart(before: Environment, now: Environment): string[] {
  const apart = MACHINE.flatMap((what) => difference(what, before[what], now[what]));
  const memory = Math.abs(now.memoryBytes - before.memoryBytes) > before.memoryBytes * MEMORY_SHARE;
  return memory ? [...apart, ...difference('memoryBytes', before.memoryBytes, now.memoryBytes)] : apart;
}

function serversApart(before: Environment, now: Environment): string[] {
  const [old, current] = [before, now].map(({ server, servers }) => servers ?? [{ ...server, label: '' }]);
  return (old ?? []).flatMap((server) => {
    const same = current?.find(({ label }) => label === server.label);
    if (same === undefined) return [`there is no server ${server.label}`];
    const names = [...new Set([...Object.keys(server.settings), ...Object.keys(same.settings)])];
    return [
      ...(['kind', 'version', 'durable'] as const).flatMap((what) =>
        difference(`server ${what}`, server[what], same[what]),
      ),
      ...difference('image', server.container?.imageId, same.container?.imageId),
      ...names.flatMap((name) => difference(name, server.settings[name], same.settings[name])),
    ];
  });
}

function difference(what: string, before: unknown, now: unknown): string[] {
  const [old, current] = [before, now].map((value) =>
    value === undefined ? 'not reported' : typeof value === 'string' ? value : JSON.stringify(value),
  );
  return old === current ? [] : [`${what} was ${old} and is ${current}`];
}

// Which cores do the server and the load generator get?

import { spawnSync } from 'node:child_process';
import { RuntimeFailure, UsageError } from '../errors.ts';
import { type Processors, parseCpuList } from '../measure/processors.ts';

/** Cores of the server, and those of the agents and the coordinator. The two have none in common. */
export interface Pinning {
  readonly server: readonly number[];
  readonly agents: readonly number[];
}

/** What was asked for: apart where there are cores enough, not at all, or exactly so. */
export type PinWish = 'auto' | 'off' | Pinning;

/** What the machine allows. */
export interface PinningGround {
  readonly processors: Processors;
  /** Linux with `taskset`. */
  readonly canPin: boolean;
  /** A server at an address is not ours to pin. */
  readonly own: boolean;
}

/**
 * From here on `auto` pins apart. With two or three cores either side would be left with one: the server's rate would
 * fall by about half, which the reader of a report on that machine does not expect unasked.
 */
const AUTO_CORES = 4;
const FORM = 'auto, off, or SERVER:AGENTS such as 0:1 or 0-1:2-3';

/** Reads the value of `--pin`. @throws UsageError, with the mend. */
export function parsePinWish(text: string): PinWish {
  if (text === 'auto' || text === 'off') return text;
  const sides = text.split(':').map(parseCpuList);
  const [server, agents] = sides;
  if (sides.length !== 2 || server === undefined || agents === undefined)
    throw new UsageError(`--pin ${text}: give ${FORM}`);
  const both = server.filter((cpu) => agents.includes(cpu));
  if (both.length > 0)
    throw new UsageError(
      `--pin ${text}: core ${both[0]} is on both sides of the colon, which would not be apart; give ${FORM}`,
    );
  return { server, agents };
}

/**
 * The cores of each side; undefined to leave the scheduler free.
 * @throws UsageError when cores were named that cannot be had.
 */
export function planPinning(wish: PinWish, ground: PinningGround): Pinning | undefined {
  if (wish === 'off') return undefined;
  const { processors, canPin, own } = ground;
  const { allowed } = processors;
  if (wish === 'auto') {
    const granted = Math.min(allowed?.length ?? 0, processors.quota ?? Number.POSITIVE_INFINITY);
    if (!own || !canPin || granted < AUTO_CORES) return undefined;
    return pinApart(processors);
  }
  if (!own)
    throw new UsageError(
      '--pin names cores for a server that claimbench starts, and this one is at an address: leave --pin out',
    );
  if (!canPin || allowed === undefined)
    throw new UsageError('--pin needs Linux with taskset (util-linux): leave --pin out');
  const barred = [...wish.server, ...wish.agents].find((cpu) => !allowed.includes(cpu));
  if (barred !== undefined)
    throw new UsageError(
      `--pin: core ${barred} is not open to this process; choose among ${formatCpuList(allowed)}`,
    );
  return wish;
}

/** Half of the allowed processors for each side, and no physical core for both; undefined with fewer than two. */
export function pinApart({ allowed = [], cores }: Processors): Pinning | undefined {
  if (allowed.length < 2) return undefined;
  // Threads of one core compete as much as two processes on one thread do.
  const groups = cores !== undefined && cores.length > 1 ? cores : allowed.map((cpu) => [cpu]);
  const server: number[] = [];
  const agents: number[] = [];
  for (const group of groups)
    (server.length < Math.floor(allowed.length / 2) ? server : agents).push(...group);
  const ascending = (cpus: number[]): number[] => cpus.sort((a, b) => a - b);
  return { server: ascending(server), agents: ascending(agents) };
}

/** One core for the server and one for the client, no threads of the same; undefined where that cannot be. */
export function pinOneEach(processors: Processors, canPin = canPinProcesses()): Pinning | undefined {
  const apart = canPin ? pinApart(processors) : undefined;
  const [server, agents] = [apart?.server[0], apart?.agents[0]];
  return server === undefined || agents === undefined ? undefined : { server: [server], agents: [agents] };
}

/** Whether processes can be bound to cores here. */
export function canPinProcesses(): boolean {
  return process.platform === 'linux' && spawnSync('taskset', ['--version'], { timeout: 5_000 }).status === 0;
}

/**
 * Binds this process, all of its threads and whatever it starts from now on, and returns what undoes it. The
 * coordinator goes with the agents: its sampler and its progress must not take the server's time.
 * @throws RuntimeFailure when the system refuses.
 */
export function pinThisProcess(cpus: readonly number[], before: readonly number[]): () => void {
  bind(cpus);
  return () => bind(before);
}

function bind(cpus: readonly number[]): void {
  const bound = spawnSync('taskset', ['-a', '-c', '-p', cpus.join(','), String(process.pid)], {
    encoding: 'utf8',
    timeout: 5_000,
  });
  if (bound.status !== 0)
    throw new RuntimeFailure(
      `this process could not be pinned to ${formatCpuList(cpus)} (${bound.stderr.trim()}): give --pin off`,
    );
}

/** Ascending processors as Linux writes them: `0-2,5`. */
export function formatCpuList(cpus: readonly number[]): string {
  const parts: string[] = [];
  for (let i = 0; i < cpus.length; i += 1) {
    const from = cpus[i];
    while ((cpus[i + 1] ?? Number.NaN) === (cpus[i] ?? Number.NaN) + 1) i += 1;
    parts.push(from === cpus[i] ? `${from}` : `${from}-${cpus[i]}`);
  }
  return parts.join(',');
}

// On what was this measured? All that decides figures, read back from the machine and the server.

import { lookup } from 'node:dns/promises';
import { existsSync, readFileSync } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { availableParallelism, cpus, networkInterfaces, release, totalmem, type } from 'node:os';
import path from 'node:path';
import { z } from 'zod';

import { errorCode } from '../errors.ts';
import type { Priority } from '../load/priority.ts';
import type { Environment } from '../result/result.ts';
import type { Pinning } from '../run/pinning.ts';
import { liesInMemory } from '../server/in-memory.ts';
import type { ConnectionSettings, PostgresServer } from '../server/server.ts';
import type { MachineAtStart } from './machine.ts';
import { readSettings } from './settings-in-force.ts';

/** Fixed work for the clock of the disk: enough for a stable median, short on a slow disk. */
const FSYNC_WRITES = 40;
const FSYNC_BUDGET_MS = 2_000;

/** Jiffies of all processors so far, from /proc/stat. */
export interface CpuTimes {
  readonly total: number;
  readonly steal: number;
}

/** The first of the two readings between which `captureEnvironment` finds the stolen share. Undefined off Linux. */
export function readCpuTimes(): CpuTimes | undefined {
  try {
    const line = /^cpu +(.*)$/m.exec(readFileSync('/proc/stat', 'utf8'))?.[1];
    // user nice system idle iowait irq softirq steal; guest times, which follow, are part of user and nice.
    const fields = line?.split(' ').slice(0, 8).map(Number);
    if (fields?.length !== 8) return undefined;
    return { total: fields.reduce((sum, field) => sum + field, 0), steal: fields[7] ?? 0 };
  } catch {
    return undefined;
  }
}

/** Share of CPU time that the hypervisor took between two readings, 0…1; undefined when no time has passed. */
export function stealShare(before: CpuTimes, after: CpuTimes): number | undefined {
  const total = after.total - before.total;
  return total > 0 ? Math.max(0, after.steal - before.steal) / total : undefined;
}

export interface EnvironmentOptions {
  readonly server: PostgresServer;
  /** Any database of the server. */
  readonly connection: ConnectionSettings;
  /** Reading from the start of the run; without it there is no stolen share. */
  readonly cpuTimesAtStart?: CpuTimes | undefined;
  /** The machine as it was before the run; without it, what it tells is missing. */
  readonly machine?: MachineAtStart | undefined;
  /** Cores that the two sides were bound to. */
  readonly pinned?: Pinning | undefined;
  /** Of producers that send on schedule. */
  readonly producerPriority?: Priority | undefined;
}

/** Reads everything. What cannot be read is named in `missing`, with the reason, and never guessed. */
export async function captureEnvironment(options: EnvironmentOptions): Promise<Environment> {
  const { server, connection } = options;
  const missing: string[] = [];
  const settings = await readSettings(connection, missing);
  const fsyncUs = await fsyncOf(server, missing);
  const steal = stealSince(options.cpuTimesAtStart, missing);
  return {
    claimbenchVersion: claimbenchVersion(),
    node: process.version,
    os: `${type()} ${release()}`,
    arch: process.arch,
    cpuModel: cpuModel(missing),
    // Not asked again: once the coordinator is pinned, it sees its own cores alone.
    cores: options.machine?.parallelism ?? availableParallelism(),
    memoryBytes: memoryBytes(),
    container: inContainer(),
    server: {
      kind: server.kind,
      description: server.description,
      version: server.version,
      settings,
      durable: isDurable(settings) && !(await isInMemory(server)),
      ...(Object.keys(server.extensions ?? {}).length === 0 ? {} : { extensions: { ...server.extensions } }),
      ...(server.container === undefined ? {} : { container: server.container }),
    },
    sharedMachine: server.pid !== undefined || (await isThisMachine(connection.host)),
    ...(fsyncUs === undefined ? {} : { fsyncUs }),
    ...(steal === undefined ? {} : { stealShare: steal }),
    ...machineFields(options.machine, missing),
    ...(options.pinned === undefined
      ? {}
      : { pinned: { server: [...options.pinned.server], agents: [...options.pinned.agents] } }),
    ...(options.producerPriority === undefined ? {} : { producerPriority: options.producerPriority }),
    missing,
  };
}

type MachineFields = Pick<
  Environment,
  'allowedCpus' | 'cpuQuota' | 'governor' | 'clockResolutionUs' | 'loadAverageAtStart'
>;

/** What the reading from the start tells; what it lacks is named. */
function machineFields(machine: MachineAtStart | undefined, missing: string[]): MachineFields {
  if (machine === undefined) {
    missing.push('allowedCpus, governor, clockResolutionUs, loadAverageAtStart: not read at the start');
    return {};
  }
  const { processors, loadAverage, clockResolutionUs } = machine;
  const { allowed, quota, governor } = processors;
  if (allowed === undefined) missing.push('allowedCpus: the system does not list them');
  if (governor === undefined) missing.push('governor: not visible, as in most virtual machines');
  if (loadAverage === undefined) missing.push('loadAverageAtStart: the system does not keep one');
  return {
    ...(allowed === undefined ? {} : { allowedCpus: [...allowed] }),
    ...(quota === undefined ? {} : { cpuQuota: quota }),
    ...(governor === undefined ? {} : { governor }),
    clockResolutionUs,
    ...(loadAverage === undefined ? {} : { loadAverageAtStart: Math.round(loadAverage * 100) / 100 }),
  };
}

/** Whether a server's data go with the machine, whatever its settings say. */
export async function isInMemory({ container, dataDirectory }: PostgresServer): Promise<boolean> {
  if (container?.storage === 'tmpfs') return true;
  return dataDirectory !== undefined && (await liesInMemory(dataDirectory));
}

/**
 * Whether a commit that was confirmed survives a crash. `synchronous_commit = local` (and the stronger forms) waits
 * for the local disk, as `on` does without standbys; only `off` does not.
 */
export function isDurable(settings: Readonly<Record<string, string>>): boolean {
  return (
    settings['fsync'] === 'on' &&
    settings['full_page_writes'] === 'on' &&
    ['on', 'local', 'remote_write', 'remote_apply'].includes(settings['synchronous_commit'] ?? '')
  );
}

/** Median of an 8 KiB write with fdatasync, the way a commit reaches the WAL, in µs. */
async function fsyncOf(server: PostgresServer, missing: string[]): Promise<number | undefined> {
  if (server.dataDirectory === undefined) {
    missing.push('fsyncUs: the data folder of the server cannot be reached from here');
    return undefined;
  }
  const file = path.join(server.dataDirectory, 'claimbench-fsync.tmp');
  try {
    return await measureFsync(file);
  } catch (error) {
    missing.push(`fsyncUs: the data folder cannot be written (${errorCode(error) ?? 'unknown error'})`);
    return undefined;
  }
}

async function measureFsync(file: string): Promise<number> {
  const block = Buffer.alloc(8192, 1);
  const handle = await open(file, 'wx', 0o600);
  try {
    // As a recycled WAL segment: the blocks exist, so that only data is written, no metadata.
    await handle.write(block, 0, block.length, 0);
    await handle.sync();
    const times: number[] = [];
    const deadline = performance.now() + FSYNC_BUDGET_MS;
    while (times.length < FSYNC_WRITES && performance.now() < deadline) {
      const start = performance.now();
      await handle.write(block, 0, block.length, 0);
      await handle.datasync();
      times.push((performance.now() - start) * 1000);
    }
    return times.sort((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0;
  } finally {
    await handle.close();
    await rm(file, { force: true });
  }
}

function stealSince(before: CpuTimes | undefined, missing: string[]): number | undefined {
  const after = readCpuTimes();
  const share = before && after && stealShare(before, after);
  if (share === undefined) missing.push('stealShare: /proc/stat was not read at both ends of the run');
  return share;
}

function cpuModel(missing: string[]): string {
  const model = cpus()[0]?.model.trim();
  if (model !== undefined && model !== '' && model !== 'unknown') return model;
  missing.push('cpuModel: the system does not name it');
  return 'unknown';
}

/** What this process may use: a container's limit counts, not the machine's size. */
function memoryBytes(): number {
  const limit = process.constrainedMemory();
  return limit > 0 && limit < totalmem() ? limit : totalmem();
}

/** Marks that Docker, Podman, containerd, LXC and Kubernetes leave. */
function inContainer(): boolean {
  if (existsSync('/.dockerenv') || existsSync('/run/.containerenv')) return true;
  if (process.env['KUBERNETES_SERVICE_HOST'] !== undefined || process.env['container'] !== undefined)
    return true;
  try {
    return /docker|containerd|kubepods|libpod|lxc/.test(readFileSync('/proc/1/cgroup', 'utf8'));
  } catch {
    return false;
  }
}

/** A socket, or an address of one of this machine's own interfaces (a container's published port as well). */
async function isThisMachine(host: string): Promise<boolean> {
  if (host.startsWith('/')) return true;
  const own = new Set(
    Object.values(networkInterfaces()).flatMap((addresses) => addresses?.map(({ address }) => address) ?? []),
  );
  const addresses = await lookup(host, { all: true }).catch(() => []);
  return addresses.some(({ address }) => own.has(address) || address.startsWith('127.') || address === '::1');
}

const packageSchema = z.object({ name: z.string(), version: z.string() });

/** Of the nearest package.json of ours above this file: its depth differs between the source and a build. */
function claimbenchVersion(): string {
  for (let folder = import.meta.dirname; folder !== path.dirname(folder); folder = path.dirname(folder)) {
    const file = path.join(folder, 'package.json');
    if (!existsSync(file)) continue;
    const found = packageSchema.safeParse(JSON.parse(readFileSync(file, 'utf8')));
    if (found.success && found.data.name === 'claimbench') return found.data.version;
  }
  throw new Error('claimbench runs outside its own package');
}

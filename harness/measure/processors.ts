// Which processors may this process use, and how do they run? Read from Linux; elsewhere, and in most VMs, not visible.

import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** What could be read; a field that is absent could not be. */
export interface Processors {
  /** Numbers of the processors that the scheduler may put this process on: affinity and cpuset. Ascending. */
  readonly allowed?: readonly number[];
  /** Processors' worth of time that control groups grant, such as 1.5; absent without a limit. */
  readonly quota?: number;
  /** Frequency governors of the allowed processors, each named once, such as `performance`. */
  readonly governor?: string;
  /** Whether the processors may run above their nominal frequency. */
  readonly turbo?: boolean;
  /** Allowed processors that share a core (SMT), one group per core. */
  readonly cores?: readonly (readonly number[])[];
}

/** Reads everything. `root` stands before /proc and /sys, so that a test can bring files of its own. */
export function readProcessors(root = '/'): Processors {
  const read = (file: string): string | undefined => textOf(path.join(root, file));
  const allowed = parseAllowed(read('proc/self/status') ?? '');
  const quota = quotaOf(root, read('proc/self/cgroup') ?? '');
  const governor = governorOf(root, allowed);
  const turbo = turboOf(read);
  const cores = allowed === undefined ? undefined : coresOf(read, allowed);
  return {
    ...(allowed === undefined ? {} : { allowed }),
    ...(quota === undefined ? {} : { quota }),
    ...(governor === undefined ? {} : { governor }),
    ...(turbo === undefined ? {} : { turbo }),
    ...(cores === undefined ? {} : { cores }),
  };
}

/** A list as Linux writes it, `0-2,5`, ascending and without repeats; undefined when it is none. */
export function parseCpuList(text: string): number[] | undefined {
  const cpus = new Set<number>();
  for (const part of text.trim().split(',')) {
    const range = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part.trim());
    if (range === null) return undefined;
    const from = Number(range[1]);
    const to = Number(range[2] ?? from);
    if (to < from) return undefined;
    for (let cpu = from; cpu <= to; cpu += 1) cpus.add(cpu);
  }
  return [...cpus].sort((a, b) => a - b);
}

/** The allowed processors in /proc/PID/status; undefined when it does not name them. */
export function parseAllowed(status: string): number[] | undefined {
  const list = /^Cpus_allowed_list:\s*(.+)$/m.exec(status)?.[1];
  return list === undefined ? undefined : parseCpuList(list);
}

/** Processors' worth of time in cgroup v2's cpu.max (`150000 100000`); undefined for `max`, or for no such file. */
export function parseCpuMax(text: string): number | undefined {
  const [quota, period] = text.trim().split(/\s+/).map(Number);
  return share(quota, period);
}

function share(quota: number | undefined, period: number | undefined): number | undefined {
  // cgroup v1 says -1 for "no limit".
  if (quota === undefined || period === undefined || !(quota > 0) || !(period > 0)) return undefined;
  return Math.round((quota / period) * 1000) / 1000;
}

/** The tightest limit between this process's own group and the root of the hierarchy, in v2 and in v1. */
function quotaOf(root: string, cgroup: string): number | undefined {
  const found: number[] = [];
  for (const line of cgroup.split('\n')) {
    const [, controllers, group] = /^\d+:([^:]*):(\/.*)$/.exec(line) ?? [];
    if (controllers === undefined || group === undefined) continue;
    const unified = controllers === '';
    if (!unified && !controllers.split(',').includes('cpu')) continue;
    const mounts = unified ? ['', 'unified'] : [controllers, 'cpu'];
    for (const mount of mounts) found.push(...limitsBelow(path.join(root, 'sys/fs/cgroup', mount), group));
  }
  return found.length === 0 ? undefined : Math.min(...found);
}

function limitsBelow(mount: string, group: string): number[] {
  const limits: number[] = [];
  for (let at = group; ; at = path.dirname(at)) {
    const v2 = parseCpuMax(textOf(path.join(mount, at, 'cpu.max')) ?? '');
    const v1 = share(
      numberOf(textOf(path.join(mount, at, 'cpu.cfs_quota_us'))),
      numberOf(textOf(path.join(mount, at, 'cpu.cfs_period_us'))),
    );
    limits.push(...[v2, v1].filter((limit) => limit !== undefined));
    if (at === path.dirname(at)) return limits;
  }
}

function governorOf(root: string, allowed: readonly number[] | undefined): string | undefined {
  const folder = path.join(root, 'sys/devices/system/cpu');
  const cpus = allowed ?? cpuFolders(folder);
  const names = cpus.flatMap(
    (cpu) => textOf(path.join(folder, `cpu${cpu}/cpufreq/scaling_governor`))?.trim() ?? [],
  );
  return names.length === 0 ? undefined : [...new Set(names)].sort().join(', ');
}

function cpuFolders(folder: string): number[] {
  try {
    return readdirSync(folder).flatMap((name) => (/^cpu\d+$/.test(name) ? [Number(name.slice(3))] : []));
  } catch {
    return [];
  }
}

function turboOf(read: (file: string) => string | undefined): boolean | undefined {
  const off = read('sys/devices/system/cpu/intel_pstate/no_turbo')?.trim();
  if (off !== undefined) return off === '0';
  const boost = read('sys/devices/system/cpu/cpufreq/boost')?.trim();
  return boost === undefined ? undefined : boost === '1';
}

function coresOf(
  read: (file: string) => string | undefined,
  allowed: readonly number[],
): number[][] | undefined {
  const groups = new Map<string, number[]>();
  for (const cpu of allowed) {
    const siblings = read(`sys/devices/system/cpu/cpu${cpu}/topology/thread_siblings_list`)?.trim();
    if (siblings === undefined) return undefined;
    groups.set(siblings, [...(groups.get(siblings) ?? []), cpu]);
  }
  return [...groups.values()];
}

function numberOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

// How much CPU time has a postmaster with all its processes used?

import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

import { procStatFields } from './processes.ts';

/**
 * A function that returns microseconds of CPU (user and system) used since the start by the postmaster, its living
 * children, and all children that have ended; undefined where there is no Linux /proc. Resolution: one clock tick
 * (10 ms) per living process. The function never falls back: after the server's end it repeats its last value.
 */
export function cpuMeter(postmasterPid: number): (() => number) | undefined {
  if (process.platform !== 'linux' || procStatFields(postmasterPid) === undefined) return undefined;
  let highest = 0;
  return () => {
    const ticks = familyTicks(postmasterPid);
    if (ticks !== undefined) highest = Math.max(highest, usOf(ticks));
    return highest;
  };
}

/** CPU time (user and system) of one process without its children, µs; undefined when it is gone. */
export function ownCpuUs(pid: number): number | undefined {
  const ticks = ticksOf(pid)?.own;
  return ticks === undefined ? undefined : usOf(ticks);
}

let ticksPerSecond: number | undefined;

function usOf(ticks: number): number {
  ticksPerSecond ??=
    Number(spawnSync('getconf', ['CLK_TCK'], { encoding: 'utf8', timeout: 5_000 }).stdout) || 100;
  return (ticks * 1e6) / ticksPerSecond;
}

const ATTEMPTS = 5;

function familyTicks(pid: number): number | undefined {
  let total: number | undefined;
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const before = ticksOf(pid);
    if (before === undefined) return total;
    let children = 0;
    for (const child of childrenOf(pid)) children += ticksOf(child)?.own ?? 0;
    total = before.own + before.ended + children;
    // A child that ended in between is in neither sum: its time shows in the postmaster's a moment later.
    if (ticksOf(pid)?.ended === before.ended) return total;
  }
  return total;
}

/** utime + stime, and cutime + cstime of children that were waited for. proc_pid_stat(5), fields 14 to 17. */
function ticksOf(pid: number): { readonly own: number; readonly ended: number } | undefined {
  const fields = procStatFields(pid);
  if (fields === undefined) return undefined;
  const at = (field: number) => Number(fields[field - 3] ?? 0);
  return { own: at(14) + at(15), ended: at(16) + at(17) };
}

/** Process ids of the living children. */
export function childrenOf(pid: number): readonly number[] {
  try {
    const list = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
    return list.split(' ').filter(Boolean).map(Number);
  } catch {
    // A kernel without CONFIG_PROC_CHILDREN: look at every process's parent (field 4).
    return readdirSync('/proc')
      .map(Number)
      .filter((candidate) => candidate > 0 && procStatFields(candidate)?.[1] === String(pid));
  }
}

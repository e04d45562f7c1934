// Which processes does a server consist of, of what kind is each, and how much CPU time has it used?

import { readFileSync } from 'node:fs';

import { childrenOf, ownCpuUs } from './server-cpu.ts';

/** A living process of a server. */
export interface ServerProcess {
  readonly pid: number;
  /** `client backend`, `walwriter`, `checkpointer`, `autovacuum worker`, `io worker`, …: the words of its title. */
  readonly kind: string;
  readonly cpuUs: number;
}

/**
 * A function that lists the postmaster and its living children with the CPU time (user and system) of each; undefined
 * where there is no Linux /proc. A kind is read once for each process: titles of backends change with every statement.
 */
export function processMeter(postmasterPid: number): (() => readonly ServerProcess[]) | undefined {
  if (process.platform !== 'linux' || ownCpuUs(postmasterPid) === undefined) return undefined;
  const kinds = new Map<number, string>([[postmasterPid, 'postmaster']]);
  return () =>
    [postmasterPid, ...childrenOf(postmasterPid)].flatMap((pid) => {
      const cpuUs = ownCpuUs(pid);
      if (cpuUs === undefined) return [];
      let kind = kinds.get(pid);
      if (kind === undefined) {
        kind = kindOf(titleOf(pid));
        // A process that has not set its title yet still bears the postmaster's command line.
        if (kind !== undefined) kinds.set(pid, kind);
      }
      return [{ pid, kind: kind ?? 'starting', cpuUs }];
    });
}

function titleOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  } catch {
    return '';
  }
}

const AUXILIARY =
  /^(checkpointer|background writer|walwriter|autovacuum launcher|autovacuum worker|stats collector|logical replication launcher|archiver|startup|walsender|walreceiver|walsummarizer|slotsync worker|io worker|parallel worker)\b/;

/** The kind that a title says (`postgres: walwriter`, `postgres: me db 127.0.0.1(5) idle`); undefined before there is one. */
export function kindOf(title: string): string | undefined {
  const found = /^postgres: (.*)$/.exec(title);
  if (found?.[1] === undefined) return undefined;
  return AUXILIARY.exec(found[1])?.[1] ?? 'client backend';
}

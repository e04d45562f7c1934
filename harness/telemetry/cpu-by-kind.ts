// How much CPU time did each kind of server process use during a load?

import type { ServerProcess } from '../server/process-titles.ts';

/** CPU of processes that ended between two looks, or began and ended: known in sum, not by kind. */
export const ENDED = 'ended between readings';

interface Seen {
  readonly kind: string;
  readonly fromUs: number;
  lastUs: number;
}

/**
 * Looks at the living processes whenever asked, and keeps what it last saw of those that are gone. `total` counts all
 * processes of the server, living or not: what it rose beyond those that were seen goes to `ENDED`.
 */
export class CpuByKind {
  readonly #processes: () => readonly ServerProcess[];
  readonly #total: (() => number) | undefined;
  readonly #fromTotalUs: number;
  readonly #seen = new Map<number, Seen>();

  constructor(processes: () => readonly ServerProcess[], total: (() => number) | undefined) {
    this.#processes = processes;
    this.#total = total;
    this.#fromTotalUs = total?.() ?? 0;
    for (const { pid, kind, cpuUs } of processes())
      this.#seen.set(pid, { kind, fromUs: cpuUs, lastUs: cpuUs });
  }

  look(): void {
    for (const { pid, kind, cpuUs } of this.#processes()) {
      const known = this.#seen.get(pid);
      if (known !== undefined && known.kind === kind) known.lastUs = Math.max(known.lastUs, cpuUs);
      else
        this.#seen.set(pid, {
          kind,
          fromUs: known?.lastUs ?? 0,
          lastUs: Math.max(cpuUs, known?.lastUs ?? 0),
        });
    }
  }

  /** Of single processes since the start, µs; 0 for those never seen. */
  usOf(pids: readonly number[]): number {
    return pids.reduce((sum, pid) => sum + risen(this.#seen.get(pid)), 0);
  }

  /** By kind since the start, µs, those of nothing left out. `own` are processes that serve the harness: `sampler`. */
  byKind(own: readonly number[]): Record<string, number> {
    const kinds = new Map<string, number>();
    let sum = 0;
    for (const [pid, seen] of this.#seen) {
      const kind = own.includes(pid) ? 'sampler' : seen.kind;
      kinds.set(kind, (kinds.get(kind) ?? 0) + risen(seen));
      sum += risen(seen);
    }
    const rest = this.#total === undefined ? 0 : this.#total() - this.#fromTotalUs - sum;
    if (rest > 0) kinds.set(ENDED, rest);
    return Object.fromEntries(
      [...kinds].filter(([, us]) => us > 0).toSorted(([a, x], [b, y]) => y - x || (a < b ? -1 : 1)),
    );
  }
}

function risen(seen: Seen | undefined): number {
  return seen === undefined ? 0 : seen.lastUs - seen.fromUs;
}

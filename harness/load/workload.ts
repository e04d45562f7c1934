// What does a job of the harness look like?

import type { BenchJob } from '../contender.ts';

/** What one job has of its own, as a trace may say: else it is like all others. */
export interface OwnShape {
  readonly priority?: number | undefined;
  readonly payloadBytes?: number | undefined;
}

const PADS_KEPT = 100;

/** Makes the jobs of a cell: priorities in turn, payloads padded to one size. */
export class Workload {
  readonly #priorities: readonly number[];
  readonly #payloadBytes: number;
  readonly #pads = new Map<number, string>();

  constructor(payloadBytes: number, priorities: readonly number[]) {
    this.#payloadBytes = payloadBytes;
    this.#priorities = priorities;
  }

  priorityOf(key: number): number {
    return this.#priorities[key % this.#priorities.length] ?? 0;
  }

  /** `eligibleUs` 0 for preloaded jobs, which are intended for the start of a load that has not begun. */
  job(key: number, eligibleUs: number, own: OwnShape = {}): BenchJob {
    const t = Math.round(eligibleUs);
    const bare = '{"k":,"t":,"pad":""}'.length + String(key).length + String(t).length;
    return {
      key,
      priority: own.priority ?? this.priorityOf(key),
      payload: { k: key, t, pad: this.#pad((own.payloadBytes ?? this.#payloadBytes) - bare) },
    };
  }

  *preload(count: number): Generator<BenchJob> {
    for (let key = 0; key < count; key += 1) yield this.job(key, 0);
  }

  #pad(length: number): string {
    const wanted = Math.max(0, length);
    let pad = this.#pads.get(wanted);
    if (pad === undefined) {
      pad = 'x'.repeat(wanted);
      // A trace may give every job a size of its own.
      if (this.#pads.size >= PADS_KEPT) this.#pads.clear();
      this.#pads.set(wanted, pad);
    }
    return pad;
  }
}

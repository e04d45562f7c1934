// What does a job of the harness look like?

import type { BenchJob } from '../contender.ts';

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

  /** `intendedUs` 0 for preloaded jobs, which are intended for the start of a load that has not begun. */
  job(key: number, intendedUs: number): BenchJob {
    const t = Math.round(intendedUs);
    const bare = '{"k":,"t":,"pad":""}'.length + String(key).length + String(t).length;
    return {
      key,
      priority: this.priorityOf(key),
      payload: { k: key, t, pad: this.#pad(this.#payloadBytes - bare) },
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
      this.#pads.set(wanted, pad);
    }
    return pad;
  }
}

// What does a job of the harness look like?

import { randomStream } from '../../stats/random.ts';
import type { BenchJob } from '../contender.ts';
import type { JobTraits } from './job-traits.ts';

/** What one job has of its own, as a trace may say: else it is like all others. */
export interface OwnShape {
  readonly priority?: number | undefined;
  readonly payloadBytes?: number | undefined;
}

/** Characters that JSON takes as they are. */
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const NOISE_LENGTH = 1 << 19;
/** Golden section of that: the pads of a thousand neighbours begin two hundred characters apart, or more. */
const STRIDE = 324_027;

let noise = '';

/** Text that does not compress, the same in every process: pads are cut from it. It takes some 20 ms to make. */
function makeNoise(): string {
  const draw = randomStream(1, 'pads');
  return Array.from({ length: NOISE_LENGTH }, () => ALPHABET[Math.floor(draw() * ALPHABET.length)]).join('');
}

/**
 * Makes the jobs of a cell: priorities in turn, payloads padded to one size by text that does not compress, as a strategy that
 * writes many jobs into one row would otherwise look better than it is.
 */
export class Workload {
  readonly #priorities: readonly number[];
  readonly #payloadBytes: number;
  readonly #traits: JobTraits | undefined;

  constructor(payloadBytes: number, priorities: readonly number[], traits?: JobTraits) {
    this.#traits = traits;
    // Here, not with the first job, which would be sent late.
    if (noise === '') noise = makeNoise();
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
      payload: { k: key, t, pad: padOf(key, (own.payloadBytes ?? this.#payloadBytes) - bare) },
      ...this.#traits?.extras(key),
    };
  }

  *preload(count: number): Generator<BenchJob> {
    for (let key = 0; key < count; key += 1) yield this.job(key, 0);
  }
}

function padOf(key: number, length: number): string {
  if (length <= 0) return '';
  const from = (key * STRIDE) % NOISE_LENGTH;
  if (from + length <= NOISE_LENGTH) return noise.slice(from, from + length);
  return (
    noise.slice(from) +
    noise.repeat(Math.ceil(length / NOISE_LENGTH)).slice(0, length - (NOISE_LENGTH - from))
  );
}

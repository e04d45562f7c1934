// How is what became of each of the bystander's transactions handed from its process to the coordinator?

import { closeSync, openSync, readSync, writeSync } from 'node:fs';

/**
 * `failed`: rolled back. `unknown`: COMMIT was sent, and its answer never heard. `unfinished`: it waited, for a session or in
 * one, when the bystander had to end. `unsent`: too many were under way already.
 */
export const OUTCOMES = ['committed', 'failed', 'unknown', 'unfinished', 'unsent'] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** One transaction. Instants in µs of the machine's clock. */
export interface TransactionRecord {
  /** In the order of the schedule, from 0. */
  readonly number: number;
  readonly intendedUs: number;
  /** When the pacer handed it over: what it then waited for a session is in its latency. */
  readonly sentUs: number;
  readonly endedUs: number;
  readonly outcome: Outcome;
  /** What it adds to a balance. */
  readonly delta: number;
}

const FIELDS = 6;
const RECORD_BYTES = FIELDS * Float64Array.BYTES_PER_ELEMENT;
const BUFFERED = 1_024;

/** Appends records to a file of its own. A process that is killed takes the last of them along, and voids its cell anyway. */
export class RecordWriter implements Disposable {
  readonly #fd: number;
  readonly #buffer = new Float64Array(BUFFERED * FIELDS);
  #used = 0;

  /** Creates the file; throws when it exists. */
  constructor(path: string) {
    this.#fd = openSync(path, 'wx', 0o600);
  }

  append({ number, intendedUs, sentUs, endedUs, outcome, delta }: TransactionRecord): void {
    this.#buffer.set([number, intendedUs, sentUs, endedUs, OUTCOMES.indexOf(outcome), delta], this.#used);
    this.#used += FIELDS;
    if (this.#used === this.#buffer.length) this.#flush();
  }

  #flush(): void {
    const bytes = new Uint8Array(this.#buffer.buffer, 0, this.#used * Float64Array.BYTES_PER_ELEMENT);
    let written = 0;
    while (written < bytes.length) written += writeSync(this.#fd, bytes, written);
    this.#used = 0;
  }

  [Symbol.dispose](): void {
    this.#flush();
    closeSync(this.#fd);
  }
}

/** All records of a file, in the order in which the transactions ended. @throws Error for a file that was cut short. */
export function* readRecords(path: string): Generator<TransactionRecord> {
  const fd = openSync(path, 'r');
  const chunk = new Float64Array(BUFFERED * FIELDS);
  const bytes = new Uint8Array(chunk.buffer);
  try {
    for (let position = 0; ; ) {
      const read = readSync(fd, bytes, 0, bytes.length, position);
      const whole = Math.floor(read / RECORD_BYTES);
      if (whole === 0 && read > 0) throw new Error(`${path} was cut short in the middle of a record`);
      if (whole === 0) return;
      for (let i = 0; i < whole; i += 1) yield recordAt(chunk, i * FIELDS);
      position += whole * RECORD_BYTES;
    }
  } finally {
    closeSync(fd);
  }
}

function recordAt(chunk: Float64Array, at: number): TransactionRecord {
  const [number, intendedUs, sentUs, endedUs, kind, delta] = chunk.subarray(at, at + FIELDS);
  const outcome = OUTCOMES[kind ?? -1];
  if (
    number === undefined ||
    intendedUs === undefined ||
    sentUs === undefined ||
    endedUs === undefined ||
    delta === undefined ||
    outcome === undefined
  )
    throw new Error('a record of the bystander is damaged');
  return { number, intendedUs, sentUs, endedUs, outcome, delta };
}

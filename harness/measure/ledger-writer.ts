// How does an agent keep what happened to each job, so that not even SIGKILL takes it away?

import { closeSync, openSync, writeSync } from 'node:fs';

/** Bytes of every record, whatever its kind. */
export const RECORD_BYTES = 28;

/**
 * Kinds of record. Fields, little-endian: u8 kind, u8 detail, u16 claimer, u32 key, f64 a, f64 b, u32 c.
 * - enqueueSent: a intended, b about to be sent, c delay of the job from the intended instant on, µs
 * - enqueueDone: a done, b really sent, c µs from when it left the producer, 0 where that is not told; detail is an index of
 *   ANSWERS
 * - claimed: a requested, b answered, c attempt
 * - settling: a sent, c number of the settle; detail is the index of its kind in SETTLE_KINDS
 * - stale: c number of the settle
 * - sessionLost: a when the connection of `claimer` broke, without having been closed
 * - settled: a answered, c number of the settle; detail 0 answered, 1 outcome unknown
 * - emptyClaim: a requested, b answered; only of a session that held no job, and not each (recorder.ts)
 * - overClaimed: a answered, c jobs beyond what the claim had asked for
 * - extended: a requested, b answered; the lease of this job was prolonged by its whole length
 * - started, ended: a when the handler of this job began, and ended; only where starts are limited
 */
export const RECORD = {
  enqueueSent: 1,
  enqueueDone: 2,
  claimed: 3,
  settling: 4,
  stale: 5,
  settled: 6,
  sessionLost: 7,
  emptyClaim: 8,
  overClaimed: 9,
  extended: 10,
  started: 11,
  ended: 12,
} as const;

/** What comes of an enqueue. The last two are meant to happen: turned away as asked, rolled back on purpose. */
export const ANSWERS = ['confirmed', 'refused', 'unknown', 'rejected', 'rolledBack'] as const;
export type Answer = (typeof ANSWERS)[number];

export const SETTLE_KINDS = ['ack', 'retry', 'dead-letter', 'release'] as const;

const BUFFER_BYTES = 2048 * RECORD_BYTES;

/**
 * Appends fixed-width records to a file. `flush` hands them to the operating system, which keeps them when this process
 * is killed: it is called before anything is sent that the ledger must know of, so a job that was acked by a killed
 * worker is not taken for a lost one. No fsync: the ledger need not survive the machine.
 */
export class LedgerWriter implements Disposable {
  readonly #fd: number;
  readonly #buffer = Buffer.alloc(BUFFER_BYTES);
  #used = 0;

  /** Creates the file; throws when it exists. */
  constructor(path: string) {
    this.#fd = openSync(path, 'wx', 0o600);
  }

  append(kind: number, detail: number, claimer: number, key: number, a: number, b: number, c: number): void {
    if (this.#used === BUFFER_BYTES) this.flush();
    const at = this.#used;
    const buffer = this.#buffer;
    buffer[at] = kind;
    buffer[at + 1] = detail;
    buffer.writeUInt16LE(claimer, at + 2);
    buffer.writeUInt32LE(key, at + 4);
    buffer.writeDoubleLE(a, at + 8);
    buffer.writeDoubleLE(b, at + 16);
    buffer.writeUInt32LE(c, at + 24);
    this.#used += RECORD_BYTES;
  }

  flush(): void {
    let written = 0;
    while (written < this.#used) written += writeSync(this.#fd, this.#buffer, written, this.#used - written);
    this.#used = 0;
  }

  [Symbol.dispose](): void {
    this.flush();
    closeSync(this.#fd);
  }
}

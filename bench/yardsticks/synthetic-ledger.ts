// What would the agents of a long open loop have written? Ledgers of realistic shape, without the run.

import { join } from 'node:path';
import { LedgerWriter, RECORD } from '../../harness/measure/ledger-writer.ts';

/** Of every job in these ledgers. */
export const LEASE_MS = 30_000;

const PRODUCERS = 2;
/** Jobs per claim of each worker agent. */
const BATCHES = [1, 1, 10];
const SESSIONS = 8;
const ARRIVAL_US = 50;
/** Every so manieth job loses its first worker and comes back when its lease has ended. */
const REDELIVERED_EVERY = 200;

/** What was written; `files` are named relative to the folder, in the order of their agents. */
export interface WrittenLedgers {
  readonly files: readonly string[];
  readonly jobs: number;
  readonly events: number;
  readonly redelivered: number;
}

/** Writes at least `events` records: sent, done, claimed, settling and settled, of producers and workers. */
export function writeLedgers(folder: string, events: number): WrittenLedgers {
  const agents = PRODUCERS + BATCHES.length;
  const files = Array.from({ length: agents }, (_, agent) => `agent-${agent}.ledger`);
  const writers = files.map((file) => new Counting(new LedgerWriter(join(folder, file))));
  const written = (): number => writers.reduce((sum, writer) => sum + writer.records, 0);
  let [jobs, redelivered, settles] = [0, 0, 0];
  while (written() < events) {
    const worker = settles % BATCHES.length;
    const keys = Array.from({ length: BATCHES[worker] ?? 1 }, (_, i) => jobs + i);
    jobs += keys.length;
    settles += 1;
    for (const key of keys) enqueue(writers[key % PRODUCERS], key);
    const last = (keys.at(-1) ?? 0) * ARRIVAL_US;
    const again = settles % REDELIVERED_EVERY === 0;
    if (again) {
      redelivered += keys.length;
      claim(writers[PRODUCERS + ((worker + 1) % BATCHES.length)], keys, 1, last + 2_000, settles);
    }
    const claimUs = last + (again ? LEASE_MS * 1000 + 500_000 : 2_000);
    const writer = writers[PRODUCERS + worker];
    claim(writer, keys, again ? 2 : 1, claimUs, settles);
    settle(writer, keys, claimUs + 1_500, settles);
  }
  for (const writer of writers) writer.close();
  return { files, jobs, events: written(), redelivered };
}

class Counting {
  readonly #ledger: LedgerWriter;
  records = 0;

  constructor(ledger: LedgerWriter) {
    this.#ledger = ledger;
  }

  append(...fields: Parameters<LedgerWriter['append']>): void {
    this.#ledger.append(...fields);
    this.records += 1;
  }

  close(): void {
    this.#ledger[Symbol.dispose]();
  }
}

function enqueue(writer: Counting | undefined, key: number): void {
  const intendedUs = key * ARRIVAL_US;
  writer?.append(RECORD.enqueueSent, 0, 0, key, intendedUs, intendedUs + 40, 0);
  writer?.append(RECORD.enqueueDone, 0, 0, key, intendedUs + 900, 0, 0);
}

function claim(
  writer: Counting | undefined,
  keys: readonly number[],
  attempt: number,
  atUs: number,
  settles: number,
): void {
  for (const key of keys)
    writer?.append(RECORD.claimed, 0, settles % SESSIONS, key, atUs - 700, atUs, attempt);
}

function settle(writer: Counting | undefined, keys: readonly number[], atUs: number, number: number): void {
  for (const key of keys) writer?.append(RECORD.settling, 0, number % SESSIONS, key, atUs, 0, number);
  writer?.append(RECORD.settled, 0, number % SESSIONS, 0, atUs + 800, 0, number);
}

// What does an agent's own ledger say of its work and of its clock? The second witness beside the agent's report.

import { RECORD, SETTLE_KINDS } from './ledger-writer.ts';
import type { AgentCounters } from './recorder.ts';

/** The counters that a ledger file knows as well as its agent does. */
export const COUNTED = [
  'sent',
  'enqueued',
  'enqueueFailed',
  'rejected',
  'rolledBack',
  'claims',
  'claimedJobs',
  'overClaimed',
  'finished',
  'staleSettles',
  'failedSettles',
] as const satisfies readonly (keyof AgentCounters)[];

/** One ledger file, summed up. */
export interface AgentAccount {
  readonly agent: number;
  readonly counts: Readonly<Record<(typeof COUNTED)[number], number>>;
  /** The largest step by which a reading of the agent's clock was behind the one before it, µs; 0 for a clock that never went back. */
  readonly clockBackUs: number;
}

/** By the detail of an enqueueDone, as in ANSWERS. */
const COUNT_OF_ANSWER = ['enqueued', 'enqueueFailed', 'enqueueFailed', 'rejected', 'rolledBack'] as const;

const FINAL: ReadonlySet<number> = new Set([
  SETTLE_KINDS.indexOf('ack'),
  SETTLE_KINDS.indexOf('dead-letter'),
]);

/** Kinds whose second instant is the one at which they were appended. */
const APPENDED_AT_SECOND: ReadonlySet<number> = new Set([
  RECORD.enqueueSent,
  RECORD.claimed,
  RECORD.emptyClaim,
  RECORD.extended,
]);

/** Sums up one file, record by record, in the order in which they were appended. */
export class AccountKeeper {
  readonly #agent: number;
  readonly #counts = Object.fromEntries(COUNTED.map((name) => [name, 0])) as Record<
    (typeof COUNTED)[number],
    number
  >;
  readonly #open = new Map<number, { final: number; stale: number }>();
  #lastUs = Number.NEGATIVE_INFINITY;
  #clockBackUs = 0;
  #lastClaim = '';

  constructor(agent: number) {
    this.#agent = agent;
  }

  record(buffer: Buffer, at: number): void {
    const kind = buffer[at] ?? 0;
    const detail = buffer[at + 1] ?? 0;
    const number = buffer.readUInt32LE(at + 24);
    const counts = this.#counts;
    this.#watchClock(kind, buffer, at);
    if (kind === RECORD.enqueueSent) counts.sent += 1;
    else if (kind === RECORD.enqueueDone) counts[COUNT_OF_ANSWER[detail] ?? 'enqueueFailed'] += 1;
    else if (kind === RECORD.claimed) this.#claimed(buffer, at);
    else if (kind === RECORD.overClaimed) counts.overClaimed += number;
    else if (kind === RECORD.settling) this.#settle(number).final += FINAL.has(detail) ? 1 : 0;
    else if (kind === RECORD.stale) {
      this.#settle(number).stale += 1;
      counts.staleSettles += 1;
    } else if (kind === RECORD.settled) {
      const { final, stale } = this.#settle(number);
      this.#open.delete(number);
      if (detail === 0) counts.finished += Math.max(0, final - stale);
      else counts.failedSettles += 1;
    }
  }

  account(): AgentAccount {
    return { agent: this.#agent, counts: { ...this.#counts }, clockBackUs: this.#clockBackUs };
  }

  /** Records are appended as things happen, so the instants at which they were appended never descend. */
  #watchClock(kind: number, buffer: Buffer, at: number): void {
    if (kind === RECORD.stale) return;
    const us = buffer.readDoubleLE(at + (APPENDED_AT_SECOND.has(kind) ? 16 : 8));
    if (us < this.#lastUs) this.#clockBackUs = Math.max(this.#clockBackUs, this.#lastUs - us);
    this.#lastUs = us;
  }

  /** The jobs of one claim lie together; a session asks again only when it was answered, and so at another instant. */
  #claimed(buffer: Buffer, at: number): void {
    this.#counts.claimedJobs += 1;
    const claim = `${buffer.readUInt16LE(at + 2)} ${buffer.readDoubleLE(at + 8)}`;
    if (claim !== this.#lastClaim) this.#counts.claims += 1;
    this.#lastClaim = claim;
  }

  #settle(number: number): { final: number; stale: number } {
    let open = this.#open.get(number);
    if (open === undefined) {
      open = { final: 0, stale: 0 };
      this.#open.set(number, open);
    }
    return open;
  }
}

// What does a session remember of the ranges that it took, and what does it hand out of them?

import type { ClaimedJob, JobId, Lease } from '../../../strategy.ts';
import { idOf } from './relations.ts';

/** Places in a lease that a fencing token can tell apart: more than a claim may ask for. */
const PLACES = 16_384;

/** The job's lease and its place in it, as one growing number: a later lease has the greater token. */
function tokenOf(lease: number, place: number): string {
  const token = lease * PLACES + place;
  return Number.isSafeInteger(token) ? String(token) : String(BigInt(lease) * BigInt(PLACES) + BigInt(place));
}

/** The way back, for jobs that another session handed out. */
export function leaseAndPlace(token: string): { readonly lease: number; readonly place: number } {
  const value = BigInt(token);
  return { lease: Number(value / BigInt(PLACES)), place: Number(value % BigInt(PLACES)) };
}

/** What is not the same for all jobs of a range: [attempts before, attempts allowed, id if not by number]. */
export type Detail = readonly [attempt: number, maxAttempts: number, id: string | null];

/** A range under one lease. */
export class TakenRange {
  readonly lease: number;
  readonly queue: string;
  readonly lane: number;
  readonly priority: number;
  readonly lo: number;
  readonly size: number;
  readonly expiresAtMs: number;
  readonly crashes: number;
  readonly maxAttempts: number;
  readonly details: readonly Detail[] | undefined;
  /** 1 for a place whose settle was answered, or is under way. */
  readonly #settled: Uint8Array;
  #left: number;
  /** Outcomes of this range that were answered one by one. */
  alone = 0;

  constructor(queue: string, row: RangeRow) {
    this.lease = Number(row.lease);
    this.queue = queue;
    this.lane = row.lane;
    this.priority = row.priority;
    this.lo = Number(row.lo);
    this.size = Number(row.hi) - this.lo + 1;
    this.expiresAtMs = row.expires_ms;
    this.crashes = row.crashes;
    const plain = !row.details.startsWith('[');
    this.maxAttempts = plain ? Number(row.details) : 0;
    this.details = plain ? undefined : JSON.parse(row.details);
    this.#settled = new Uint8Array(this.size);
    this.#left = this.size;
  }

  /** Jobs whose settle is neither answered nor under way. */
  get left(): number {
    return this.#left;
  }

  /** Whether `more` jobs are all whose settle was not answered: others may be under way, and may fail. */
  endsWith(more: number): boolean {
    return this.alone + more >= this.size;
  }

  /** Marks a place; false when it was marked before. */
  mark(place: number): boolean {
    if (this.#settled[place] !== 0) return false;
    this.#settled[place] = 1;
    this.#left -= 1;
    return true;
  }

  /** Takes a mark back, when what it stood for did not happen. */
  unmark(place: number): void {
    if (this.#settled[place] !== 1) return;
    this.#settled[place] = 0;
    this.#left += 1;
  }
}

/** A range as the server returns it. Numbers stay far below 2^53. */
export interface RangeRow {
  /** A lease, a range that was closed, or the time in ms (`expires_ms`) that was spent on many gaps. */
  readonly kind: 'l' | 'c' | 'g';
  readonly lease: string;
  readonly lane: number;
  readonly priority: number;
  readonly base: string;
  readonly lo: string;
  readonly hi: string;
  readonly expires_ms: number;
  readonly crashes: number;
  readonly details: string;
  readonly payloads: string;
}

/** A job of a range. Its id and lease are made when they are asked for: most workers never ask. */
export class RangeJob implements ClaimedJob {
  readonly range: TakenRange;
  readonly place: number;
  readonly payload: unknown;

  constructor(range: TakenRange, place: number, payload: unknown) {
    this.range = range;
    this.place = place;
    this.payload = payload;
  }

  get id(): JobId {
    return this.range.details?.[this.place]?.[2] ?? idOf(this.range.lane, this.range.lo + this.place);
  }

  get queue(): string {
    return this.range.queue;
  }

  get priority(): number {
    return this.range.priority;
  }

  get attempt(): number {
    return (this.range.details?.[this.place]?.[0] ?? 0) + this.range.crashes + 1;
  }

  get maxAttempts(): number {
    return this.range.details?.[this.place]?.[1] ?? this.range.maxAttempts;
  }

  get lease(): Lease {
    return {
      fencingToken: tokenOf(this.range.lease, this.place),
      expiresAtMs: this.range.expiresAtMs,
    };
  }
}

/** The jobs of a range, in the order of their numbers. */
export function jobsOf(range: TakenRange, payloads: string): readonly RangeJob[] {
  const parsed: readonly unknown[] = JSON.parse(payloads);
  return parsed.map((payload, place) => new RangeJob(range, place, payload));
}

// What does a session remember of the ranges that it took, and what does it hand out of them?

import type { ClaimedJob, JobId, Lease } from '../../../strategy.ts';
import { tokenOf } from '../place-token.ts';
import { idOf } from './relations.ts';

/** What is not the same for all jobs of a range: [attempts before, attempts allowed, id if not by number]. */
export type Detail = readonly [attempt: number, maxAttempts: number, id: string | null];

/** How the settle of a place stands. */
const [OPEN, UNDER_WAY, ANSWERED] = [0, 1, 2];

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
  readonly #places: Uint8Array;
  #answered = 0;

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
    this.#places = new Uint8Array(this.size);
  }

  /** Whether the settle of every job was answered. */
  get isOver(): boolean {
    return this.#answered === this.size;
  }

  /** Whether `more` jobs are all whose settle was not answered: others may be under way, and may fail. */
  endsWith(more: number): boolean {
    return this.#answered + more === this.size;
  }

  /** A settle of the place is about to be sent; false when one is under way, or was answered. */
  begin(place: number): boolean {
    if (this.#places[place] !== OPEN) return false;
    this.#places[place] = UNDER_WAY;
    return true;
  }

  /** The settle of the place was answered, whatever the answer: nobody need send it again. */
  answer(place: number): void {
    if (this.#places[place] !== UNDER_WAY) return;
    this.#places[place] = ANSWERED;
    this.#answered += 1;
  }

  /** It is unknown what became of the settle: it may be sent again, unless it was answered. */
  undo(place: number): void {
    if (this.#places[place] === UNDER_WAY) this.#places[place] = OPEN;
  }
}

/** A range as the server returns it. Numbers stay far below 2^53. */
export interface RangeRow {
  /** A lease, or a range that was closed. */
  readonly kind: 'l' | 'c';
  readonly lease: string;
  readonly lane: number;
  readonly priority: number;
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

/** The jobs of a range, in the order of their numbers. Throws where they are not as many: a place would name another job. */
export function jobsOf(range: TakenRange, payloads: string): readonly RangeJob[] {
  const parsed: readonly unknown[] = JSON.parse(payloads);
  if (parsed.length !== range.size)
    throw new Error(`lease ${range.lease} names ${range.size} jobs, of which ${parsed.length} are there`);
  return parsed.map((payload, place) => new RangeJob(range, place, payload));
}

// Which lease, and which of its jobs, does a fencing token name?

import { InvalidArgumentError } from '../../errors.ts';
import type { ClaimedJob, Outcome } from '../../strategy.ts';

/** Digits for the size of a lease and for the place of a job in it: a claim takes at most 10,000. */
const DIGITS = 5;
const SLOTS: readonly string[] = Array.from({ length: 1000 }, (_, slot) => padded(slot));

function padded(number: number): string {
  return String(number).padStart(DIGITS, '0');
}

/**
 * What the tokens of one lease begin with: its id and the number of its jobs. Ids of leases grow, so as a whole number a
 * job's later token is the greater one, whatever follows.
 */
export function tokenPrefix(leaseId: string, size: number): string {
  return leaseId + padded(size);
}

/** The token of the job at `slot`, 0…9,999. */
export function tokenOf(prefix: string, slot: number): string {
  return prefix + (SLOTS[slot] ?? padded(slot));
}

/** Some jobs of one lease, each once. */
export class LeaseShare {
  readonly leaseId: string;
  readonly size: number;
  /** One for each slot: 1 where the share has the job. */
  readonly #mask: Uint8Array;
  #count = 0;

  constructor(leaseId: string, size: number) {
    this.leaseId = leaseId;
    this.size = size;
    this.#mask = new Uint8Array(size);
  }

  /** False when the share has it already. */
  add(slot: number): boolean {
    if (this.#mask[slot] !== 0) return false;
    this.#mask[slot] = 1;
    this.#count += 1;
    return true;
  }

  /** Whether these are all jobs that the lease ever held. */
  get whole(): boolean {
    return this.#count === this.size;
  }

  /** As PostgreSQL writes a bit string. */
  get bits(): string {
    return this.#mask.join('');
  }
}

/** An item of a list, by the place of its job. */
export interface Placed<Item> {
  readonly item: Item;
  readonly share: LeaseShare;
  readonly slot: number;
}

/** A list sorted by leases. */
export interface Shares<Item> {
  /** In the order of their ids: whoever locks several leases locks them in this order. */
  readonly leases: readonly LeaseShare[];
  readonly placed: readonly Placed<Item>[];
  /** Items whose job stood in the list before. */
  readonly repeated: readonly Item[];
}

/** Throws InvalidArgumentError for a token that is none of this strategy. */
function shareOf(token: string): LeaseShare {
  const leaseId = token.slice(0, -2 * DIGITS);
  const size = Number(token.slice(-2 * DIGITS, -DIGITS));
  if (!/^\d+$/.test(leaseId) || !Number.isInteger(size))
    throw new InvalidArgumentError(`"${token}" is no fencing token of a packed lease`);
  return new LeaseShare(leaseId, size);
}

/** Sorts `items` by the leases of their jobs. Throws InvalidArgumentError for a token of another strategy. */
export function shareOut<Item>(items: readonly Item[], jobOf: (item: Item) => ClaimedJob): Shares<Item> {
  const shares = new Map<string, LeaseShare>();
  const placed: Placed<Item>[] = [];
  const repeated: Item[] = [];
  for (const item of items) {
    const token = jobOf(item).lease.fencingToken;
    const prefix = token.slice(0, -DIGITS);
    let share = shares.get(prefix);
    if (share === undefined) {
      share = shareOf(token);
      shares.set(prefix, share);
    }
    const slot = Number(token.slice(-DIGITS));
    if (share.add(slot)) placed.push({ item, share, slot });
    else repeated.push(item);
  }
  return { leases: [...shares.values()].sort((a, b) => compareIds(a.leaseId, b.leaseId)), placed, repeated };
}

/** The job that an outcome is about. */
export const jobOfOutcome = (outcome: Outcome): ClaimedJob => outcome.job;

/** Orders ids, which are decimal strings without leading zeros. */
export function compareIds(a: string, b: string): number {
  if (a.length !== b.length) return a.length - b.length;
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

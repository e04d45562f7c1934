// How does a session of packed leases claim, settle and take turns?

import type { Connection } from '../../drivers/driver.ts';
import type {
  ClaimedJob,
  Heartbeat,
  JobId,
  Outcome,
  SettleResult,
  Turn,
  WorkerSession,
} from '../../strategy.ts';
import { keepIndexPlans } from '../shared/planner.ts';
import { delayMsOf, storableError } from '../shared/settle.ts';
import { comparePlaces, Hint, type Place, START, type Walk } from './hint.ts';
import type { SettleShape } from './settle-sql.ts';
import type { PackedStatements } from './statements.ts';
import { jobOfOutcome, type Placed, type Shares, shareOut, tokenOf, tokenPrefix } from './token.ts';

/** A lease as a settle or heartbeat found it. */
interface HeldRow {
  readonly lease_id: string;
  /** The bits that it had before; empty for none. */
  readonly settled: string;
}

/** A new lease. */
interface LeasedRow {
  readonly lease_id: string;
  readonly expires_ms: number;
  readonly jobs: string;
  readonly settled: null;
}

type TurnRow = LeasedRow | (HeldRow & { readonly jobs: null });

/** An element of `lease.jobs`. */
type PackedJob = readonly [
  id: JobId,
  priority: number,
  attempt: number,
  maxAttempts: number,
  payload: unknown,
];

const NOTHING: SettleResult = { acked: 0, retried: 0, deadLettered: 0, released: 0, stale: [] };

/** The jobs of a lease, in the queue's order. */
function unpack(queue: string, row: LeasedRow | undefined): readonly ClaimedJob[] {
  if (row === undefined) return [];
  // The text is of our own making, in our own table.
  const packed: readonly PackedJob[] = JSON.parse(row.jobs);
  const prefix = tokenPrefix(row.lease_id, packed.length);
  const expiresAtMs = row.expires_ms;
  const jobs = packed.map(([id, priority, attempt, maxAttempts, payload], slot) => ({
    id,
    queue,
    payload,
    priority,
    attempt,
    maxAttempts,
    lease: { fencingToken: tokenOf(prefix, slot), expiresAtMs },
  }));
  // Rows leave the table in the order in which they lie there, which is most often the right one.
  if (!isSorted(jobs)) jobs.sort(comparePlaces);
  return jobs;
}

function isSorted(places: readonly Place[]): boolean {
  return places.every((place, at) => at === 0 || comparePlaces(places[at - 1] ?? place, place) <= 0);
}

/** Which of the items are not the session's any more, by what the statement found of their leases. */
function findStale<Item>({ placed, repeated }: Shares<Item>, rows: readonly HeldRow[]): ReadonlySet<Item> {
  const settledBefore = new Map(rows.map((row) => [row.lease_id, row.settled]));
  const isStale = ({ share, slot }: Placed<Item>): boolean => {
    const bits = settledBefore.get(share.leaseId);
    return bits === undefined || bits[slot] === '1';
  };
  return new Set([...repeated, ...placed.filter(isStale).map(({ item }) => item)]);
}

function tally(outcomes: readonly Outcome[], stale: ReadonlySet<Outcome>): SettleResult {
  const counts = { ack: 0, retry: 0, 'dead-letter': 0, release: 0 };
  for (const outcome of outcomes) if (!stale.has(outcome)) counts[outcome.kind] += 1;
  return {
    acked: counts.ack,
    retried: counts.retry,
    deadLettered: counts['dead-letter'],
    released: counts.release,
    stale: [...stale].map((outcome) => outcome.job.id),
  };
}

/** What a settle is to send. */
interface SettlePlan {
  readonly shares: Shares<Outcome>;
  readonly shape: SettleShape;
  readonly values: readonly unknown[];
}

function planSettle(outcomes: readonly Outcome[]): SettlePlan {
  const shares = shareOut(outcomes, jobOfOutcome);
  const ids = shares.leases.map((share) => share.leaseId);
  const others = shares.placed.filter(({ item }) => item.kind !== 'ack');
  if (others.length === 0 && shares.leases.every((share) => share.whole))
    return ids.length === 1
      ? { shares, shape: 'one', values: ids }
      : { shares, shape: 'whole', values: [ids] };
  const bits = shares.leases.map((share) => share.bits);
  if (others.length === 0) return { shares, shape: 'part', values: [ids, bits] };
  const values = [
    ids,
    bits,
    others.map(({ share }) => share.leaseId),
    others.map(({ slot }) => slot),
    others.map(({ item }) => item.kind),
    others.map(({ item }) => delayMsOf(item)),
    others.map(({ item }) => ('error' in item ? storableError(item.error) : null)),
  ];
  return { shares, shape: 'mixed', values };
}

const isLeased = (row: TurnRow): row is LeasedRow => row.jobs !== null;
const isHeld = (row: TurnRow): row is HeldRow & { readonly jobs: null } => row.jobs === null;

class PackedSession implements WorkerSession {
  readonly #connection: Connection;
  readonly #statements: PackedStatements;
  readonly #workerId: string;
  readonly #hint = new Hint();
  readonly heartbeat: Heartbeat;
  readonly turn: Turn;

  constructor(connection: Connection, statements: PackedStatements, workerId: string) {
    this.#connection = connection;
    this.#statements = statements;
    this.#workerId = workerId;
    this.heartbeat = { extend: (jobs, leaseMs) => this.#extend(jobs, leaseMs) };
    this.turn = {
      settleAndClaim: (outcomes, queue, limit, leaseMs) =>
        this.#settleAndClaim(outcomes, queue, limit, leaseMs),
    };
  }

  async claim(queue: string, limit: number, leaseMs: number): Promise<readonly ClaimedJob[]> {
    const walk = this.#hint.begin(queue);
    const jobs = await this.#claimFrom(walk, queue, limit, leaseMs);
    if (jobs.length > 0 || walk.from === START) return jobs;
    return this.#claimFrom(this.#hint.beginAgain(), queue, limit, leaseMs);
  }

  async #claimFrom(
    walk: Walk,
    queue: string,
    limit: number,
    leaseMs: number,
  ): Promise<readonly ClaimedJob[]> {
    const { rows } = await this.#connection.query<LeasedRow>(
      this.#statements.claim(limit)(this.#claimValues(walk, queue, leaseMs)),
    );
    const jobs = unpack(queue, rows[0]);
    this.#hint.end(walk, jobs.at(-1));
    return jobs;
  }

  #claimValues({ from }: Walk, queue: string, leaseMs: number): readonly unknown[] {
    return [queue, from.priority, from.id, leaseMs, this.#workerId];
  }

  async settle(outcomes: readonly Outcome[]): Promise<SettleResult> {
    if (outcomes.length === 0) return NOTHING;
    const { shares, shape, values } = planSettle(outcomes);
    const { rows } = await this.#connection.query<HeldRow>(this.#statements.settle(shape)(values));
    return tally(outcomes, findStale(shares, rows));
  }

  /**
   * What the outcomes make ready is for a later claim. Where nothing lies ahead of the hint the claim is sent again by
   * itself, from the start; should that fail, the turn has still been taken, and the worker's next claim meets the reason.
   */
  async #settleAndClaim(outcomes: readonly Outcome[], queue: string, limit: number, leaseMs: number) {
    if (outcomes.length === 0) return { settled: NOTHING, jobs: await this.claim(queue, limit, leaseMs) };
    const { shares, shape, values } = planSettle(outcomes);
    const walk = this.#hint.begin(queue);
    const { rows } = await this.#connection.query<TurnRow>(
      this.#statements.turn(shape, limit)([...this.#claimValues(walk, queue, leaseMs), ...values]),
    );
    const settled = tally(outcomes, findStale(shares, rows.filter(isHeld)));
    let jobs = unpack(queue, rows.find(isLeased));
    this.#hint.end(walk, jobs.at(-1));
    if (jobs.length === 0 && walk.from !== START)
      jobs = await this.#claimFrom(this.#hint.beginAgain(), queue, limit, leaseMs).catch(() => []);
    return { settled, jobs };
  }

  async #extend(jobs: readonly ClaimedJob[], leaseMs: number): Promise<readonly JobId[]> {
    const shares = shareOut(jobs, (job) => job);
    const { rows } = await this.#connection.query<HeldRow>(
      this.#statements.extend([
        shares.leases.map((share) => share.leaseId),
        shares.leases.map((share) => share.bits),
        leaseMs,
      ]),
    );
    return [...findStale({ ...shares, repeated: [] }, rows)].map((job) => job.id);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection[Symbol.asyncDispose]();
  }
}

/** A claimer whose leases end by the clock. Closes `connection` when disposed. */
export async function openPackedSession(
  statements: PackedStatements,
  connection: Connection,
  workerId: string,
): Promise<WorkerSession> {
  return new PackedSession(await keepIndexPlans(connection), statements, workerId);
}

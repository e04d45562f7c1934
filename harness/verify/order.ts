// Were jobs handed out in the promised order, and was none passed over?

import { meetsOutage, type Outage } from '../faults/outages.ts';
import { ENQUEUE, type Ledger } from '../measure/ledger.ts';
import { type Found, type LaneInput, laneAudit } from './order-lanes.ts';
import { Witnesses } from './witnesses.ts';

export interface OrderInput extends LaneInput {
  readonly brokenAgents: ReadonlySet<number>;
  /** Something failed that may have had jobs locked and given them back unheard of, or instants cannot be trusted. */
  readonly troubled: boolean;
  /** While the scenario kept the system from its database; absent: never. */
  readonly outages?: readonly Outage[];
  /** Share of the time in which a worker stood still, and its longest stall; absent: never. What a system does now and then it does there. */
  readonly stalls?: { readonly share: number; readonly longestUs: number };
  /** Whether the database still holds a job as ready. */
  readonly isReady: (key: number) => boolean;
}

export interface OrderAudit {
  readonly orderViolations: number;
  readonly priorityInversions: number;
  readonly starved: number;
  /** False: something was in the way of every proof. */
  readonly judged: boolean;
}

/**
 * Three proofs, each free of false alarms under SKIP LOCKED, whatever the number of producers and workers:
 *
 * - **Lanes**: what one claimer receives of the preloaded backlog ascends (order-lanes.ts).
 * - **Overtaken**: a job Y was confirmed before the snapshot of a claim that returned the later job X, and the claim that
 *   took Y was asked for only after X's was answered. Y was ready all the while: had another claimer had it locked, that
 *   claimer's claim would have been asked for earlier, and would have been the one that took Y. The snapshot was taken
 *   after X's claim was asked for, and, since it saw X, after X was sent. A contender that promises its order within some
 *   milliseconds only is held to that: X's snapshot then came so much later than Y's confirmation.
 * - **Starved**: a session that held nothing asked and was given nothing, though Y had been confirmed long before and
 *   was taken only by a claim that was asked for after that answer, or never. A system that looks at its jobs now and then could not
 *   while an outage lasted, and has as long after it; nor while its workers stood still.
 *
 * Jobs that were claimed more than once have lost their place, and delayed ones never had one. Where an agent was broken, a session
 * lost or a statement failed, a claim of which the ledger knows nothing may have had jobs locked and given them back:
 * others were right to pass them over, and nothing is said.
 */
export function orderAudit(input: OrderInput): OrderAudit {
  if (input.brokenAgents.size > 0 || input.troubled || input.ledger.lostSessions.size > 0)
    return { orderViolations: 0, priorityInversions: 0, starved: 0, judged: false };
  const found = { late: new Set<number>(), inverted: new Set<number>() };
  if (input.promises.order !== 'none') {
    laneAudit(input, found);
    overtaken(input, found);
  }
  return {
    orderViolations: found.late.size,
    priorityInversions: found.inverted.size,
    starved: starved(input),
    judged: true,
  };
}

function overtaken(input: OrderInput, found: Found): void {
  const { ledger } = input;
  const { order } = input.promises;
  const rankOf = order === 'priority-then-enqueue' ? input.priorityOf : () => 0;
  /** Jobs of one queue overtake each other; of those of two nothing is promised. */
  const queueOf = order === 'enqueue-per-agent' ? (key: number) => ledger.claimAgent[key] ?? 0 : rankOf;
  const seenAfter = new Map<number, Witnesses>();
  const sentAfter = new Map<number, Witnesses>();
  const witness = (of: Map<number, Witnesses>, rank: number): Witnesses => {
    let witnesses = of.get(rank);
    if (witnesses === undefined) {
      witnesses = new Witnesses();
      of.set(rank, witnesses);
    }
    return witnesses;
  };
  for (let key = 0; key < ledger.size; key += 1) {
    if (!claimedOnce(ledger, key)) continue;
    const answeredUs = ledger.claimedUs[key] ?? Number.NaN;
    const requestedUs = ledger.claimRequestedUs[key] ?? Number.NaN;
    witness(seenAfter, rankOf(key)).add(Math.max(requestedUs, sentUs(input, key)), answeredUs);
    witness(sentAfter, queueOf(key)).add(sentUs(input, key), answeredUs);
  }
  for (let key = 0; key < ledger.size; key += 1) {
    if (!claimedOnce(ledger, key) || ledger.enqueueState[key] !== ENQUEUE.confirmed) continue;
    const takenUs = ledger.claimRequestedUs[key] ?? Number.NaN;
    const rank = rankOf(key);
    const readyUs = confirmedUs(input, key) + (input.promises.orderWithinMs ?? 0) * 1000;
    for (const [worse, witnesses] of seenAfter)
      if (worse > rank && witnesses.between(readyUs, takenUs)) found.inverted.add(key);
    if (sentAfter.get(queueOf(key))?.between(readyUs, takenUs) === true) found.late.add(key);
  }
}

function claimedOnce(ledger: Ledger, key: number): boolean {
  const claimed = !Number.isNaN(ledger.claimedUs[key] ?? Number.NaN);
  return claimed && !ledger.histories.has(key) && !ledger.isDelayed(key);
}

/** A preloaded job was there before everything else, in the order of the keys: below zero, a microsecond apart. */
function confirmedUs(input: OrderInput, key: number): number {
  return key < input.preloaded ? key - input.preloaded : (input.ledger.enqueuedUs[key] ?? Number.NaN);
}

function sentUs(input: OrderInput, key: number): number {
  return key < input.preloaded ? key - input.preloaded - 0.5 : (input.ledger.sentUs[key] ?? Number.NaN);
}

/** A job may be passed over for a moment by a system that looks at its jobs now and then; for this long it may not. */
const STARVED_US = 1e6;

function starved(input: OrderInput): number {
  const { ledger } = input;
  if (ledger.emptyClaims.length === 0) return 0;
  const { share, longestUs } = input.stalls ?? { share: 0, longestUs: 0 };
  // A second in which it ran, however long the load: what was still in all would grow with that.
  const longUs = STARVED_US / (1 - share) + longestUs;
  const empty = new Witnesses();
  for (const { requestedUs, answeredUs } of ledger.emptyClaims)
    if (!meetsOutage(input.outages ?? [], requestedUs - longUs, requestedUs))
      empty.add(requestedUs, answeredUs);
  let count = 0;
  for (let key = 0; key < ledger.size; key += 1) {
    if (ledger.histories.has(key) || ledger.isDelayed(key)) continue;
    if (ledger.enqueueState[key] !== ENQUEUE.confirmed) continue;
    const claimed = claimedOnce(ledger, key);
    if (!claimed && !input.isReady(key)) continue;
    const takenUs = claimed ? (ledger.claimRequestedUs[key] ?? Number.NaN) : Number.POSITIVE_INFINITY;
    const readyUs = (key < input.preloaded ? ledger.intendedUs[key] : ledger.enqueuedUs[key]) ?? Number.NaN;
    if (empty.between(readyUs + longUs, takenUs)) count += 1;
  }
  return count;
}

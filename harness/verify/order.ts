// Were jobs handed out in the promised order?

import type { Promises } from '../contender.ts';
import { ENQUEUE, type Ledger } from '../measure/ledger.ts';

export interface OrderInput {
  readonly ledger: Ledger;
  readonly promises: Promises;
  readonly preloaded: number;
  readonly priorityOf: (key: number) => number;
  readonly brokenAgents: ReadonlySet<number>;
}

/**
 * Counts, per claimer, preloaded jobs that came after one that should have come later. Only the backlog that lay ready
 * before the first claim has a known order: concurrent enqueues commit in any order, and claimers overlap. What one
 * claimer receives of such a backlog ascends, since a job that it passed over was in somebody else's hands. Jobs that
 * were claimed more than once came back, and have lost their place; a broken agent brings back jobs unseen, so that
 * nothing is said of order then.
 */
export function orderAudit(input: OrderInput): { orderViolations: number; priorityInversions: number } {
  const { ledger } = input;
  if (input.promises.order === 'none' || input.brokenAgents.size > 0) {
    return { orderViolations: 0, priorityInversions: 0 };
  }
  const lanes = new Map<number, number[]>();
  for (let key = 0; key < input.preloaded; key += 1) {
    if (Number.isNaN(ledger.claimedUs[key] ?? Number.NaN) || ledger.histories.has(key)) continue;
    if (ledger.enqueueState[key] !== ENQUEUE.confirmed) continue;
    const claimer = ledger.claimer[key] ?? 0;
    const lane = lanes.get(claimer);
    if (lane === undefined) lanes.set(claimer, [key]);
    else lane.push(key);
  }
  const byPriority = input.promises.order === 'priority-then-enqueue';
  const counts = { orderViolations: 0, priorityInversions: 0 };
  for (const lane of lanes.values()) {
    lane.sort((x, y) => (ledger.claimSequence[x] ?? 0) - (ledger.claimSequence[y] ?? 0));
    countLane(lane, byPriority ? input.priorityOf : () => 0, counts);
  }
  return counts;
}

function countLane(
  lane: readonly number[],
  rankOf: (key: number) => number,
  counts: { orderViolations: number; priorityInversions: number },
): void {
  let lastRank = Number.NEGATIVE_INFINITY;
  let lastKey = -1;
  for (const key of lane) {
    const rank = rankOf(key);
    if (rank < lastRank) counts.priorityInversions += 1;
    else if (rank === lastRank && key < lastKey) counts.orderViolations += 1;
    if (rank > lastRank || (rank === lastRank && key > lastKey)) {
      lastRank = rank;
      lastKey = key;
    }
  }
}

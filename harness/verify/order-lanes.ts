// Did each claimer receive its jobs in the promised order?

import type { Promises } from '../contender.ts';
import { ENQUEUE, type Ledger } from '../measure/ledger.ts';

export interface LaneInput {
  readonly ledger: Ledger;
  readonly promises: Promises;
  readonly preloaded: number;
  readonly priorityOf: (key: number) => number;
}

/** Jobs that were found late: behind a later one of the same priority, behind one of lower priority. */
export interface Found {
  readonly late: Set<number>;
  readonly inverted: Set<number>;
}

/**
 * Finds, per claimer, preloaded jobs that came after one that should have come later. The backlog that lay ready before
 * the first claim has a known order, and what one claimer receives of it ascends, since a job that it passed over was in
 * somebody else's hands.
 */
export function laneAudit(input: LaneInput, found: Found): void {
  const { ledger } = input;
  const lanes = new Map<number, number[]>();
  for (let key = 0; key < input.preloaded; key += 1) {
    if (Number.isNaN(ledger.claimedUs[key] ?? Number.NaN)) continue;
    if (ledger.histories.has(key) || ledger.isDelayed(key)) continue;
    if (ledger.enqueueState[key] !== ENQUEUE.confirmed) continue;
    const claimer = ledger.claimer[key] ?? 0;
    const lane = lanes.get(claimer);
    if (lane === undefined) lanes.set(claimer, [key]);
    else lane.push(key);
  }
  const byPriority = input.promises.order === 'priority-then-enqueue';
  for (const lane of lanes.values()) {
    lane.sort((x, y) => (ledger.claimSequence[x] ?? 0) - (ledger.claimSequence[y] ?? 0));
    followLane(lane, byPriority ? input.priorityOf : () => 0, found);
  }
}

function followLane(lane: readonly number[], rankOf: (key: number) => number, found: Found): void {
  let lastRank = Number.NEGATIVE_INFINITY;
  let lastKey = -1;
  for (const key of lane) {
    const rank = rankOf(key);
    if (rank < lastRank) found.inverted.add(key);
    else if (rank === lastRank && key < lastKey) found.late.add(key);
    if (rank > lastRank || (rank === lastRank && key > lastKey)) {
      lastRank = rank;
      lastKey = key;
    }
  }
}

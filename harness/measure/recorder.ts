// How do an agent's events become ledger records? The one recorder that every contender is measured by.

import type { ConsumerEvents, SettleKind } from '../contender.ts';
import type { Clock } from '../load/clock.ts';
import { type LedgerWriter, RECORD, SETTLE_KINDS } from './ledger-writer.ts';

/** Counters of an agent since its start, for progress and for the fairness check. */
export interface AgentCounters {
  sent: number;
  /** Enqueues that were sent while all of the producer's connections were busy. */
  poolWaits: number;
  enqueued: number;
  enqueueFailed: number;
  /** Turned away as the system was asked to. */
  rejected: number;
  /** In transactions that were rolled back on purpose. */
  rolledBack: number;
  claims: number;
  emptyClaims: number;
  /** Jobs handed out beyond what their claims asked for. */
  overClaimed: number;
  claimedJobs: number;
  /** Jobs acked or dead-lettered with effect. */
  finished: number;
  staleSettles: number;
  failedSettles: number;
  errors: number;
}

export function newCounters(): AgentCounters {
  return {
    sent: 0,
    poolWaits: 0,
    enqueued: 0,
    enqueueFailed: 0,
    rejected: 0,
    rolledBack: 0,
    claims: 0,
    emptyClaims: 0,
    overClaimed: 0,
    claimedJobs: 0,
    finished: 0,
    staleSettles: 0,
    failedSettles: 0,
    errors: 0,
  };
}

const DETAIL_OF: Readonly<Record<SettleKind, number>> = {
  ack: SETTLE_KINDS.indexOf('ack'),
  retry: SETTLE_KINDS.indexOf('retry'),
  'dead-letter': SETTLE_KINDS.indexOf('dead-letter'),
  release: SETTLE_KINDS.indexOf('release'),
};

/**
 * Of the empty claims that prove that no job was ready, one in this time is kept, µs. Who looks for a starved job needs a
 * witness now and then; idle sessions that poll would else write more than the jobs do.
 */
const EMPTY_CLAIM_EVERY_US = 100_000;

/** Records what a consumer does. `onError` hears every failure of the system under test. */
export function recordingEvents(
  ledger: LedgerWriter,
  counters: AgentCounters,
  clock: Clock,
  onError: (error: unknown) => void,
): ConsumerEvents {
  let settleNumber = 0;
  let lastEmptyUs = Number.NEGATIVE_INFINITY;
  const finishing = new Map<number, number>();
  return {
    claimed(claimer, requestedUs, keys, attempts) {
      const answeredUs = clock();
      counters.claims += 1;
      counters.claimedJobs += keys.length;
      for (let i = 0; i < keys.length; i += 1) {
        ledger.append(RECORD.claimed, 0, claimer, keys[i] ?? 0, requestedUs, answeredUs, attempts[i] ?? 0);
      }
      ledger.flush();
    },
    overClaimed(claimer, jobs) {
      ledger.append(RECORD.overClaimed, 0, claimer, 0, clock(), 0, jobs);
      counters.overClaimed += jobs;
    },
    sessionLost(claimer) {
      ledger.append(RECORD.sessionLost, 0, claimer, 0, clock(), 0, 0);
      ledger.flush();
    },
    emptyClaim(claimer, requestedUs) {
      counters.emptyClaims += 1;
      if (requestedUs === undefined || requestedUs < lastEmptyUs + EMPTY_CLAIM_EVERY_US) return;
      lastEmptyUs = clock();
      ledger.append(RECORD.emptyClaim, 0, claimer, 0, requestedUs, lastEmptyUs, 0);
    },
    settling(claimer, keys, kinds) {
      const sentUs = clock();
      settleNumber += 1;
      let final = 0;
      for (let i = 0; i < keys.length; i += 1) {
        const kind = kinds[i] ?? 'ack';
        if (kind === 'ack' || kind === 'dead-letter') final += 1;
        ledger.append(RECORD.settling, DETAIL_OF[kind], claimer, keys[i] ?? 0, sentUs, 0, settleNumber);
      }
      // Before the statement leaves: should this process die now, the ledger knows that the jobs may be settled.
      ledger.flush();
      finishing.set(settleNumber, final);
      return settleNumber;
    },
    settled(claimer, number, staleKeys) {
      for (const key of staleKeys) ledger.append(RECORD.stale, 0, claimer, key, 0, 0, number);
      ledger.append(RECORD.settled, 0, claimer, 0, clock(), 0, number);
      counters.finished += Math.max(0, (finishing.get(number) ?? 0) - staleKeys.length);
      counters.staleSettles += staleKeys.length;
      finishing.delete(number);
    },
    settleFailed(claimer, number, error) {
      ledger.append(RECORD.settled, 1, claimer, 0, clock(), 0, number);
      counters.failedSettles += 1;
      finishing.delete(number);
      onError(error);
    },
    extended(claimer, requestedUs, keys) {
      const answeredUs = clock();
      for (const key of keys) ledger.append(RECORD.extended, 0, claimer, key, requestedUs, answeredUs, 0);
    },
    error(error) {
      counters.errors += 1;
      onError(error);
    },
  };
}

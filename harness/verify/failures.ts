// Did jobs whose handlers throw end as they had to: tried again, and in the end a dead letter?

import type { JobTraits } from '../load/job-traits.ts';
import { type Ledger, SETTLE } from '../measure/ledger.ts';
import { SETTLE_KINDS } from '../measure/ledger-writer.ts';

const ACK = SETTLE_KINDS.indexOf('ack');
const RETRY = SETTLE_KINDS.indexOf('retry');
const DEAD = SETTLE_KINDS.indexOf('dead-letter');
const RELEASE = SETTLE_KINDS.indexOf('release');

/** Whether an ack took effect that belongs to an attempt which failed for certain, by the draws of its scenario. */
export function ackedThoughFailed(ledger: Ledger, traits: Pick<JobTraits, 'fails'>, key: number): boolean {
  const claims = ledger.claimsOf(key);
  return ledger.settlesOf(key).some((settle) => {
    if (settle.kind !== ACK || settle.state !== SETTLE.effective) return false;
    const before = claims.filter((claim) => claim.answeredUs <= settle.sentUs);
    // Another session of the same worker settles for one whose connection broke.
    const claim =
      before.findLast((c) => c.claimer === settle.claimer) ??
      before.findLast((c) => c.agent === settle.agent);
    return claim !== undefined && traits.fails(key, claim.attempt);
  });
}

/**
 * Whether a dead letter had fewer attempts than it may have. Each hand-out that was not given back is one, whatever became of it:
 * so this may be asked only where no hand-out can have gone unheard.
 */
export function diedEarly(ledger: Ledger, key: number, maxAttempts: number): boolean {
  const givenBack = ledger
    .settlesOf(key)
    .filter(({ kind, state }) => kind === RELEASE && state === SETTLE.effective).length;
  return ledger.claimsOf(key).length - givenBack < maxAttempts;
}

/** Attempts that failed, as their settles say: those that no answer came to are among them. */
export function failedAttempts(ledger: Ledger, key: number): number {
  return ledger
    .settlesOf(key)
    .filter(({ kind, state }) => (kind === RETRY || kind === DEAD) && state !== SETTLE.stale).length;
}

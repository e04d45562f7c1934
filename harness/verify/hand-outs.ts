// Was each hand-out of a job allowed, and each settle its holder's own? By what the ledger knows of claims, leases and sessions.

import type { Promises } from '../contender.ts';
import { type Claim, type Ledger, SETTLE, type Settle } from '../measure/ledger.ts';
import { SETTLE_KINDS } from '../measure/ledger-writer.ts';
import type { Audit } from './audit.ts';

const RETRY = SETTLE_KINDS.indexOf('retry');
const RELEASE = SETTLE_KINDS.indexOf('release');

export interface HandOutInput {
  readonly ledger: Ledger;
  readonly promises: Promises;
  readonly leaseMs: number;
  /** Agents whose process, and thus every session, is gone. */
  readonly killedAgents: ReadonlySet<number>;
}

/**
 * Whether a settle took effect that came from no holder of the job. Another session of the same worker settles for one
 * whose connection broke.
 */
export function settledByAnother(ledger: Ledger, key: number): boolean {
  const single = !ledger.histories.has(key);
  if (single && ledger.settleState[key] !== SETTLE.effective) return false;
  if (single && ledger.settleClaimer[key] === ledger.claimer[key] && !Number.isNaN(ledger.claimedUs[key]))
    return false;
  const claims = ledger.claimsOf(key);
  return ledger
    .settlesOf(key)
    .some(
      (settle) =>
        settle.state === SETTLE.effective &&
        !claims.some(
          (c) =>
            c.claimer === settle.claimer || (ledger.lostSessions.has(c.claimer) && c.agent === settle.agent),
        ),
    );
}

/** For a job that was handed out more than once: was each hand-out allowed, and was each settle its holder's own? */
export function auditHandOuts(
  input: HandOutInput,
  key: number,
  heard: ReadonlyMap<number, number>,
  audit: Audit,
): void {
  const claims = input.ledger.claimsOf(key);
  const settles = input.ledger.settlesOf(key);
  for (let i = 1; i < claims.length; i += 1) {
    const earlier = claims[i - 1];
    const later = claims[i];
    if (earlier === undefined || later === undefined) continue;
    const own = settlesOf(input.ledger, earlier, claims, settles);
    const verdict = handOut(input, key, earlier, later, decisive(own, later), heard);
    if (verdict === 'duplicate') audit.duplicateClaims += 1;
    if (verdict === 'redelivered') audit.redelivered += 1;
  }
  for (const claim of claims) {
    // A settle without an answer is sent again: not the first one counts, but the one that took effect.
    const settle = settlesOf(input.ledger, claim, claims, settles).find((s) => s.state === SETTLE.effective);
    if (settle === undefined) continue;
    if (claims.some((other) => other.requestedUs > claim.answeredUs && other.answeredUs < settle.sentUs)) {
      audit.acceptedStaleSettles += 1;
    }
  }
}

/**
 * Of the settles of a claim that were sent before `later` was answered the one that says what became of the lease: the one that took
 * effect, else one that may have. What was sent again has several, and a refused one says nothing of those beside it.
 */
function decisive(settles: readonly Settle[], later: Claim): Settle | undefined {
  const before = settles.filter(({ sentUs }) => sentUs < later.answeredUs);
  return (
    before.find(({ state }) => state === SETTLE.effective) ??
    before.find(({ state }) => state === SETTLE.unknown) ??
    before[0]
  );
}

/**
 * Whether `later` was allowed after `earlier`. A lease cannot have begun before its claim was asked for, so it cannot
 * end before `requestedUs` + its length: a hand-out answered earlier than that is a duplicate for certain, whatever
 * the clocks of server and agents say. When `later` was asked for before `earlier` was answered, as by a worker that
 * stood still over the answer, the server may have served it first: then it must be a duplicate in that order too.
 * A lease that was prolonged runs anew from then on, see heldFromUs.
 */
function handOut(
  input: HandOutInput,
  key: number,
  earlier: Claim,
  later: Claim,
  settle: Settle | undefined,
  heard: ReadonlyMap<number, number>,
): 'duplicate' | 'redelivered' | 'returned' {
  if (settle !== undefined) {
    const gaveBack = settle.kind === RETRY || settle.kind === RELEASE;
    if (gaveBack && settle.state !== SETTLE.stale) return 'returned';
    if (settle.state === SETTLE.effective && later.requestedUs > settle.answeredUs) return 'duplicate';
  }
  if (input.promises.lease === 'timed') {
    const leaseUs = input.leaseMs * 1000;
    const within =
      later.answeredUs < heldFromUs(input.ledger, key, earlier, later) + leaseUs &&
      (later.requestedUs > earlier.answeredUs || earlier.answeredUs < later.requestedUs + leaseUs);
    return within ? 'duplicate' : 'redelivered';
  }
  const lost = input.ledger.lostSessions.has(earlier.claimer) || input.killedAgents.has(earlier.agent);
  // One that was lost afterwards held the job until then.
  const holderGone = lost && !((heard.get(earlier.claimer) ?? Number.NEGATIVE_INFINITY) > later.answeredUs);
  // A session that could not settle a job lets go of it, and says by its error that it did not settle.
  const letGo = settle?.state === SETTLE.unknown;
  return holderGone || letGo ? 'redelivered' : 'duplicate';
}

/**
 * The latest instant from which a lease ran for its whole length for certain: when the claim was asked for, or the last
 * heartbeat before the later claim was answered. The system confirmed that one, so `later` had not been served by then.
 * When the holder's connection broke, another session of the same worker keeps the lease.
 */
function heldFromUs(ledger: Ledger, key: number, earlier: Claim, later: Claim): number {
  const heirs = ledger.lostSessions.has(earlier.claimer);
  const claims = ledger.claimsOf(key);
  let fromUs = earlier.requestedUs;
  for (const { claimer, agent, requestedUs } of ledger.extensions.get(key) ?? []) {
    const byHeir =
      heirs && agent === earlier.agent && !claimedSince(claims, earlier, { claimer, sentUs: requestedUs });
    if ((claimer === earlier.claimer || byHeir) && requestedUs > fromUs && requestedUs < later.answeredUs)
      fromUs = requestedUs;
  }
  return fromUs;
}

/**
 * The settles that the claim's own session sent after it, and before that session claimed the job again. When its
 * connection broke, another session of the same worker settles what it held, under the same lease; unless it has claimed the job
 * itself since, and settles for its own claim.
 */
function settlesOf(
  ledger: Ledger,
  claim: Claim,
  claims: readonly Claim[],
  settles: readonly Settle[],
): readonly Settle[] {
  const again = claims.find((c) => c.claimer === claim.claimer && c.answeredUs > claim.answeredUs);
  const heirs = ledger.lostSessions.has(claim.claimer);
  return settles.filter(
    (s) =>
      (s.claimer === claim.claimer ||
        (heirs && s.agent === claim.agent && !claimedSince(claims, claim, s))) &&
      s.sentUs >= claim.answeredUs &&
      (again === undefined || s.sentUs < again.answeredUs),
  );
}

/** Whether a session was handed the job after `claim`, and before it sent what it sent. */
function claimedSince(
  claims: readonly Claim[],
  claim: Claim,
  { claimer, sentUs }: Pick<Settle, 'claimer' | 'sentUs'>,
): boolean {
  return claims.some(
    (c) => c.claimer === claimer && c.answeredUs > claim.answeredUs && c.answeredUs <= sentUs,
  );
}

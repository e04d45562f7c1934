// How did a job end: by which claim and settle, or in whose hands?

import { ENQUEUE, type Ledger, SETTLE, type Settle } from './ledger.ts';
import { SETTLE_KINDS } from './ledger-writer.ts';

const ACK = SETTLE_KINDS.indexOf('ack');
const DEAD = SETTLE_KINDS.indexOf('dead-letter');
const RETRY = SETTLE_KINDS.indexOf('retry');
const RELEASE = SETTLE_KINDS.indexOf('release');

export interface JobEnds {
  readonly ledger: Ledger;
  /** Keys of jobs that are gone from the database, their settle sent and never answered: it ended when it was sent. */
  readonly assumedSettled: ReadonlySet<number>;
}

/** µs of the machine's clock; the claim is NaN when it is not known. */
export interface Finish {
  readonly claimedUs: number;
  readonly settledUs: number;
}

/** The claim (NaN when unknown) and the settle by which a job was acked with effect; undefined when it never was. */
export function finished({ ledger, assumedSettled }: JobEnds, key: number): Finish | undefined {
  if (assumedSettled.has(key)) {
    const sent = ledger
      .settlesOf(key)
      .findLast((s) => s.state === SETTLE.unknown && (s.kind === ACK || s.kind === DEAD));
    return sent === undefined ? undefined : { ...claimBehind(ledger, key, sent), settledUs: sent.sentUs };
  }
  if (!ledger.histories.has(key)) {
    if (ledger.settleState[key] !== SETTLE.effective || ledger.settleKind[key] !== ACK) return undefined;
    return { claimedUs: ledger.claimedUs[key] ?? Number.NaN, settledUs: ledger.settledUs[key] ?? Number.NaN };
  }
  const settle = ledger.settlesOf(key).find((s) => s.state === SETTLE.effective && s.kind === ACK);
  if (settle === undefined) return undefined;
  return { ...claimBehind(ledger, key, settle), settledUs: settle.answeredUs };
}

/** When a job was in the queue by, µs; NaN when it never got in. */
export function enteredUs(ledger: Ledger, key: number): number {
  return ledger.enqueueState[key] === ENQUEUE.confirmed
    ? (ledger.enqueuedUs[key] ?? Number.NaN)
    : // Nobody heard that it got in, and it was handed out: it was there by then.
      (ledger.claimedUs[key] ?? Number.NaN);
}

/** When a job left the backlog: acked or dead-lettered with effect, µs; NaN when it never did. */
export function leftUs(ends: JobEnds, key: number): number {
  const done = finished(ends, key);
  if (done !== undefined) return done.settledUs;
  const { ledger } = ends;
  if (!ledger.histories.has(key)) {
    const dead = ledger.settleState[key] === SETTLE.effective && ledger.settleKind[key] === DEAD;
    return dead ? (ledger.settledUs[key] ?? Number.NaN) : Number.NaN;
  }
  const settle = ledger.settlesOf(key).find((s) => s.state === SETTLE.effective && s.kind === DEAD);
  return settle?.answeredUs ?? Number.NaN;
}

function claimBehind(ledger: Ledger, key: number, settle: Settle): { claimedUs: number } {
  const before = ledger.claimsOf(key).filter((c) => c.answeredUs <= settle.sentUs);
  // A session whose connection was lost is followed by another of the same agent, which settles for it.
  const claim =
    before.findLast((c) => c.claimer === settle.claimer) ?? before.findLast((c) => c.agent === settle.agent);
  return { claimedUs: claim?.answeredUs ?? Number.NaN };
}

/**
 * When a job was last handed out, if nothing is known of how that ended: whoever got it neither heard of a settle of
 * his, nor gave the job back. NaN otherwise, and for a job that was never claimed.
 */
export function openClaimUs(ledger: Ledger, key: number): number {
  if (!ledger.histories.has(key)) {
    const ended = endsClaim(ledger.settleState[key] ?? SETTLE.none, ledger.settleKind[key] ?? 0);
    return ended ? Number.NaN : (ledger.claimedUs[key] ?? Number.NaN);
  }
  const claim = ledger.claimsOf(key).at(-1);
  if (claim === undefined) return Number.NaN;
  const heirs = ledger.lostSessions.has(claim.claimer);
  const ended = ledger
    .settlesOf(key)
    .some(
      (s) =>
        s.sentUs >= claim.answeredUs &&
        (s.claimer === claim.claimer || (heirs && s.agent === claim.agent)) &&
        endsClaim(s.state, s.kind),
    );
  return ended ? Number.NaN : claim.answeredUs;
}

/** Whether a settle was answered. A job that was given back is in nobody's hands, whether or not that was confirmed. */
function endsClaim(state: number, kind: number): boolean {
  if (state === SETTLE.unknown) return kind === RETRY || kind === RELEASE;
  return state !== SETTLE.none;
}

// Did every job end as the system under test promised? Ledger and database reconciled, by identity.

import type { HeldJob } from '../contender.ts';
import type { Outage } from '../faults/outages.ts';
import type { JobTraits } from '../load/job-traits.ts';
import { ENQUEUE, type Ledger, SETTLE } from '../measure/ledger.ts';
import { SETTLE_KINDS } from '../measure/ledger-writer.ts';
import { type Audit, emptyAudit, emptyJobs, type JobCounts, violations } from './audit.ts';
import { ackedThoughFailed, diedEarly, failedAttempts } from './failures.ts';
import { auditHandOuts, type HandOutInput, settledByAnother } from './hand-outs.ts';
import { lastHeard } from './last-heard.ts';
import { orderAudit } from './order.ts';
import { type Orders, ordersAudit } from './orders.ts';
import { type LimitInput, limitAudit } from './queue-limits.ts';
import { uniqueViolations } from './unique.ts';

const ACK = SETTLE_KINDS.indexOf('ack');
const RETRY = SETTLE_KINDS.indexOf('retry');
const DEAD = SETTLE_KINDS.indexOf('dead-letter');

export interface CheckInput extends HandOutInput {
  /** Start of the load, end of the last agent, and the last fault (the start when there was none); µs. */
  readonly startUs: number;
  readonly endUs: number;
  readonly lastFaultUs: number;
  /** Every agent stopped when asked, and every settle was answered. */
  readonly cleanStop: boolean;
  /** See `OrderInput`, all three. */
  readonly troubled: boolean;
  readonly stalls?: { readonly share: number; readonly longestUs: number };
  readonly outages?: readonly Outage[];
  readonly preloaded: number;
  /** Jobs come from clients: a key that was never sent was never offered. */
  readonly closedLoop?: boolean;
  /** How much before it was eligible a job may seem to be handed out, for what is not known of the clocks; absent without delays. */
  readonly earlyToleranceUs?: number;
  /** Priority of a key. */
  readonly priorityOf: (key: number) => number;
  /** What the database held after the load; absent when the contender cannot list it. */
  readonly held: AsyncIterable<HeldJob> | undefined;
  /** Agents that were killed or stopped on purpose, or whose sessions were lost. */
  readonly brokenAgents: ReadonlySet<number>;
  /** What the scenario asks of its jobs beside being worked off. Absent: nothing. */
  readonly rules?: CheckRules;
}

/** Each absent where the scenario does not ask for it, or the contender has its own way. */
export interface CheckRules {
  readonly traits?: JobTraits;
  /** Attempts of each job before it is a dead letter. */
  readonly maxAttempts?: number;
  readonly limits?: Pick<LimitInput, 'limits' | 'stallUs'>;
  readonly orders?: Orders;
}

export interface CheckResult {
  readonly audit: Audit;
  readonly jobs: JobCounts;
  /** What voids the cell, one sentence each; empty when it is correct. */
  readonly violations: readonly string[];
  /** Keys of jobs whose settle was sent and never answered, and that are gone from the database: counted as settled. */
  readonly assumedSettled: ReadonlySet<number>;
  /** What could not be checked. */
  readonly notes: readonly string[];
  /** Counts that are 0 because nobody could look; the notes say why. */
  readonly unjudged: ReadonlySet<keyof Audit>;
  /** Keys of jobs that were sent and that the system never had: refused, or of unknown outcome and never seen. */
  readonly failed: ReadonlySet<number>;
}

const HELD = { none: 0, ready: 1, delayed: 2, leased: 3, dead: 4 } as const;

/** Judged together, or not at all. */
const OF_ORDER = ['orderViolations', 'priorityInversions', 'starved'] as const;

/** Follows every job from its offer to its end. Reads `held` to its end; throws only what that throws. */
export async function check(input: CheckInput): Promise<CheckResult> {
  const { ledger } = input;
  const audit = emptyAudit();
  const held = new Uint8Array(ledger.size);
  for await (const job of input.held ?? []) {
    const known = job.key < ledger.size && ledger.enqueueState[job.key] !== ENQUEUE.notSent;
    // A job that is stored twice was offered once.
    if (!known || held[job.key] !== HELD.none) audit.unexpected += 1;
    if (known) held[job.key] = HELD[job.state];
  }
  const ends: Ends = { ...emptyJobs(), lost: 0, assumedSettled: new Set(), failedKeys: new Set() };
  ends.offered = ledger.size;
  const heard = input.promises.lease === 'timed' ? new Map<number, number>() : lastHeard(ledger);
  for (let key = 0; key < ledger.size; key += 1) {
    endOf(input, key, held[key] ?? HELD.none, audit, ends);
    if (held[key] === HELD.leased && isStuck(input, key)) audit.stuck += 1;
    if (ledger.histories.has(key)) auditHandOuts(input, key, heard, audit);
    if (settledByAnother(ledger, key)) audit.unclaimedSettles += 1;
    if (isEarly(input, key)) audit.earlyHandOuts += 1;
  }
  const ruleNotes = auditRules(input, held, audit);
  audit.unexpected += ledger.foreignKeys.size;
  audit.overClaims = ledger.overClaims;
  audit.lost = ends.lost;
  const order = orderAudit({ ...input, isReady: (key) => held[key] === HELD.ready });
  audit.orderViolations = order.orderViolations;
  audit.priorityInversions = order.priorityInversions;
  audit.starved = order.starved;
  const { lost: _lost, assumedSettled, failedKeys: failed, ...jobs } = ends;
  const notes = order.judged
    ? ruleNotes
    : [
        ...ruleNotes,
        'order and starvation were not judged: after a failed statement, a lost session or a broken agent nothing is proven of them',
      ];
  return {
    ...{ audit, jobs, violations: violations(audit, jobs, input.promises), assumedSettled, failed, notes },
    unjudged: new Set(order.judged ? [] : OF_ORDER),
  };
}

/** Returns what could not be judged, and how much failed on purpose. */
function auditRules(input: CheckInput, held: Uint8Array, audit: Audit): string[] {
  const { ledger, rules = {}, brokenAgents, troubled } = input;
  const { traits, maxAttempts, limits, orders } = rules;
  const notes: string[] = [];
  const isDead = (key: number): boolean => held[key] === HELD.dead;
  const isHeld = (key: number): boolean => (held[key] ?? HELD.none) !== HELD.none && !isDead(key);
  if (traits !== undefined) {
    notes.push(...auditFailures(ledger, traits, audit));
    audit.uniqueViolations = uniqueViolations({
      ...{ ledger, isHeld, endUs: input.endUs },
      uniqueNumber: (key) => traits.uniqueNumber(key),
    });
  }
  // Whoever was killed or cut off may have been given a job that no ledger knows of.
  if (maxAttempts !== undefined && brokenAgents.size === 0 && ledger.lostSessions.size === 0 && !troubled) {
    for (let key = 0; key < ledger.size; key += 1)
      if (isDead(key) && diedEarly(ledger, key, maxAttempts)) audit.unexplainedDeadLetters += 1;
  }
  if (limits !== undefined) {
    const found = limitAudit({
      ...{ ...limits, runs: ledger.runs, leaseMs: input.leaseMs, brokenAgents, troubled },
      keyNumber: (key) => traits?.keyNumber(key),
    });
    audit.limitViolations = found.violations;
    notes.push(...found.notes);
  }
  if (orders !== undefined) {
    const exists = (key: number): boolean =>
      !Number.isNaN(ledger.claimedUs[key] ?? Number.NaN) || held[key] !== HELD.none;
    const found = ordersAudit(orders, exists);
    audit.ordersWithoutJobs = input.held === undefined ? 0 : found.ordersWithoutJobs;
    audit.jobsWithoutOrder = found.jobsWithoutOrder;
    if (input.held === undefined)
      notes.push('orders without jobs were not looked for: the contender cannot list what it holds');
  }
  return notes;
}

function auditFailures(ledger: Ledger, traits: JobTraits, audit: Audit): string[] {
  if (!traits.anyFails) return [];
  let [attempts, jobs] = [0, 0];
  for (let key = 0; key < ledger.size; key += 1) {
    if (ackedThoughFailed(ledger, traits, key)) audit.ackedFailures += 1;
    const failed = failedAttempts(ledger, key);
    attempts += failed;
    if (failed > 0) jobs += 1;
  }
  return [`${attempts} attempts of ${jobs} jobs failed, as the scenario has it`];
}

/** A lease may end a little late: reapers look around a few times per lease, and the clock of the server is not ours. */
const REAP_MARGIN_US = 5e6;

/**
 * Whether a job that is still leased is out of everybody's reach. Workers that stop cleanly settle or give back what
 * they hold; what a broken one held comes back when its lease has ended.
 */
function isStuck(input: CheckInput, key: number): boolean {
  if (input.promises.lease !== 'timed') return input.brokenAgents.size === 0;
  if (input.brokenAgents.size === 0) return input.cleanStop && input.ledger.lostSessions.size === 0;
  const claimedUs = Math.max(
    input.ledger.claimsOf(key).at(-1)?.answeredUs ?? input.startUs,
    ...(input.ledger.extensions.get(key) ?? []).map(({ answeredUs }) => answeredUs),
  );
  return input.endUs > Math.max(claimedUs, input.lastFaultUs) + input.leaseMs * 1000 + REAP_MARGIN_US;
}

/** Whether a delayed job was handed out before it was eligible, whatever the clocks' uncertainty. Its first claim tells. */
function isEarly({ ledger, earlyToleranceUs }: CheckInput, key: number): boolean {
  if (earlyToleranceUs === undefined || !ledger.isDelayed(key)) return false;
  return (ledger.claimedUs[key] ?? Number.NaN) < ledger.eligibleUs(key) - earlyToleranceUs;
}

interface Ends extends JobCounts {
  lost: number;
  assumedSettled: Set<number>;
  failedKeys: Set<number>;
}

/** Finds where one job ended, and counts it exactly once. */
function endOf(input: CheckInput, key: number, held: number, audit: Audit, ends: Ends): void {
  const { ledger } = input;
  const enqueue = ledger.enqueueState[key] ?? ENQUEUE.notSent;
  const claimed = !Number.isNaN(ledger.claimedUs[key] ?? Number.NaN);
  const settles = settleSummary(ledger, key);
  if (enqueue === ENQUEUE.notSent) {
    if (claimed) audit.unexpected += 1;
    if (input.closedLoop === true && key >= input.preloaded) ends.offered -= 1;
    else ends.skipped += 1;
    return;
  }
  const turnedUp = claimed || held !== HELD.none;
  if (enqueue === ENQUEUE.confirmed) ends.enqueued += 1;
  else if (turnedUp) {
    // Refused means rolled back: then there is nothing that could turn up.
    if (enqueue !== ENQUEUE.sent) audit.unexpected += 1;
    else audit.recovered += 1;
    ends.enqueued += 1;
  } else {
    ends.failed += 1;
    if (enqueue === ENQUEUE.rejected) ends.rejected = (ends.rejected ?? 0) + 1;
    if (enqueue === ENQUEUE.rolledBack) ends.rolledBack = (ends.rolledBack ?? 0) + 1;
    ends.failedKeys.add(key);
    return;
  }
  audit.staleSettles += settles.stale;
  const finals = settles.acks + settles.deadLetters;
  if (finals > 1) audit.duplicateSettlements += finals - 1;
  if (settles.acks > 0) {
    ends.settled += 1;
    if (held !== HELD.none) audit.settledButPresent += 1;
  } else if (settles.deadLetters > 0 || held === HELD.dead) {
    if (input.held !== undefined && held === HELD.none) ends.lost += 1;
    else ends.deadLettered += 1;
    if (held !== HELD.none && held !== HELD.dead) audit.settledButPresent += 1;
  } else if (held === HELD.delayed && settles.retries > 0) {
    ends.retried += 1;
  } else if (held !== HELD.none || input.held === undefined) {
    ends.inFlight += 1;
  } else if (settles.unknown > 0) {
    ends.settled += 1;
    ends.assumedSettled.add(key);
  } else {
    ends.lost += 1;
  }
}

interface SettleSummary {
  acks: number;
  deadLetters: number;
  retries: number;
  unknown: number;
  stale: number;
}

const summary: SettleSummary = { acks: 0, deadLetters: 0, retries: 0, unknown: 0, stale: 0 };

function settleSummary(ledger: Ledger, key: number): SettleSummary {
  summary.acks = summary.deadLetters = summary.retries = summary.unknown = summary.stale = 0;
  if (ledger.histories.has(key)) {
    for (const settle of ledger.settlesOf(key)) addSettle(settle.state, settle.kind);
  } else {
    addSettle(ledger.settleState[key] ?? SETTLE.none, ledger.settleKind[key] ?? 0);
  }
  return summary;
}

function addSettle(state: number, kind: number): void {
  if (state === SETTLE.stale) summary.stale += 1;
  else if (state === SETTLE.unknown && (kind === ACK || kind === DEAD)) summary.unknown += 1;
  else if (state === SETTLE.effective) {
    if (kind === ACK) summary.acks += 1;
    else if (kind === DEAD) summary.deadLetters += 1;
    else if (kind === RETRY) summary.retries += 1;
  }
}

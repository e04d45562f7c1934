// What does a queue promise, and did an answer keep it? A queue in memory, which is told what was asked and answered.
//
// It does not predict the answers: a claim may find less than there is, an expired lease may be noticed late. It knows what
// an answer may not say, and takes over what it says. That nothing is lost is seen when the sequence is drained.

import assert from 'node:assert/strict';
import type { ClaimedJob, Guarantees, JobId, NewJob, Outcome, SettleResult } from '../strategy.ts';
import {
  type Asked,
  CLOCK_MS,
  type ModelError,
  type ModelJob,
  type ModelLease,
  ROUNDING_MS,
  type State,
} from './job.ts';
import { judgeOrder } from './order.ts';

const KINDS: readonly (readonly [Outcome['kind'], Exclude<keyof SettleResult, 'stale'>])[] = [
  ['ack', 'acked'],
  ['retry', 'retried'],
  ['dead-letter', 'deadLettered'],
  ['release', 'released'],
];

export class Model {
  readonly jobs = new Map<JobId, ModelJob>();
  /** Every lease that was ever given, the oldest first. */
  readonly leases: ModelLease[] = [];
  readonly #guarantees: Guarantees;

  constructor(guarantees: Guarantees) {
    this.#guarantees = guarantees;
  }

  /** `runAt` is the earliest instant, absent for at once. `pending`: in a transaction that is still open. */
  enqueued(specs: readonly NewJob[], ids: readonly JobId[], pending: boolean): void {
    assert.equal(ids.length, specs.length, 'an enqueue returns one id per job');
    for (const [i, spec] of specs.entries()) {
      const id = ids[i] ?? '';
      assert(!this.jobs.has(id), `the id ${id} was given twice`);
      const { runAt, queue, payload, priority = 0, maxAttempts = 20 } = spec;
      const due: State =
        runAt === undefined ? { kind: 'ready' } : { kind: 'delayed', dueMs: runAt.getTime() };
      this.jobs.set(id, {
        id,
        spec: { queue, payload, priority, maxAttempts },
        order: this.jobs.size,
        attempts: 0,
        errors: [],
        token: -1n,
        state: pending ? { kind: 'pending' } : due,
        plain: !pending && runAt === undefined,
      });
      if (pending) this.#whenCommitted.set(id, due);
    }
  }

  readonly #whenCommitted = new Map<JobId, State>();

  /** The open transaction has ended. */
  ended(how: 'COMMIT' | 'ROLLBACK'): void {
    for (const [id, due] of this.#whenCommitted)
      this.#known(id).state = how === 'COMMIT' ? due : { kind: 'done' };
    this.#whenCommitted.clear();
  }

  /** A claim was answered. `ordered`: nobody else was at work, so that the order can be judged. */
  claimed(
    ask: { readonly queue: string; readonly limit: number; readonly leaseMs: number },
    by: { readonly session: number; readonly place: number },
    jobs: readonly ClaimedJob[],
    at: Asked,
    ordered: boolean,
  ): void {
    assert(jobs.length <= ask.limit, `asked for ${ask.limit} jobs, got ${jobs.length}`);
    assert.equal(new Set(jobs.map(({ id }) => id)).size, jobs.length, 'a claim returned a job twice');
    if (ordered)
      judgeOrder(
        this.#guarantees.order,
        jobs.map(({ id }) => this.#known(id)),
        this.#readyIn(ask.queue),
      );
    const batch = { extended: false };
    for (const job of jobs) {
      const known = this.#known(job.id);
      this.#judgeHandedOut(known, job, ask.queue, at);
      this.#judgeExpiry(job, ask.leaseMs, at);
      const lease = { job, ...by, batch, liveUntilMs: job.lease.expiresAtMs };
      known.token = BigInt(job.lease.fencingToken);
      known.state = { kind: 'leased', lease };
      known.plain = false;
      this.leases.push(lease);
    }
  }

  #readyIn(queue: string): ModelJob[] {
    return [...this.jobs.values()].filter(
      ({ state, spec }) => state.kind === 'ready' && spec.queue === queue,
    );
  }

  #known(id: JobId): ModelJob {
    const known = this.jobs.get(id);
    assert(known, `job ${id} was never enqueued`);
    return known;
  }

  #judgeHandedOut(known: ModelJob, job: ClaimedJob, queue: string, { answeredMs }: Asked): void {
    const { state, spec, id } = known;
    if (state.kind === 'delayed')
      assert(
        answeredMs + ROUNDING_MS >= state.dueMs,
        `job ${id} was handed out ${state.dueMs - answeredMs} ms early`,
      );
    else if (state.kind === 'leased') {
      assert(
        answeredMs + CLOCK_MS >= state.lease.liveUntilMs,
        `job ${id} was handed out twice within its lease`,
      );
      this.lose(known, state.lease);
    } else assert.equal(state.kind, 'ready', `job ${id} was handed out and is ${state.kind}`);
    const { priority, payload, maxAttempts } = spec;
    assert.deepEqual(
      {
        attempt: job.attempt,
        queue: job.queue,
        priority: job.priority,
        payload: job.payload,
        maxAttempts: job.maxAttempts,
      },
      { attempt: known.attempts + 1, queue, priority, payload, maxAttempts },
      `job ${id} as it was handed out`,
    );
    assert.equal(queue, spec.queue, `job ${id} is of another queue`);
    assert(job.attempt <= maxAttempts, `job ${id} in attempt ${job.attempt} of ${maxAttempts}`);
    assert(BigInt(job.lease.fencingToken) > known.token, `the fencing token of job ${id} did not grow`);
  }

  #judgeExpiry({ id, lease }: ClaimedJob, leaseMs: number, { sentMs, answeredMs }: Asked): void {
    if (this.#guarantees.lease === 'session') {
      assert.equal(
        lease.expiresAtMs,
        Number.POSITIVE_INFINITY,
        `job ${id}: the lease of a session has an end`,
      );
      return;
    }
    const [from, to] = [sentMs + leaseMs - CLOCK_MS, answeredMs + leaseMs + CLOCK_MS];
    const said = `the lease of job ${id} ends at ${lease.expiresAtMs}, not in ${from}…${to}`;
    assert(lease.expiresAtMs >= from && lease.expiresAtMs <= to, said);
  }

  /** Attempts that are used up once a lease is lost. */
  attemptsAfterLoss({ job }: ModelLease): number {
    return this.#guarantees.crashCountsAttempt ? job.attempt : job.attempt - 1;
  }

  /** Whether a lost lease was the last attempt's, so that its job is a dead letter as soon as that is noticed. */
  exhausted(lease: ModelLease): boolean {
    return this.attemptsAfterLoss(lease) >= lease.job.maxAttempts;
  }

  /** The lease of `job` was lost, as is known now that the job is elsewhere. */
  lose(job: ModelJob, lease: ModelLease): void {
    job.attempts = this.attemptsAfterLoss(lease);
    job.errors.push(lostAttempt(lease));
  }

  /** What the settle of a lease, sent by the session at `place`, may be answered: `either` where a lost lease may be noticed late. */
  #settleMay(
    lease: ModelLease,
    session: number,
    place: number,
    { answeredMs }: Asked,
  ): 'count' | 'stale' | 'either' {
    const { state } = this.#known(lease.job.id);
    if (state.kind !== 'leased' || state.lease !== lease) return 'stale';
    if (this.#guarantees.lease === 'session') return lease.session === session ? 'count' : 'stale';
    if (answeredMs + CLOCK_MS >= lease.liveUntilMs) return 'either';
    // A session that was opened for a lost one, under its name, settles for it; nobody else need be able to.
    return lease.place === place ? 'count' : 'either';
  }

  /** A settle was answered. `leases` are those of the outcomes, in their order. */
  settled(
    leases: readonly ModelLease[],
    outcomes: readonly Outcome[],
    by: { readonly session: number; readonly place: number },
    result: SettleResult,
    at: Asked,
  ): void {
    const stale = new Set(result.stale);
    assert.equal(stale.size, result.stale.length, 'a settle names a stale job twice');
    const counts = { acked: 0, retried: 0, deadLettered: 0, released: 0 };
    for (const [i, outcome] of outcomes.entries()) {
      const lease = leases[i];
      assert(lease);
      const { id } = lease.job;
      const may = this.#settleMay(lease, by.session, by.place, at);
      const isStale = stale.delete(id);
      assert(may !== 'stale' || isStale, `the ${outcome.kind} of job ${id} took effect under a lost lease`);
      assert(
        may !== 'count' || !isStale,
        `the ${outcome.kind} of job ${id} was called stale under a living lease`,
      );
      if (isStale) continue;
      for (const [kind, counted] of KINDS) if (kind === outcome.kind) counts[counted] += 1;
      this.#take(this.#known(id), outcome, at);
    }
    assert.deepEqual([...stale], [], 'a settle names jobs stale that were not in it');
    const { acked, retried, deadLettered, released } = result;
    assert.deepEqual({ acked, retried, deadLettered, released }, counts, 'what a settle says it did');
  }

  #take(job: ModelJob, outcome: Outcome, { sentMs, answeredMs }: Asked): void {
    const { attempt } = outcome.job;
    switch (outcome.kind) {
      case 'ack':
        job.state = { kind: 'done' };
        break;
      case 'dead-letter':
        job.attempts = attempt;
        job.errors.push({ attempt, error: outcome.error });
        job.state = { kind: 'dead', fromMs: sentMs, toMs: answeredMs };
        break;
      case 'retry':
        job.attempts = attempt;
        job.errors.push({ attempt, error: outcome.error });
        job.state = waiting(sentMs, outcome.delayMs);
        break;
      case 'release':
        job.attempts = attempt - 1;
        job.state = waiting(sentMs, outcome.delayMs ?? 0);
    }
  }

  /** A heartbeat of `leaseMs` was answered with the ids of lost leases. */
  extended(
    leases: readonly ModelLease[],
    by: { readonly session: number; readonly place: number },
    leaseMs: number,
    lost: readonly JobId[],
    at: Asked,
  ): void {
    const missing = new Set(lost);
    for (const lease of leases) {
      const { id } = lease.job;
      const may = this.#settleMay(lease, by.session, by.place, at);
      const isLost = missing.delete(id);
      assert(may !== 'stale' || isLost, `a heartbeat kept the lost lease of job ${id}`);
      assert(may !== 'count' || !isLost, `a heartbeat called the living lease of job ${id} lost`);
      lease.batch.extended = true;
      if (!isLost) lease.liveUntilMs = Math.max(lease.liveUntilMs, at.sentMs + leaseMs);
    }
    assert.deepEqual([...missing], [], 'a heartbeat names jobs lost that were not in it');
  }

  /** A session's connection is gone. */
  crashed(session: number): void {
    if (this.#guarantees.lease === 'timed') return;
    for (const lease of this.leases)
      if (lease.session === session) lease.liveUntilMs = Number.NEGATIVE_INFINITY;
  }

  /** At most so many jobs can a reap that was answered then have found. */
  reapable(answeredMs: number): number {
    return this.#count(
      ({ state }) => state.kind === 'leased' && state.lease.liveUntilMs <= answeredMs + CLOCK_MS,
    );
  }

  /** At most so many jobs can a promotion that was answered then have found. */
  promotable(answeredMs: number): number {
    return this.#count(({ state }) => state.kind === 'delayed' && state.dueMs <= answeredMs + ROUNDING_MS);
  }

  #count(test: (job: ModelJob) => boolean): number {
    return [...this.jobs.values()].filter(test).length;
  }

  /** Jobs that somebody must still work off, or that must be found dead; none when the sequence is drained. */
  unsettled(): readonly ModelJob[] {
    return [...this.jobs.values()].filter(({ state }) => state.kind !== 'done' && state.kind !== 'dead');
  }

  /** Leases that end by themselves at the latest when they say so. */
  endsByItself(lease: ModelLease): boolean {
    return this.#guarantees.lease === 'session' ? lease.liveUntilMs < 0 : !lease.batch.extended;
  }

  /** A job of this model is dead. It may be one whose lease was lost in its last attempt. */
  foundDead(job: ModelJob, { answeredMs }: Asked): void {
    const { state } = job;
    if (state.kind !== 'leased' || !this.exhausted(state.lease)) return;
    this.lose(job, state.lease);
    job.state = { kind: 'dead', fromMs: state.lease.liveUntilMs - CLOCK_MS, toMs: answeredMs };
  }
}

/** What the loss of a lease leaves in its job's history. */
export function lostAttempt({ job }: ModelLease): ModelError {
  return { attempt: job.attempt, error: undefined };
}

function waiting(sinceMs: number, delayMs: number): State {
  return delayMs > 0 ? { kind: 'delayed', dueMs: sinceMs + delayMs } : { kind: 'ready' };
}

// What happens in one sequence? Each command is done to the queue, and the model is told what came of it.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ClaimedJob, NewJob, Outcome, SettleResult, StoredJob } from '../strategy.ts';
import {
  type Command,
  type Feature,
  type JobSpec,
  type Pick,
  QUEUES,
  type Target,
  type Whose,
} from './commands.ts';
import type { Asked, ModelLease } from './job.ts';
import { Model } from './model.ts';
import { emptyDeadLetters, findJobs, idsOf, listDeadLetters, removeJobs } from './operate.ts';
import { judgeRemoved } from './operators.ts';
import { ALL, type Of, type Scene, timed } from './scene.ts';
import type { Slot, SlotSession } from './slot.ts';
import { judgeStored } from './standing.ts';

/** Longer than any sequence, and shorter than the wait that lets it expire. */
const LONG_LEASE_MS = 60_000;
const SHORT_LEASE_MS = 25;
const WAIT_MS = 30;
type ClaimSpec = Of<'race'>['claims'][number];
type SettleSpec = Of<'turn'>['settle'];

/** A settle that is to be sent, and the leases of its outcomes. */
interface Due {
  readonly leases: readonly ModelLease[];
  readonly outcomes: readonly Outcome[];
}

/** One sequence on a slot. `log` tells what was done and answered, for whoever reads a counterexample. */
export class Sequence implements Scene {
  readonly slot: Slot;
  readonly model: Model;
  readonly log: string[] = [];
  readonly without: ReadonlySet<Feature>;
  #open = false;
  #payloads = 0;

  constructor(slot: Slot, without: ReadonlySet<Feature>) {
    this.slot = slot;
    this.without = without;
    const { guarantees } = slot.strategy;
    this.model = new Model(without.has('order') ? { ...guarantees, order: 'none' } : guarantees);
  }

  async do(command: Command): Promise<void> {
    switch (command.kind) {
      case 'enqueue':
        return this.#enqueue(command.jobs);
      case 'claim':
        return this.claim(command, true);
      case 'settle':
        return this.#settle(command);
      case 'turn':
        return this.#turn(command);
      case 'race':
        return this.#race(command);
      case 'enqueue-open':
        return this.#enqueueOpen(command.jobs);
      case 'end-open':
        return this.endOpen(command.how);
      case 'heartbeat':
        return this.#heartbeat(command);
      case 'crash':
        return this.#crash(command);
      case 'wait':
        await sleep(WAIT_MS);
        return;
      case 'promote':
        return this.promote(command.limit);
      case 'reap':
        return this.reap(command.limit);
      case 'upkeep':
        return this.upkeep();
      case 'look':
        return this.look();
      case 'find':
        return findJobs(this, idsOf(this.model, command.targets));
      case 'remove':
        return removeJobs(this, command.targets);
      case 'list':
        return listDeadLetters(this, command);
      case 'empty':
        if (command.bury !== undefined) await this.#bury(command.bury);
        return emptyDeadLetters(this, command);
    }
  }

  note(text: string): void {
    this.log.push(`${Date.now() % 100_000} ${text}`);
  }

  #specs(jobs: readonly JobSpec[]): readonly NewJob[] {
    return jobs.map(({ queue, delayMs, ...job }) => {
      this.#payloads += 1;
      const runAt = delayMs === undefined ? {} : { runAt: new Date(Date.now() + delayMs) };
      return { queue: QUEUES[queue] ?? '', payload: { n: this.#payloads }, ...job, ...runAt };
    });
  }

  async #enqueue(jobs: readonly JobSpec[]): Promise<void> {
    const specs = this.#specs(jobs);
    const ids = await this.slot.strategy.enqueue(this.slot.driver, specs);
    this.note(`enqueued ${ids.join(' ')}`);
    this.model.enqueued(specs, ids, false);
  }

  async #enqueueOpen(jobs: readonly JobSpec[]): Promise<void> {
    const { transactor, strategy } = this.slot;
    if (!this.#open) await transactor.query({ text: 'BEGIN' });
    this.#open = true;
    const specs = this.#specs(jobs);
    const ids = await strategy.enqueue(transactor, specs);
    this.note(`enqueued in the open transaction ${ids.join(' ')}`);
    this.model.enqueued(specs, ids, true);
  }

  /** Does nothing where no transaction is open. */
  async endOpen(how: 'COMMIT' | 'ROLLBACK'): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    await this.slot.transactor.query({ text: how });
    this.note(how);
    this.model.ended(how);
  }

  #held({ number }: SlotSession): readonly ModelLease[] {
    return this.model.leases.filter((lease) => {
      const state = this.model.jobs.get(lease.job.id)?.state;
      return lease.session === number && state?.kind === 'leased' && state.lease === lease;
    });
  }

  #leaseMs({ short }: ClaimSpec): number {
    return short ? SHORT_LEASE_MS : LONG_LEASE_MS;
  }

  #mayClaim(by: SlotSession): boolean {
    return !this.without.has('claims while holding') || this.#held(by).length === 0;
  }

  async claim(spec: ClaimSpec, ordered: boolean): Promise<void> {
    const by = this.slot.at(spec.session);
    if (!this.#mayClaim(by)) return;
    const { limit } = spec;
    const ask = { queue: QUEUES[spec.queue] ?? '', limit, leaseMs: this.#leaseMs(spec) };
    const { answer, at } = await timed(() => by.session.claim(ask.queue, limit, ask.leaseMs));
    this.#claimed(ask, by, answer, at, ordered);
  }

  #claimed(
    ask: { readonly queue: string; readonly limit: number; readonly leaseMs: number },
    by: SlotSession,
    jobs: readonly ClaimedJob[],
    at: Asked,
    ordered: boolean,
  ): void {
    const said = jobs.map(({ id, attempt }) => `${id}(${attempt})`).join(' ');
    this.note(`session ${by.place} claimed ${ask.limit} of ${ask.queue} for ${ask.leaseMs} ms: ${said}`);
    this.model.claimed(ask, { session: by.number, place: by.place }, jobs, at, ordered);
  }

  /** The leases that `picks` mean, no job twice. */
  #picked(by: SlotSession, whose: Whose, picks: readonly Pick[]): readonly (readonly [Pick, ModelLease])[] {
    const leases = whose === 'own' ? this.#held(by) : this.model.leases;
    const chosen = new Map<string, readonly [Pick, ModelLease]>();
    for (const pick of picks) {
      const lease = leases.at(-1 - (pick.index % Math.max(1, leases.length)));
      if (lease !== undefined && !chosen.has(lease.job.id)) chosen.set(lease.job.id, [pick, lease]);
    }
    if (whose === 'own' && this.without.has('partial settles'))
      for (const lease of leases) {
        const [pick] = picks;
        if (pick !== undefined && !chosen.has(lease.job.id)) chosen.set(lease.job.id, [pick, lease]);
      }
    return [...chosen.values()];
  }

  #due({ session, whose, picks }: SettleSpec): Due {
    const chosen = this.#picked(this.slot.at(session), whose, picks);
    return {
      leases: chosen.map(([, lease]) => lease),
      outcomes: chosen.map(([pick, { job }]) => outcome(pick, job, this.without)),
    };
  }

  #settled({ leases, outcomes }: Due, by: SlotSession, result: SettleResult, at: Asked): void {
    const said = outcomes.map(({ kind, job }) => `${kind} ${job.id}`).join(', ');
    this.note(`session ${by.place} settled ${said}; stale: ${result.stale.join(' ')}`);
    this.model.settled(leases, outcomes, { session: by.number, place: by.place }, result, at);
  }

  async #settle(spec: SettleSpec): Promise<void> {
    await this.settle(this.slot.at(spec.session), this.#due(spec));
  }

  async settle(by: SlotSession, due: Due): Promise<void> {
    if (due.outcomes.length === 0) return;
    const { answer, at } = await timed(() => by.session.settle(due.outcomes));
    this.#settled(due, by, answer, at);
  }

  /** Makes dead letters of what a session claims, and holds. */
  async #bury(spec: ClaimSpec): Promise<void> {
    await this.claim(spec, true);
    const by = this.slot.at(spec.session);
    const leases = this.#held(by);
    const outcomes = leases.map(({ job }): Outcome => ({ kind: 'dead-letter', job, error: 'buried' }));
    await this.settle(by, { leases, outcomes });
  }

  async #turn({ settle, claim }: Of<'turn'>): Promise<void> {
    const by = this.slot.at(settle.session);
    const due = this.#due(settle);
    const ask = { queue: QUEUES[claim.queue] ?? '', limit: claim.limit, leaseMs: this.#leaseMs(claim) };
    const { turn } = by.session;
    if (turn === undefined) {
      // As a worker does it: both are sent before either is answered, the settle first.
      const claims = this.#mayClaim(by) ? [claim] : [];
      await this.#together(
        [{ by, due }],
        claims.map((spec) => ({ ...spec, session: settle.session })),
        [],
        [],
      );
      return;
    }
    const { answer, at } = await timed(() =>
      turn.settleAndClaim(due.outcomes, ask.queue, ask.limit, ask.leaseMs),
    );
    this.#settled(due, by, answer.settled, at);
    this.#claimed(ask, by, answer.jobs, at, true);
  }

  async #race({ claims, jobs, settle, targets }: Of<'race'>): Promise<void> {
    const settles =
      settle === undefined ? [] : [{ by: this.slot.at(settle.session), due: this.#due(settle) }];
    const free = claims.filter(({ session }) => this.#mayClaim(this.slot.at(session)));
    await this.#together(settles, free, jobs, targets);
  }

  /** All at once. The model is told of enqueues first, then of settles: whatever was claimed may come of them. */
  async #together(
    settles: readonly { readonly by: SlotSession; readonly due: Due }[],
    claims: readonly ClaimSpec[],
    jobs: readonly JobSpec[],
    targets: readonly Target[],
  ): Promise<void> {
    const { strategy, driver } = this.slot;
    const specs = this.#specs(jobs);
    const settling = settles
      .filter(({ due }) => due.outcomes.length > 0)
      .map(async ({ by, due }) => ({ by, due, ...(await timed(() => by.session.settle(due.outcomes))) }));
    const enqueueing = specs.length === 0 ? [] : strategy.enqueue(driver, specs);
    const claiming = claims.map(async (spec) => {
      const by = this.slot.at(spec.session);
      const ask = { queue: QUEUES[spec.queue] ?? '', limit: spec.limit, leaseMs: this.#leaseMs(spec) };
      return { by, ask, ...(await timed(() => by.session.claim(ask.queue, ask.limit, ask.leaseMs))) };
    });
    const { cancellation } = strategy;
    const doomed = cancellation === undefined ? [] : idsOf(this.model, targets);
    const removing = doomed.length === 0 ? [] : cancellation?.removeWaiting(driver, doomed);
    // Whatever fails, nothing of it runs on into the next command.
    await Promise.allSettled([...settling, enqueueing, ...claiming, removing]);
    const ids = await enqueueing;
    this.note(`at once: enqueued ${ids.join(' ')}`);
    this.model.enqueued(specs, ids, false);
    for (const { by, due, answer, at } of await Promise.all(settling)) this.#settled(due, by, answer, at);
    for (const { by, ask, answer, at } of await Promise.all(claiming))
      this.#claimed(ask, by, answer, at, false);
    const removed = (await removing) ?? [];
    this.note(`and of ${doomed.join(' ')} removed ${removed.join(' ')}`);
    judgeRemoved(this.model, doomed, removed, { sentMs: 0, answeredMs: Date.now() }, false);
  }

  async #heartbeat({ session, whose, picks }: Of<'heartbeat'>): Promise<void> {
    const by = this.slot.at(session);
    const leases = this.#picked(by, whose, picks).map(([, lease]) => lease);
    const { heartbeat } = by.session;
    if (heartbeat === undefined || leases.length === 0) return;
    const jobs = leases.map(({ job }) => job);
    const { answer, at } = await timed(() => heartbeat.extend(jobs, LONG_LEASE_MS));
    this.note(
      `session ${by.place} prolonged ${jobs.map(({ id }) => id).join(' ')}; lost: ${answer.join(' ')}`,
    );
    this.model.extended(leases, { session: by.number, place: by.place }, LONG_LEASE_MS, answer, at);
  }

  async #crash({ session, how }: Of<'crash'>): Promise<void> {
    const gone = await this.slot.crash(session, how);
    this.note(`session ${session} was ${how}`);
    this.model.crashed(gone.number);
  }

  async promote(limit: number): Promise<void> {
    const { delay } = this.slot.strategy;
    if (delay === undefined) return;
    const { answer, at } = await timed(() => delay.promote(this.slot.driver, limit));
    this.note(`promoted ${answer.promoted}`);
    if (this.without.has('promote counts')) return;
    const most = Math.min(limit, this.model.promotable(at.answeredMs));
    assert(answer.promoted <= most, `${answer.promoted} jobs were promoted, and at most ${most} could be`);
  }

  async reap(limit: number): Promise<void> {
    const { answer, at } = await timed(() => this.slot.strategy.reap(this.slot.driver, limit));
    this.note(`reaped ${answer.ended}`);
    if (this.without.has('reap counts')) return;
    const most = Math.min(limit, this.model.reapable(at.answeredMs));
    assert(answer.ended <= most, `${answer.ended} leases were reaped, and at most ${most} could be`);
  }

  async upkeep(): Promise<void> {
    await this.slot.strategy.upkeep?.run(this.slot.driver);
  }

  /** All that is stored but for what earlier sequences left. Ids need not ascend from one queue to the next. */
  async #contents(): Promise<readonly StoredJob[]> {
    const { strategy, driver, dead } = this.slot;
    const found: StoredJob[] = [];
    for (let afterId: string | undefined; ; ) {
      const page = await strategy.contents(driver, afterId, ALL);
      found.push(...page.filter(({ id }) => !dead.has(id)));
      if (page.length < ALL) return found;
      afterId = page.at(-1)?.id;
    }
  }

  /** Reads the contents, and holds them to the model. */
  async look(): Promise<void> {
    const { answer, at } = await timed(() => this.#contents());
    this.note(`contents ${answer.map(({ id, state }) => `${id} ${state}`).join(', ')}`);
    judgeStored(this.model, this.model.jobs.values(), answer, at);
    for (const { id, state } of answer) {
      const job = this.model.jobs.get(id);
      if (job !== undefined && state === 'dead') this.model.foundDead(job, at);
    }
  }
}

function outcome({ kind, delayMs }: Pick, job: ClaimedJob, without: ReadonlySet<Feature>): Outcome {
  // A worker buries what has no attempt left; no strategy is asked to retry it.
  if (kind === 'retry')
    return job.attempt < job.maxAttempts
      ? { kind, job, delayMs, error: 'again' }
      : { kind: 'dead-letter', job, error: 'exhausted' };
  if (kind === 'dead-letter') return { kind, job, error: 'given up' };
  if (kind === 'release' && delayMs > 0 && !without.has('delayed releases')) return { kind, job, delayMs };
  return { kind, job };
}

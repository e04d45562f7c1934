// How does one session keep its handlers fed, and its outcomes settled?

import { setTimeout as sleep } from 'node:timers/promises';
import type { Queue } from '../queue.ts';
import type { ClaimedJob, JobId, Outcome, SettleResult, Turn, WorkerSession } from '../strategy.ts';
import { Apart } from './apart.ts';
import { Backoff } from './backoff.ts';
import type { ClaimGate } from './claim-gate.ts';
import { claimSize } from './claim-size.ts';
import { Hand } from './hand.ts';
import { HeldJob, type ReportProgress } from './held-job.ts';
import { LeaseKeeper } from './lease-keeper.ts';
import type { ResolvedOptions } from './options.ts';
import { type Due, Outbox } from './outbox.ts';
import type { Recording } from './recording.ts';
import { SessionHolder } from './session-holder.ts';
import { Settled, type SettledContext } from './settled.ts';
import { Starting } from './starting.ts';

/** What a runner shares with the others of its worker. */
export interface RunnerContext extends SettledContext {
  readonly queue: Queue;
  readonly claimGate: ClaimGate;
  readonly reportProgress: ReportProgress;
  /** Absent where finished jobs are not kept. */
  readonly recording: Recording | undefined;
  /** Whether signals arrive at present, so that polling is only the safety net. */
  readonly isSignalled: () => boolean;
  /** This session is at rest, and may have nothing in hand. */
  readonly onIdle: () => void;
}

/** What a stopped runner leaves behind. */
export interface RunnerReport {
  readonly released: number;
  /** Handlers that ignored their abort signal: their jobs come back when the lease ends. */
  readonly abandoned: number;
}

/** The bell's strokes, and the time on this process's monotonic clock, as known before a claim. */
interface ClaimStart {
  readonly strokes: number;
  readonly sentMs: number;
}

/** Outcomes, as a multiple of the batch, that may wait to be settled before claims pause. */
const BACKLOG_BATCHES = 8;
/** For so long outcomes wait for the claim that they would travel with, when it is not let through. */
const OUTCOMES_WAIT_MS = 100;
/** For so long a session that could not settle may take to be found dead. */
const LOSS_KNOWN_MS = 50;

/**
 * A state machine, not a loop: whatever happens (claim returned, handler ended, settle answered, woken) ends in `#pump`,
 * which starts what can start. At most one claim and one settle are under way, and they travel together.
 */
export class Runner {
  readonly #context: RunnerContext;
  readonly #options: ResolvedOptions;
  readonly #holder: SessionHolder;
  readonly #backoff: Backoff;
  readonly #stopping = new AbortController();
  readonly #leases: LeaseKeeper | undefined;
  readonly #timedLease: boolean;
  readonly #outbox: Outbox;
  readonly #starting: Starting;
  readonly #hand: Hand;
  /** Where settles are transactions; absent where they are single statements. */
  readonly #apart: Apart | undefined;
  readonly #settled: Settled;
  #claiming = false;
  /** Strokes of the bell before the claim that found nothing; −1 while there is something to do. */
  #restingSince = -1;
  #settlingOn: WorkerSession | undefined;
  /** Settles that were not answered, those on lost sessions too. */
  #settles = 0;
  #pumpQueued = false;
  readonly #drained = Promise.withResolvers<void>();
  readonly #called = (): void => this.#pump();

  constructor(context: RunnerContext, workerId: string) {
    this.#context = context;
    this.#options = context.options;
    this.#backoff = new Backoff(context.options.random);
    this.#outbox = new Outbox(context.options, () => this.#pump());
    this.#starting = new Starting(context, {
      ended: (held, outcome) => this.#finish(held, outcome),
      roomier: () => this.#pumpSoon(),
    });
    this.#hand = this.#starting.hand;
    this.#settled = new Settled(context);
    this.#apart = context.recording === undefined ? undefined : new Apart();
    this.#timedLease = context.queue.strategy.guarantees.lease === 'timed';
    this.#holder = new SessionHolder(context.queue, context.options, workerId, {
      opened: () => this.#pump(),
      lost: (session) => this.#lose(session),
    });
    if (this.#timedLease)
      this.#leases = new LeaseKeeper(this.#hand, this.#options, {
        session: () => this.#holder.session,
        send: (heartbeat) => this.#beside(heartbeat),
        lose: (lost) => this.#loseLeases(lost),
      });
  }

  #pump(): void {
    if (this.#stopping.signal.aborted) this.#starting.giveBack();
    else this.#starting.go();
    const session = this.#holder.session;
    if (session !== undefined) this.#talk(session);
    if (this.#stopping.signal.aborted && this.#isDrained()) this.#drained.resolve();
    if (this.#restingSince >= 0 || this.#context.controls.paused) this.#context.onIdle();
  }

  /**
   * Its last claim, sent when the bell had struck so often at least, found nothing, or none is to be sent; and nothing is in hand, nor
   * put off because of a limit.
   */
  isIdleSince(strokes: number): boolean {
    const resting = this.#restingSince >= strokes && !this.#settled.hasPutOff;
    return (resting || this.#context.controls.paused) && this.#isDrained();
  }

  /** Something outside has changed: what can start now is started. */
  look(): void {
    this.#starting.adopt();
    this.#pump();
  }

  /** Somebody has cancelled these jobs. */
  cancel(ids: ReadonlySet<JobId>): void {
    this.#starting.cancel(ids);
  }

  /** Handlers that end together lead to one pump, not to one each. */
  #pumpSoon(): void {
    if (this.#pumpQueued) return;
    this.#pumpQueued = true;
    queueMicrotask(() => {
      this.#pumpQueued = false;
      this.#pump();
    });
  }

  #finish(held: HeldJob, outcome: Outcome): void {
    // A lease that lasts as long as its session cannot be settled by another one: the dead session calls it stale.
    if (!this.#timedLease && held.session !== this.#holder.session)
      void this.#settle(held.session, [outcome], true);
    else this.#outbox.add(outcome);
  }

  /** Sends what is due: as one turn where the session can and both are, else the settle first, as it makes way for the claim. */
  #talk(session: WorkerSession): void {
    // What is written down with its settle is a transaction, which no claim is to be a part of: it goes alone.
    const alone = this.#apart?.isFree === true ? this.#dueOutcomes() : undefined;
    if (alone !== undefined) {
      void this.#settle(session, alone.outcomes, alone.final);
      return;
    }
    const size = this.#admitted(session);
    if (size === undefined) return;
    const due = this.#apart === undefined ? this.#dueOutcomes() : undefined;
    if (due === undefined) {
      if (size > 0) void this.#claim(session, size);
    } else if (size > 0 && session.turn !== undefined) {
      void this.#takeTurn(session, session.turn, due, size);
    } else {
      void this.#settle(session, due.outcomes, due.final);
      if (size > 0) void this.#claim(session, size);
    }
  }

  /** Jobs to ask for now; 0 for no claim, `undefined` where outcomes, too, wait for a claim that they travel with. */
  #admitted(session: WorkerSession): number | undefined {
    const size = this.#claimSize();
    const { claimGate } = this.#context;
    if (size === 0 || claimGate.enter()) return size;
    claimGate.wait(this.#called, !this.#outbox.isEmpty);
    if (session.turn === undefined || this.#options.settle === 'each') return 0;
    this.#outbox.takeWithin(OUTCOMES_WAIT_MS);
    return this.#outbox.isOverdue ? 0 : undefined;
  }

  /** What is to be settled now, taken off the list; `undefined` for nothing. */
  #dueOutcomes(): Due | undefined {
    if (this.#settlingOn !== undefined) return undefined;
    const idle = this.#hand.running.size === 0 && this.#hand.waiting === 0;
    return this.#outbox.take(idle || this.#stopping.signal.aborted);
  }

  async #settle(session: WorkerSession, outcomes: readonly Outcome[], final: boolean): Promise<void> {
    this.#beginSettle(session);
    try {
      this.#settled.tell(outcomes, await this.#sendSettle(session, outcomes));
    } catch (error) {
      this.#settleFailed({ outcomes, final }, error);
      if (!final) await this.#untilLossIsKnown();
    }
    this.#endSettle(session);
    this.#pump();
  }

  /**
   * The session of a server that goes down answers with an error before its connection ends: it would have the second try as well,
   * which is the last. Another session need not wait.
   */
  async #untilLossIsKnown(): Promise<void> {
    await sleep(LOSS_KNOWN_MS, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
  }

  #sendSettle(session: WorkerSession, outcomes: readonly Outcome[]): Promise<SettleResult> {
    const { recording } = this.#context;
    const { connection } = this.#holder;
    if (recording === undefined || connection === undefined) return session.settle(outcomes);
    const transaction = () => recording.settle(connection, session, outcomes);
    return this.#apart === undefined ? transaction() : this.#apart.alone(transaction);
  }

  /** Sends a claim or a heartbeat; a settle that is due may have waited for its answer. */
  async #beside<T>(send: () => Promise<T>): Promise<T> {
    if (this.#apart === undefined) return send();
    try {
      return await this.#apart.beside(send);
    } finally {
      if (!this.#outbox.isEmpty) this.#pumpSoon();
    }
  }

  async #takeTurn(session: WorkerSession, turn: Turn, due: Due, limit: number): Promise<void> {
    this.#beginSettle(session);
    const claim = this.#beginClaim();
    try {
      const { queue, leaseMs } = this.#options;
      const answer = await this.#context.claimGate.passing(() =>
        turn.settleAndClaim(due.outcomes, queue, limit, leaseMs),
      );
      if (answer.settleError === undefined) this.#settled.tell(due.outcomes, answer.settled);
      else this.#settleFailed(due, answer.settleError);
      this.#endSettle(session);
      this.#endClaim(session, claim, limit, answer.jobs);
    } catch (error) {
      this.#settleFailed(due, error);
      // Until then this session settles nothing else: see `untilLossIsKnown`.
      await this.#backoff.wait(this.#stopping.signal);
      this.#endSettle(session);
      this.#claiming = false;
    }
    this.#pump();
  }

  #beginSettle(session: WorkerSession): void {
    this.#settles += 1;
    if (session === this.#holder.session) this.#settlingOn = session;
  }

  #endSettle(session: WorkerSession): void {
    this.#settles -= 1;
    if (this.#settlingOn === session) this.#settlingOn = undefined;
  }

  #settleFailed({ outcomes, final }: Due, error: unknown): void {
    this.#options.events.settleFailed?.(outcomes, error);
    this.#options.events.error?.(error, 'settle');
    // The fence makes it safe: what the failed try did settle is stale now. Once only, then the lease decides.
    if (this.#timedLease && !final) this.#outbox.keep(outcomes);
  }

  /** Jobs to ask for now; 0 for no claim. */
  #claimSize(): number {
    if (this.#apart !== undefined && this.#settlingOn !== undefined) return 0;
    if (this.#claiming || this.#restingSince >= 0 || this.#stopping.signal.aborted) return 0;
    if (this.#outbox.fresh > this.#options.batch * BACKLOG_BATCHES) return 0;
    const { concurrency, controls } = this.#context;
    if (!controls.ready || controls.paused) return 0;
    const { limit } = concurrency;
    const { batch, prefetch } = this.#options;
    return claimSize({
      // Where the queue is limited, what is claimed ahead would wait in one worker while another may start it.
      free: limit + (controls.limited ? 0 : prefetch) - this.#hand.running.size - this.#hand.waiting,
      batch: controls.limited ? Math.min(batch, limit) : batch,
      starved: this.#hand.waiting === 0 && this.#hand.running.size < limit,
    });
  }

  async #claim(session: WorkerSession, limit: number): Promise<void> {
    const { events, queue, leaseMs } = this.#options;
    const claim = this.#beginClaim();
    try {
      const jobs = await this.#context.claimGate.passing(() =>
        this.#beside(() => session.claim(queue, limit, leaseMs)),
      );
      this.#endClaim(session, claim, limit, jobs);
    } catch (error) {
      events.error?.(error, 'claim');
      await this.#backoff.wait(this.#stopping.signal);
      this.#claiming = false;
    }
    this.#pump();
  }

  /** What is known before a claim is sent. */
  #beginClaim(): ClaimStart {
    this.#claiming = true;
    return {
      strokes: this.#context.bell.strokes,
      sentMs: performance.now(),
    };
  }

  #endClaim(session: WorkerSession, start: ClaimStart, limit: number, jobs: readonly ClaimedJob[]): void {
    this.#backoff.reset();
    this.#context.concurrency.claimed(performance.now() - start.sentMs);
    this.#claiming = false;
    // The connection died after it answered: leases that end with it are gone already.
    if (!this.#timedLease && session !== this.#holder.session) return;
    if (jobs.length === 0) {
      this.#options.events.emptyClaim?.();
      void this.#rest(start.strokes);
      return;
    }
    this.#options.events.claimed?.(jobs);
    this.#context.announcer?.claimed(jobs);
    // Counted from before the claim was sent, so that our opinion of the lease's end is never later than the server's.
    const expiresAtMs = start.sentMs + this.#options.leaseMs;
    for (const job of jobs)
      this.#hand.add(new HeldJob(job, session, expiresAtMs, this.#context.reportProgress));
    // There may be more than we took: let an idle sibling look.
    if (jobs.length === limit) this.#context.bell.pass();
  }

  async #rest(strokes: number): Promise<void> {
    this.#restingSince = strokes;
    this.#context.onIdle();
    const { pollMs, random } = this.#options;
    const { bell, isSignalled, queue } = this.#context;
    // One safety net for all idle sessions: each waits so much longer that together they ask once in `pollMs`.
    const sharers = isSignalled() ? bell.waiting + 1 : 1;
    const waitMs = queue.wakeup.drawPollMs(pollMs, random()) * sharers;
    await bell.wait(strokes, waitMs, this.#stopping.signal);
    this.#restingSince = -1;
    this.#pump();
  }

  /** The connection is gone. A timed lease outlives it: its handlers go on, and the next session settles for them. */
  #lose(session: WorkerSession): void {
    this.#settlingOn = undefined;
    if (this.#timedLease) return;
    this.#loseLeases(Hand.of(session));
    const outcomes = this.#outbox.empty();
    if (outcomes.length > 0) void this.#settle(session, outcomes, true);
  }

  #loseLeases(lost: (held: HeldJob) => boolean): void {
    const jobs = this.#starting.loseLeases(lost).map((held) => held.job);
    if (jobs.length === 0) return;
    this.#options.events.leaseLost?.(jobs);
    this.#context.announcer?.leaseLost(jobs);
  }

  #isDrained(): boolean {
    const inHand = this.#hand.running.size + this.#hand.waiting;
    return inHand === 0 && this.#outbox.isEmpty && !this.#claiming && this.#settles === 0;
  }

  /**
   * Claims no more, releases what has not started, and waits for the rest. `deadline` aborts the handlers' signals;
   * `giveUp` ends the waiting.
   */
  async stop(deadline: AbortSignal, giveUp: AbortSignal): Promise<RunnerReport> {
    deadline.addEventListener('abort', () => {
      this.#starting.abortAll();
    });
    giveUp.addEventListener('abort', () => this.#drained.resolve());
    this.#stopping.abort();
    this.#pump();
    await this.#drained.promise;
    this.#leases?.stop();
    this.#outbox.stop();
    await this.#holder.close();
    return { released: this.#settled.released, abandoned: this.#hand.running.size };
  }
}

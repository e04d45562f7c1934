// Which of its jobs may a worker start now, where its queue is limited?

import type { QueueContext } from '../context.ts';
import type { Random } from '../retry.ts';
import type { JobId, Outcome } from '../strategy.ts';
import { jittered } from '../wakeup/jitter.ts';
import { Backoff } from '../worker/backoff.ts';
import type { Controls } from './controls.ts';
import { atMost, inTime } from './in-time.ts';
import { KeyEnds } from './key-ends.ts';
import { type Charge, leased, PermitBook, type Startable, type Starter } from './permit-book.ts';
import { Postponing } from './postponing.ts';
import { TokenBook } from './token-book.ts';
import { type Grant, type TakeTurn, type TurnAnswer, turnsOf } from './turn.ts';

/** What a gate is made of. */
export interface StartGateOptions {
  readonly context: QueueContext;
  readonly controls: Controls;
  readonly queue: string;
  /** Tells the permits of this worker from those of others. */
  readonly workerId: string;
  /** A permit that nobody prolongs ends after so long. */
  readonly leaseMs: number;
  /** How often permits are prolonged. */
  readonly heartbeatMs: number;
  readonly random: Random;
  /** Told of turns that failed; they are taken again. */
  readonly onError: (error: unknown) => void;
}

/** Jobs per turn. */
const WANTED_MAX = 1000;
/**
 * How far ahead a token is taken, so that neither the way to the server nor its disk makes the start late; at most a quarter
 * of the period. The later it is taken, the more is known of when it was used before.
 */
const HORIZON_MS = 50;
/** Mean wait before a permit that another worker may have given up is asked for: 0.5 to 1.5 of it. */
const PERMIT_POLL_MS = 75;
/** The same while the queue is paused: that it is resumed is told by the controls. */
const PAUSED_POLL_MS = 5000;
/** For so long a gate that closes tells the server what it knows. */
const CLOSING_MS = 1000;
/** The longest that a timer of Node takes: it treats a longer one as none. */
const TIMER_MAX_MS = 2_147_483_647;

type Turn<Held> = readonly Waiting<Held>[];

interface Waiting<Held> extends Charge<Held> {
  grant?: Grant;
  /** When the permit ends that came with a grant, used or not. */
  permitUntilMs?: number;
}

/**
 * Asks the server which jobs of one worker may start, for all its sessions together. One turn is under way at a time; it
 * takes along what has ended and been started since the last.
 *
 * A runner holds it like this:
 *
 * - Where it would start a handler: `if (gate.limited) gate.want(held, starter); else start(held)`. A wanted job counts as
 *   one that runs (it occupies a slot of the runner's concurrency, and its lease is prolonged), until the gate calls `start` or
 *   `postpone` for it: one of them once, and never within `want`. `start` is called at the right moment: the handler is to be
 *   called within. `postpone(held, delayMs)` is the outcome `{ kind: 'release', job, delayMs }`.
 * - When a handler has ended, in whichever way: `gate.ended(held)`. After a settle: `gate.settled(outcomes, result.stale)`.
 * - When a wanted job is not to start any more (stop, lost lease, pause): `gate.withdraw(held)`. True: it has not started, and
 *   `starter` will not hear of it.
 * - When `controls` tells of a change and the queue is now limited: `gate.adopt(held, starter)` for each running handler.
 * - At the end, when nothing is wanted and nothing runs any more: `await gate.close()`.
 *
 * What counts for the rate is the moment at which the handler lets go of the thread for the first time: it has started by then.
 *
 * Where the queue is not limited that is one look at a boolean per start, and at the size of two collections per end.
 */
export class StartGate<Held extends Startable> {
  readonly #options: StartGateOptions;
  readonly #controls: Controls;
  readonly #takeTurn: TakeTurn;
  readonly #backoff: Backoff;
  readonly #permits = new PermitBook<Held>();
  readonly #tokens = new TokenBook();
  readonly #waiting = new Map<JobId, Waiting<Held>>();
  readonly #keys: KeyEnds;
  readonly #postponing: Postponing;
  readonly #closed = new AbortController();
  readonly #heartbeat: NodeJS.Timeout;
  #turn: Promise<void> | undefined;
  #renewing = false;
  /** Not before then those that wait are asked for, by the monotonic clock. */
  #askAtMs = 0;
  /** Whether that is because a token is missing: then no permit that is given up helps. */
  #lacksToken = false;
  /** How often the controls have told of a change. */
  #changes = 0;
  #soon: NodeJS.Immediate | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: StartGateOptions) {
    this.#options = options;
    this.#controls = options.controls;
    this.#takeTurn = turnsOf(options.context, options.queue, options.workerId);
    this.#backoff = new Backoff(options.random);
    this.#postponing = new Postponing(options.random);
    this.#keys = new KeyEnds(options.context, options.onError);
    this.#heartbeat = setInterval(() => this.#beat(), options.heartbeatMs);
    this.#controls.onChange(() => this.#changed());
  }

  /** Whether handlers may be started only through `want`. */
  get limited(): boolean {
    return this.#controls.limited;
  }

  /** Jobs that have been wanted and neither started nor put off. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Asks for `held` to be started by `starter`, after all that are wanted already. */
  want(held: Held, starter: Starter<Held>): void {
    const before = this.#waiting.get(held.job.id);
    if (before !== undefined) this.#drop(before);
    this.#waiting.set(held.job.id, { held, starter });
    if (before !== undefined) before.starter.lose(before.held);
    this.#pumpSoon();
  }

  /** `held` is wanted no more. False: it is not waiting (any more). */
  withdraw(held: Held): boolean {
    const waiting = this.#waiting.get(held.job.id);
    if (waiting?.held !== held) return false;
    this.#drop(waiting);
    this.#pumpSoon();
    return true;
  }

  #drop({ held, grant, permitUntilMs }: Waiting<Held>): void {
    this.#waiting.delete(held.job.id);
    if (grant !== undefined) this.#tokens.giveBack(grant);
    if (permitUntilMs !== undefined) this.#permits.giveUp(leased(held));
  }

  /** The handler of `held` has ended, whatever came of it. */
  ended(held: Held): void {
    this.#permits.end(held);
    if (!this.#permits.hasNews) return;
    if (!this.#lacksToken) this.#askAtMs = 0;
    this.#pumpSoon();
  }

  /** The handler of `held` was started while the queue was not limited: from now on it counts. Nothing happens twice. */
  adopt(held: Held, starter: Starter<Held>): void {
    const { concurrency, concurrencyPerKey } = this.#controls.limits;
    if (concurrency === null && concurrencyPerKey === null) return;
    this.#permits.adopt({ held, starter });
    this.#pumpSoon();
  }

  /** A settle was answered: the keys of jobs that are done are forgotten in the database. */
  settled(outcomes: readonly Outcome[], stale: readonly JobId[]): void {
    this.#keys.settled(outcomes, stale, this.#controls.limits.concurrencyPerKey !== null);
  }

  /** Ends all timers, and tells the server what it does not know yet; waits no longer than a second for it. Never rejects. */
  async close(): Promise<void> {
    for (const waiting of [...this.#waiting.values()]) this.#drop(waiting);
    this.#closed.abort();
    clearInterval(this.#heartbeat);
    clearImmediate(this.#soon);
    clearTimeout(this.#timer);
    const telling = async (): Promise<void> => {
      await this.#turn;
      if (this.#permits.hasNews || !this.#tokens.isEmpty) await this.#takeOneTurn([]);
    };
    await atMost(CLOSING_MS, telling());
  }

  #changed(): void {
    this.#changes += 1;
    this.#askAtMs = 0;
    this.#lacksToken = false;
    if (!this.#controls.limited && !this.#controls.paused)
      for (const waiting of [...this.#waiting.values()]) this.#startFreely(waiting);
    this.#pumpSoon();
  }

  /** There is no limit any more. */
  #startFreely(waiting: Waiting<Held>): void {
    if (this.#waiting.get(waiting.held.job.id) !== waiting) return;
    this.#drop(waiting);
    waiting.starter.start(waiting.held);
  }

  /** What happens in one turn of the event loop leads to one turn at the limits. */
  #pumpSoon(): void {
    if (this.#soon !== undefined || this.#closed.signal.aborted) return;
    this.#soon = setImmediate(() => {
      this.#soon = undefined;
      this.#pump();
    });
  }

  #pump(): void {
    if (this.#closed.signal.aborted) return;
    this.#startDue();
    if (this.#turn === undefined) {
      const wanted = this.#due();
      if (wanted.length > 0 || this.#hasNews())
        this.#turn = this.#takeOneTurn(wanted).finally(() => {
          this.#turn = undefined;
          this.#pump();
        });
    }
    this.#schedule();
  }

  #hasNews(): boolean {
    return this.#permits.hasNews || this.#tokens.isUrgent || this.#renewing;
  }

  /** Those that wait without a grant, when it is time to ask for them. */
  #due(): readonly Waiting<Held>[] {
    if (this.#controls.paused || performance.now() < this.#askAtMs) return [];
    return [...this.#waiting.values()].filter(({ grant }) => grant === undefined).slice(0, WANTED_MAX);
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    let nextMs = Number.POSITIVE_INFINITY;
    for (const { grant } of this.#waiting.values())
      if (grant !== undefined) nextMs = Math.min(nextMs, grant.fromMs);
      else if (this.#turn === undefined && !this.#controls.paused) nextMs = Math.min(nextMs, this.#askAtMs);
    if (nextMs === Number.POSITIVE_INFINITY) return;
    const waitMs = Math.max(1, Math.ceil(nextMs - performance.now()));
    this.#timer = setTimeout(() => this.#pump(), Math.min(waitMs, TIMER_MAX_MS));
  }

  /** Starts whose time has come. */
  #startDue(): void {
    const nowMs = performance.now();
    const due = [...this.#waiting.values()].filter(
      ({ grant }) => grant !== undefined && grant.fromMs <= nowMs,
    );
    for (const waiting of due) this.#begin(waiting);
  }

  #begin(waiting: Waiting<Held>): void {
    const { held, starter, grant, permitUntilMs = Number.POSITIVE_INFINITY } = waiting;
    if (grant === undefined || this.#waiting.get(held.job.id) !== waiting) return;
    // Read anew for each: the handler before may have taken its time.
    const nowMs = performance.now();
    if (grant.slot !== null) this.#tokens.late(nowMs - grant.onTimeMs);
    if (this.#controls.paused || nowMs > Math.min(grant.untilMs, permitUntilMs)) {
      this.#tokens.giveBack(grant);
      delete waiting.grant;
      this.#askAtMs = 0;
      return;
    }
    this.#waiting.delete(held.job.id);
    if (grant.hasPermit) this.#permits.hold(waiting, permitUntilMs);
    starter.start(held);
    // This thread may have been stopped between the look at the clock and the handler's first step. It had taken that by now.
    this.#tokens.start(grant, performance.now());
  }

  /** Permits are prolonged when most of their time lies before them, like leases; those that nobody could prolong are lost. */
  #beat(): void {
    const nowMs = performance.now();
    this.#permits.lose(this.#permits.endingBefore(nowMs));
    const { leaseMs, heartbeatMs } = this.#options;
    this.#renewing = this.#permits.endingBefore(nowMs + leaseMs - heartbeatMs).length > 0;
    if (this.#renewing) this.#pumpSoon();
  }

  /** Tells the server all news, and asks it for `wanted`. Never rejects. */
  async #takeOneTurn(wanted: Turn<Held>): Promise<void> {
    const { leaseMs, heartbeatMs, onError } = this.#options;
    const { rate, concurrency, concurrencyPerKey } = this.#controls.limits;
    const ahead = concurrency === null && concurrencyPerKey === null;
    const horizonMs = ahead && rate !== null ? Math.min(HORIZON_MS, rate.periodMs / 4) : 0;
    const news = this.#permits.takeNews();
    const renewed = this.#renewing
      ? this.#permits.endingBefore(performance.now() + leaseMs - heartbeatMs)
      : [];
    const changes = this.#changes;
    try {
      const asked = this.#takeTurn({
        wanted: wanted.map(({ held }) => leased(held)),
        adopted: news.adopted.map(leased),
        renewed: renewed.map(leased),
        ended: news.ended,
        used: this.#tokens.take(),
        leaseMs,
        toleranceMs: this.#tokens.toleranceMs(rate),
        horizonMs,
      });
      const answer = await inTime(asked, (late) => this.#giveBackLate(wanted, news.adopted, late));
      this.#backoff.reset();
      this.#tokens.fade();
      for (const held of news.adopted) this.#permits.prolong(held, answer.askedMs + leaseMs);
      // Also when those that were to be renewed have ended meanwhile: else turn would follow upon turn.
      this.#renewing = false;
      this.#permits.renewed(renewed, answer.held, answer.askedMs + leaseMs);
      this.#accept(wanted, answer);
      const refused = wanted.some(
        (one) => one.grant === undefined && this.#waiting.get(one.held.job.id) === one,
      );
      if (refused && changes === this.#changes) this.#wait(answer, horizonMs);
    } catch (error) {
      this.#permits.keepNews(news);
      onError(error);
      await this.#backoff.wait(this.#closed.signal);
    }
  }

  /** Notes what was granted; `#pump` starts it. What was withdrawn meanwhile is given back. */
  #accept(wanted: Turn<Held>, answer: TurnAnswer): void {
    this.#keys.add(answer.keyed);
    const byId = byIdOf(wanted);
    for (const grant of answer.grants) {
      const waiting = byId.get(grant.id);
      if (waiting === undefined) continue;
      const had = waiting.permitUntilMs !== undefined;
      if (grant.hasPermit) waiting.permitUntilMs = answer.askedMs + this.#options.leaseMs;
      else delete waiting.permitUntilMs;
      waiting.grant = grant;
      const waits = this.#waiting.get(grant.id) === waiting;
      if (!waits) this.#tokens.giveBack(grant);
      if (waits ? had && !grant.hasPermit : had || grant.hasPermit)
        this.#permits.giveUp(leased(waiting.held));
    }
    const nowMs = performance.now();
    for (const { id, key } of answer.postponed) {
      const waiting = byId.get(id);
      if (waiting === undefined || this.#waiting.get(id) !== waiting) continue;
      this.#drop(waiting);
      this.#keys.remove(id);
      waiting.starter.postpone(waiting.held, this.#postponing.delayMs(key, nowMs));
    }
  }

  /** What is granted by an answer that nobody waits for any more is given back, but the permits of those that want or have one. */
  #giveBackLate(wanted: Turn<Held>, adopted: readonly Held[], { askedMs, grants }: TurnAnswer): void {
    const byId = byIdOf(wanted);
    for (const grant of grants) {
      this.#tokens.giveBack(grant);
      const waiting = byId.get(grant.id);
      if (waiting === undefined || !grant.hasPermit || this.#permits.has(waiting.held)) continue;
      // Who waits still has asked again, or will, and takes the same permit.
      if (this.#waiting.get(grant.id) !== waiting) this.#permits.giveUp(leased(waiting.held));
      else waiting.permitUntilMs ??= askedMs + this.#options.leaseMs;
    }
    for (const held of adopted) if (!this.#permits.has(held)) this.#permits.giveUp(leased(held));
    this.#pumpSoon();
  }

  /** Sets when those that were refused, and all behind them, are asked for again. */
  #wait({ paused, tokenInMs }: TurnAnswer, horizonMs: number): void {
    const uniform = this.#options.random();
    this.#lacksToken = tokenInMs !== undefined;
    // A permit that has been given up during this turn is free in the next.
    if (!this.#lacksToken && this.#permits.hasNews) return;
    // Within the horizon, at a moment of its own for each worker: none is the first each time, and they do not meet.
    const waitMs =
      tokenInMs === undefined
        ? jittered(paused ? PAUSED_POLL_MS : PERMIT_POLL_MS, uniform)
        : tokenInMs - horizonMs * (0.5 + uniform / 2);
    this.#askAtMs = performance.now() + waitMs;
  }
}

function byIdOf<Held extends Startable>(wanted: Turn<Held>): ReadonlyMap<JobId, Waiting<Held>> {
  return new Map(wanted.map((waiting) => [waiting.held.job.id, waiting]));
}

// Which permits does a worker hold, and until when?

import type { ClaimedJob } from '../strategy.ts';
import type { LeasedJob } from './turn.ts';

/** A claimed job in somebody's hands. */
export interface Startable {
  readonly job: ClaimedJob;
}

/** Who starts handlers, and is told when. */
export interface Starter<Held> {
  /** Calls the handler of `held` now, within this call. Must not throw. */
  start(held: Held): void;
  /** The key of `held` is at its limit: releases it, to come back after `delayMs`. Must not throw. */
  postpone(held: Held, delayMs: number): void;
  /**
   * The permit of `held` has expired under its handler, or another lease of the same job has come: to be treated as a
   * lease that is lost. Must not throw.
   */
  lose(held: Held): void;
}

/** A job and who starts it. */
export interface Charge<Held> {
  readonly held: Held;
  readonly starter: Starter<Held>;
}

interface Work<Held> extends Charge<Held> {
  untilMs: number;
}

/** The job of `held` under its present lease. */
export function leased({ job }: Startable): LeasedJob {
  return { id: job.id, token: job.lease.fencingToken };
}

/** The permits of one worker, one for each lease: a job may be here again while the handler of its lease before is at work. */
export class PermitBook<Held extends Startable> {
  readonly #works = new Map<Held, Work<Held>>();
  #adopted: Held[] = [];
  #ended: LeasedJob[] = [];

  /** Whether the server is to be told of permits that are given up, or of handlers without one. */
  get hasNews(): boolean {
    return this.#ended.length + this.#adopted.length > 0;
  }

  /** Whether the handler of `held` is at work under a permit. */
  has(held: Held): boolean {
    return this.#works.has(held);
  }

  /** A handler has started under a permit until `untilMs` of the monotonic clock. */
  hold({ held, starter }: Charge<Held>, untilMs: number): void {
    this.#works.set(held, { held, starter, untilMs });
  }

  /** A handler is at work without a permit, and is to have one. */
  adopt(charge: Charge<Held>): void {
    if (this.has(charge.held)) return;
    this.hold(charge, Number.POSITIVE_INFINITY);
    this.#adopted.push(charge.held);
  }

  /** The handler of `held` has ended. Does nothing when it had no permit. */
  end(held: Held): void {
    if (this.#works.size > 0 && this.#works.delete(held)) this.giveUp(leased(held));
  }

  /** A permit is not needed any more, if there is one. */
  giveUp(job: LeasedJob): void {
    this.#ended.push(job);
  }

  /** What is to be told, taken out. */
  takeNews(): { readonly ended: readonly LeasedJob[]; readonly adopted: readonly Held[] } {
    const ended = this.#ended;
    const adopted = this.#adopted.filter((held) => this.has(held));
    this.#ended = [];
    this.#adopted = [];
    return { ended, adopted };
  }

  /** It is unknown whether the server has heard of them: it is told again. */
  keepNews({ ended, adopted }: ReturnType<PermitBook<Held>['takeNews']>): void {
    this.#ended = [...ended, ...this.#ended];
    this.#adopted = [...adopted, ...this.#adopted];
  }

  /** Held permits that end before `ms`. */
  endingBefore(ms: number): readonly Held[] {
    return [...this.#works.values()].filter(({ untilMs }) => untilMs <= ms).map(({ held }) => held);
  }

  /** The server holds the permit of `held` until `untilMs`. */
  prolong(held: Held, untilMs: number): void {
    const work = this.#works.get(held);
    if (work !== undefined) work.untilMs = untilMs;
  }

  /** Of the permits of `asked` the server holds those of `held` until `untilMs`; the others are lost. */
  renewed(asked: readonly Held[], held: readonly LeasedJob[], untilMs: number): void {
    const still = new Set(held.map(({ id, token }) => `${id} ${token}`));
    const isHeld = ({ job }: Held) => still.has(`${job.id} ${job.lease.fencingToken}`);
    for (const one of asked) if (isHeld(one)) this.prolong(one, untilMs);
    this.lose(asked.filter((one) => !isHeld(one)));
  }

  /** The permits of `lost` are gone: those who hold them are told. One that has ended meanwhile is not among them. */
  lose(lost: readonly Held[]): void {
    for (const held of lost) {
      const work = this.#works.get(held);
      if (work === undefined) continue;
      this.#works.delete(held);
      work.starter.lose(held);
    }
  }
}

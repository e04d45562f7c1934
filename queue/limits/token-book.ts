// Which tokens has a worker used, and how late may it be to use the next?

import type { Rate } from './settings.ts';
import type { Grant, UsedTokens } from './turn.ts';

/** Of the period: a token that nobody speaks of comes back so much later. */
const TOLERANCE_SHARE = 0.02;
const TOLERANCE_MIN_MS = 5;
const TOLERANCE_USUAL_MAX_MS = 250;
/** Where answers take long a start must be allowed to be as late, or none would ever be in time. */
const TOLERANCE_MAX_MS = 10_000;
/** What is left of the longest delay after an answer. */
const FADING = 0.9;

interface Use {
  started: number;
  unused: number;
  byMs: number;
}

/** Tokens by their slots, until the server is told of them. */
export class TokenBook {
  readonly #uses = new Map<string, Use>();
  #urgent = false;
  #latestMs = 0;

  /**
   * Whether the server is to be told at once: of tokens that others could have, or that were used later than was allowed and
   * must not come back yet.
   */
  get isUrgent(): boolean {
    return this.#urgent;
  }

  get isEmpty(): boolean {
    return this.#uses.size === 0;
  }

  /** How late a start may be under the next grant, in ms: 2 % of the period within 5…250 ms, or twice what it lately was. */
  toleranceMs(rate: Rate | null): number {
    if (rate === null) return 0;
    const usualMs = Math.max(TOLERANCE_MIN_MS, rate.periodMs * TOLERANCE_SHARE);
    return Math.min(
      TOLERANCE_MAX_MS,
      Math.max(Math.min(usualMs, TOLERANCE_USUAL_MAX_MS), 2 * this.#latestMs),
    );
  }

  /** A handler was started under `grant`, and certainly was by `byMs` of the monotonic clock. */
  start({ slot, untilMs, serverAheadMs }: Grant, byMs: number): void {
    if (slot === null) return;
    const use = this.#use(slot);
    use.started += 1;
    use.byMs = Math.max(use.byMs, byMs + serverAheadMs);
    if (byMs > untilMs) this.#urgent = true;
  }

  /** No handler is started under `grant`, and none will be. */
  giveBack({ slot }: Grant): void {
    if (slot === null) return;
    this.#use(slot).unused += 1;
    this.#urgent = true;
  }

  /** A grant could have been used `lateMs` after its instant. */
  late(lateMs: number): void {
    this.#latestMs = Math.max(this.#latestMs, lateMs);
  }

  /** Long delays are forgotten answer by answer. */
  fade(): void {
    this.#latestMs *= FADING;
  }

  /** All that there is to tell. It is told once: told twice, tokens would be taken off that others have. */
  take(): readonly UsedTokens[] {
    const told = [...this.#uses].flatMap(([slot, { started, unused, byMs }]) => [
      ...(started > 0 ? [{ slot, jobs: started, byUs: Math.ceil(byMs * 1000) }] : []),
      ...(unused > 0 ? [{ slot, jobs: unused, byUs: null }] : []),
    ]);
    this.#uses.clear();
    this.#urgent = false;
    return told;
  }

  #use(slot: string): Use {
    const known = this.#uses.get(slot);
    if (known !== undefined) return known;
    const use = { started: 0, unused: 0, byMs: 0 };
    this.#uses.set(slot, use);
    return use;
  }
}

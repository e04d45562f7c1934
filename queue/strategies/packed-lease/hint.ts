// Where does a session's next claim begin to look?

import { compareIds } from './token.ts';

/** A place in a queue's order. */
export interface Place {
  readonly priority: number;
  readonly id: string;
}

/** Before every job: the walk begins at the start, at the rows that VACUUM has left at the head of the index. */
export const START: Place = { priority: -32_768, id: '0' };

/** Longest time between two walks from the start, in ms, while these are cheap. */
const LOOK_BACK_MS = 100;
/** Share of its time that a session spends on such walks at most, as a divisor; and their greatest distance, in ms. */
const LOOK_BACK_SHARE = 10;
const LOOK_BACK_MAX_MS = 500;

/**
 * So long at most a job waits, in ms, that has come behind the hint of a session: until its next walk from the start, and for as
 * long as that may take.
 */
export const LATE_JOBS_WAIT_MS = LOOK_BACK_MAX_MS + 100;

/** One claim under way. */
export interface Walk {
  readonly from: Place;
  readonly startedMs: number;
}

/** The low-water hint of one session. A bad hint costs time or delays a job that came late; it loses none. */
export class Hint {
  readonly #nowMs: () => number;
  #queue = '';
  #place = START;
  #lookBackAtMs = 0;

  /** `nowMs` is a monotonic clock. */
  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  /** Where the claim that is about to be sent begins. */
  begin(queue: string): Walk {
    const startedMs = this.#nowMs();
    if (queue !== this.#queue || startedMs >= this.#lookBackAtMs) this.#place = START;
    this.#queue = queue;
    return { from: this.#place, startedMs };
  }

  /** The same claim again, from the start: ahead of the hint there was nothing. */
  beginAgain(): Walk {
    this.#place = START;
    return { from: START, startedMs: this.#nowMs() };
  }

  /** The answer to a claim: the last job that it got, in the queue's order. */
  end({ from, startedMs }: Walk, last: Place | undefined): void {
    if (from === START) {
      const endedMs = this.#nowMs();
      const pauseMs = (endedMs - startedMs) * LOOK_BACK_SHARE;
      this.#lookBackAtMs = endedMs + Math.min(Math.max(pauseMs, LOOK_BACK_MS), LOOK_BACK_MAX_MS);
    }
    // What is more urgent than the hint is found from it. Behind it, at its priority, there may be more that came late.
    if (last !== undefined && last.priority >= this.#place.priority) this.#place = last;
  }
}

/** Whether `a` comes before `b` in a queue's order: negative, 0 or positive. */
export function comparePlaces(a: Place, b: Place): number {
  return a.priority - b.priority || compareIds(a.id, b.id);
}

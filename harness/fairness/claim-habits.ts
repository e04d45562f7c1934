// How does a consumer really claim: how many jobs at a time, and how often when there is nothing to do?

import type { ConsumerEvents } from '../contender.ts';

/** The claims of one agent's sessions, or of several agents together. */
export interface ClaimReport {
  /** Claims that returned jobs, the jobs in them, and the most that one returned. */
  readonly claims: number;
  readonly jobs: number;
  readonly maxJobs: number;
  /** Of those claims, the ones that told how many jobs they asked for. */
  readonly asked: { readonly claims: number; readonly jobs: number; readonly max: number };
  readonly emptyClaims: number;
  /**
   * Times between the answers of two empty claims of one session, µs, between which no session of its agent found work:
   * nothing but its own clock, or a signal, made it ask again. A thinned choice of at most a thousand.
   */
  readonly quietGapsUs: readonly number[];
}

const GAPS_KEPT = 1_000;

/** Listens to a consumer's events on their way to the recorder. */
export class ClaimHabits {
  #claims = 0;
  #jobs = 0;
  #maxJobs = 0;
  #asked = { claims: 0, jobs: 0, max: 0 };
  #emptyClaims = 0;
  #quietGapsUs: number[] = [];
  #gaps = 0;
  #stride = 1;
  /** By session: its last empty claim, and how many claims of the agent had found work by then. */
  readonly #lastEmpty = new Map<number, { readonly atUs: number; readonly claims: number }>();

  /** The same events, each noted and passed on. */
  observe(events: ConsumerEvents, nowUs: () => number): ConsumerEvents {
    return {
      ...events,
      claimed: (claimer, requestedUs, keys, attempts, asked) => {
        this.#claimed(keys.length, asked);
        events.claimed(claimer, requestedUs, keys, attempts, asked);
      },
      emptyClaim: (claimer, ...requestedUs) => {
        this.#empty(claimer, nowUs());
        events.emptyClaim(claimer, ...requestedUs);
      },
    };
  }

  #claimed(jobs: number, asked: number | undefined): void {
    this.#claims += 1;
    this.#jobs += jobs;
    this.#maxJobs = Math.max(this.#maxJobs, jobs);
    if (asked === undefined) return;
    const { claims, jobs: sum, max } = this.#asked;
    this.#asked = { claims: claims + 1, jobs: sum + asked, max: Math.max(max, asked) };
  }

  #empty(claimer: number, atUs: number): void {
    this.#emptyClaims += 1;
    const last = this.#lastEmpty.get(claimer);
    if (last !== undefined && last.claims === this.#claims) this.#keep(atUs - last.atUs);
    this.#lastEmpty.set(claimer, { atUs, claims: this.#claims });
  }

  /** Every n-th; n doubles whenever too many are kept. */
  #keep(gapUs: number): void {
    this.#gaps += 1;
    if (this.#gaps % this.#stride !== 0) return;
    this.#quietGapsUs.push(gapUs);
    if (this.#quietGapsUs.length < GAPS_KEPT) return;
    this.#quietGapsUs = this.#quietGapsUs.filter((_, i) => i % 2 === 1);
    this.#stride *= 2;
  }

  /** What was noted so far. */
  report(): ClaimReport {
    return {
      claims: this.#claims,
      jobs: this.#jobs,
      maxJobs: this.#maxJobs,
      asked: this.#asked,
      emptyClaims: this.#emptyClaims,
      quietGapsUs: [...this.#quietGapsUs],
    };
  }
}

/** The claims of several agents as one. */
export function togetherClaimed(reports: readonly ClaimReport[]): ClaimReport {
  const sum = (of: (report: ClaimReport) => number) =>
    reports.reduce((total, report) => total + of(report), 0);
  const most = (of: (report: ClaimReport) => number) => Math.max(0, ...reports.map(of));
  return {
    claims: sum((r) => r.claims),
    jobs: sum((r) => r.jobs),
    maxJobs: most((r) => r.maxJobs),
    asked: {
      claims: sum((r) => r.asked.claims),
      jobs: sum((r) => r.asked.jobs),
      max: most((r) => r.asked.max),
    },
    emptyClaims: sum((r) => r.emptyClaims),
    quietGapsUs: reports.flatMap((r) => r.quietGapsUs),
  };
}

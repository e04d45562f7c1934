// What does queueing theory say of an M/M/c queue, and how far may one finite run of it be from that?

import { arrivals } from '../../harness/load/arrivals.ts';
import { erlangC } from '../../stats/queueing.ts';
import { type Random, randomStream } from '../../stats/random.ts';

/** Poisson arrivals, exponential service, `servers` alike, first come first served. Rates in 1/s. */
export interface QueueLaw {
  readonly servers: number;
  readonly arrivalPerSec: number;
  readonly servicePerSec: number;
}

/** P(wait > t) = C·e^(−(cμ−λ)t): the waiting time of those that wait is exponential. Seconds. */
export function waitQuantile(law: QueueLaw, share: number): number {
  const waits = erlangC(law);
  const spare = law.servers * law.servicePerSec - law.arrivalPerSec;
  return Math.max(0, Math.log(waits / (1 - share)) / spare);
}

/** Waiting and service together; for one server exponential with the rate μ − λ. Seconds. */
export function responseQuantile(law: QueueLaw, share: number): number {
  const waits = erlangC(law);
  const mu = law.servicePerSec;
  const spare = law.servers * mu - law.arrivalPerSec;
  // The sum of two exponentials, where the job waits; the formula wants them to differ.
  const beyond = (t: number): number =>
    (1 - waits) * Math.exp(-mu * t) +
    (waits * (spare * Math.exp(-mu * t) - mu * Math.exp(-spare * t))) / (spare - mu);
  let low = 0;
  let high = 1;
  while (beyond(high) > 1 - share) high *= 2;
  for (let i = 0; i < 60; i += 1) {
    const middle = (low + high) / 2;
    if (beyond(middle) > 1 - share) low = middle;
    else high = middle;
  }
  return high;
}

/** Seeded service times, so that the very path of a run can be foretold. Seconds. */
export function serviceTimes(law: QueueLaw, seed: number): () => number {
  const random: Random = randomStream(seed, 'service');
  return () => -Math.log(1 - random()) / law.servicePerSec;
}

/** When a job came, began and ended, in seconds. */
export interface Visit {
  readonly arrived: number;
  readonly began: number;
  readonly ended: number;
  readonly server: number;
}

/** The servers, exactly: Lindley's recursion, for c servers (Kiefer and Wolfowitz 1955). Visits in the order of arrival. */
export class Servers {
  readonly #freeAt: number[];

  constructor(servers: number) {
    this.#freeAt = Array.from({ length: servers }, () => Number.NEGATIVE_INFINITY);
  }

  visit(arrived: number, service: number): Visit {
    const server = this.#freeAt.indexOf(Math.min(...this.#freeAt));
    const began = Math.max(arrived, this.#freeAt[server] ?? arrived);
    const ended = began + service;
    this.#freeAt[server] = ended;
    return { arrived, began, ended, server };
  }
}

/** The path of a queue that starts empty, with the harness's own Poisson schedule. */
export function path(law: QueueLaw, seconds: number, seed: number): Visit[] {
  const service = serviceTimes(law, seed);
  const servers = new Servers(law.servers);
  const rate = { seconds, fromPerSec: law.arrivalPerSec, toPerSec: law.arrivalPerSec };
  const schedule = arrivals(
    [{ kind: 'rate', seconds, spacing: 'poisson', segments: [rate], shift: 0 }],
    randomStream(seed, 'path'),
  );
  return Array.from(schedule, ({ atUs }) => servers.visit(atUs / 1e6, service()));
}

/** The value that `share` of the values do not exceed. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((x, y) => x - y);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

/** What is looked at in a visit. Seconds. */
export const MEASURES = {
  wait: (visit: Visit): number => visit.began - visit.arrived,
  response: (visit: Visit): number => visit.ended - visit.arrived,
} as const;

const RUNS = 2_000;

/**
 * Between which values a quantile of one run lies in 999 of 1,000. Waiting times of neighbours are alike, so the spread
 * comes from simulated runs of the same length, not from a formula for independent samples. Jobs that came within the
 * first `warmupSeconds` are left out, as the harness does.
 */
export function intervals(
  law: QueueLaw,
  window: { readonly seconds: number; readonly warmupSeconds: number },
  shares: readonly number[],
): (measure: keyof typeof MEASURES, share: number) => { readonly low: number; readonly high: number } {
  const found = new Map<string, number[]>();
  for (let seed = 0; seed < RUNS; seed += 1) {
    const visits = path(law, window.seconds, 1_000 + seed).filter((v) => v.arrived >= window.warmupSeconds);
    for (const [measure, of] of Object.entries(MEASURES)) {
      const sorted = Float64Array.from(visits, of).sort();
      for (const share of shares) {
        const name = `${measure} ${share}`;
        const values = found.get(name);
        const value = sorted[Math.floor(share * sorted.length)] ?? Number.NaN;
        if (values === undefined) found.set(name, [value]);
        else values.push(value);
      }
    }
  }
  return (measure, share) => {
    const values = found.get(`${measure} ${share}`) ?? [];
    return { low: quantile(values, 0.0005), high: quantile(values, 0.9995) };
  };
}

// How long does a job wait for one of several servers, by theory, and how long until a backlog is gone?

import { upperGamma } from './distributions.ts';

/** Servers alike, first come first served. Rates in 1/s; `servicePerSec` of each server. */
export type Service = {
  readonly servers: number;
  readonly arrivalPerSec: number;
  readonly servicePerSec: number;
};

/** Squared coefficients of variation (variance ÷ mean²): 1 of a Poisson process and of exponential services, 0 of even ones. */
export type Traffic = Service & { readonly arrivalScv: number; readonly serviceScv: number };

/** A waiting time in the steady state. */
export type Wait = {
  readonly state: 'stable';
  /** λ ÷ cμ, below 1. */
  readonly utilisation: number;
  /** Probability that a job waits at all. */
  readonly waits: number;
  readonly meanSeconds: number;
  /** P(wait > t), of seconds. */
  readonly beyond: (seconds: number) => number;
  /** What `share` of the jobs do not wait longer than, 0 ≤ share < 1. */
  readonly quantileSeconds: (share: number) => number;
};

/** As much comes as can be served, or more: the queue grows without end, and no waiting time is its own. */
export type Saturated = { readonly state: 'saturated'; readonly utilisation: number };

/** To the last binary digit of what is bisected. */
const BISECTIONS = 60;

/**
 * Erlang C: the probability that a job must wait, 1 from a utilisation of 1 on. Kleinrock, Queueing Systems I (1975), 3.40, by the
 * recursion of Erlang B, which no number of servers can overflow.
 */
export function erlangC({ servers, arrivalPerSec, servicePerSec }: Service): number {
  const offered = arrivalPerSec / servicePerSec;
  if (offered >= servers) return 1;
  let blocked = 1;
  for (let n = 1; n <= servers; n += 1) blocked = (offered * blocked) / (n + offered * blocked);
  const busy = offered / servers;
  return blocked / (1 - busy + busy * blocked);
}

/**
 * Waiting time of G/G/c from two moments. The mean is that of Allen and Cunneen (Allen, Probability, Statistics, and Queueing
 * Theory, 1990, 5.3): (Ca² + Cs²) ÷ 2 of M/M/c, with the correction of Kimura ("A Two-Moment Approximation for the Mean Waiting Time
 * in the GI/G/s Queue", 1986), without which it is wrong by a sixth for even services on many servers. Jobs that wait do so by a gamma
 * law of that mean, whose tail falls as that of the queue does: by the η at which E[e^(ηS/c)] · E[e^(−ηA)] = 1, services and
 * intervals taken as gamma. Exact for M/M/c; for M/D/c p99 is within some 8 %, where an exponential law would be 17 % off.
 * Services with a heavier tail than gamma (lognormal, Cs² above 1) wait longer in their far tail than is said here.
 */
export function waitOf(traffic: Traffic): Wait | Saturated {
  const { servers, arrivalPerSec, servicePerSec, arrivalScv, serviceScv } = traffic;
  const utilisation = arrivalPerSec / (servers * servicePerSec);
  if (utilisation >= 1) return { state: 'saturated', utilisation };
  const meanSeconds = meanWait(traffic);
  const erlang = erlangC(traffic);
  // α = η · mean is P(wait) of GI/M/c exactly; of M/G/c it is Erlang C nearly. So from α the part that the services have is taken out.
  const poisson = { ...traffic, arrivalScv: 1 };
  const eta = decayPerSec(traffic);
  const shape = arrivalScv + serviceScv === 0 ? 1 : (decayPerSec(poisson) * meanWait(poisson)) / erlang;
  const waits = meanSeconds > 0 ? Math.min(1, (eta * meanSeconds) / shape) : 0;
  // Where that exceeds 1, the mean holds by a slower rate.
  const rate = meanSeconds > 0 ? (shape * waits) / meanSeconds : Number.POSITIVE_INFINITY;
  const beyond = (seconds: number): number =>
    seconds < 0 ? 1 : waits * (waits > 0 && seconds > 0 ? upperGamma(shape, rate * seconds) : 1);
  return {
    state: 'stable',
    utilisation,
    waits,
    meanSeconds,
    beyond,
    quantileSeconds: (share) => quantileOf(beyond, share, meanSeconds),
  };
}

/** Mean wait, seconds. */
function meanWait({ arrivalScv: ca, serviceScv: cs, ...service }: Traffic): number {
  const { servers, arrivalPerSec, servicePerSec } = service;
  if (ca + cs === 0) return 0;
  const busy = arrivalPerSec / (servers * servicePerSec);
  // Cosmetatos (1975): by how much more than half of M/M/c a job waits in M/D/c.
  const gamma = Math.min(
    0.24,
    ((1 - busy) * (servers - 1) * (Math.sqrt(4 + 5 * servers) - 2)) / (16 * busy * servers),
  );
  const exponential = erlangC(service) / (servers * servicePerSec - arrivalPerSec);
  const evenServices = (1 + gamma) / 2;
  if (ca >= 1) return (exponential * ((ca + cs) / 2) * (1 + gamma)) / (1 + gamma * cs);
  const evenArrivals = 0.5 * (1 - 4 * gamma) * Math.exp((-2 * (1 - busy)) / (3 * busy));
  return (exponential * (ca + cs)) / ((1 - ca) / evenArrivals + (1 - cs) / evenServices + 2 * (ca + cs - 1));
}

/** η, 1/s: how fast the chance to wait longer falls, once it is small. */
function decayPerSec({ servers, arrivalPerSec, servicePerSec, arrivalScv, serviceScv }: Traffic): number {
  if (arrivalScv + serviceScv === 0) return Number.POSITIVE_INFINITY;
  const capacity = servers * servicePerSec;
  const served = (eta: number): number =>
    serviceScv === 0 ? eta / capacity : -Math.log1p((-eta * serviceScv) / capacity) / serviceScv;
  const came = (eta: number): number =>
    arrivalScv === 0 ? eta / arrivalPerSec : Math.log1p((eta * arrivalScv) / arrivalPerSec) / arrivalScv;
  // Both are 0 at 0, and from there `came` is the greater up to η.
  let low = 0;
  let high = capacity;
  while (high < 1e6 * capacity && served(high) < came(high)) high *= 2;
  for (let i = 0; i < BISECTIONS; i += 1) {
    const middle = (low + high) / 2;
    if (served(middle) < came(middle)) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/**
 * What makes everybody wait at once, whatever the servers do: a disk that is late, cores that were taken away. A sample: jobs that waited for
 * so many seconds, and the share of all that such a one would be if nobody had ever to wait for a server.
 */
export type Stalls = readonly { readonly seconds: number; readonly share: number }[];

/**
 * P(wait > t) by stalls alone. By a fluid: in a stall of s the work of ρs comes together, and it goes away at the rate 1 − ρ. So who comes within
 * (s − t) ÷ (1 − ρ) of its beginning waits longer than t, at any t up to s: what was seen at one utilisation is carried over to another by 1 − ρ.
 */
export function stallsBeyond(stalls: Stalls, utilisation: number, seconds: number): number {
  const share = stalls.reduce((sum, stall) => sum + (stall.seconds > seconds ? stall.share : 0), 0);
  return Math.min(1, share / (1 - utilisation));
}

/**
 * Quantile of base + wait, seconds: what a job that need not wait takes anyhow, of which `base` is a sample (1 to some 1,000 values,
 * seconds), and independently the wait. By bisection on P(base + wait > t) = mean over the base of P(wait > t − b). Stalls, where there are
 * some, come to others than those, being rare.
 *
 * @throws {RangeError} without a base, or when the share is not in [0, 1).
 */
export function sumQuantile(base: readonly number[], wait: Wait, share: number, stalls: Stalls = []): number {
  const most = base.reduce((a, b) => Math.max(a, b), 0);
  return quantileOf((t) => sumBeyond(base, wait, t, stalls), share, most + wait.meanSeconds);
}

/**
 * P(base + wait > `seconds`), base, wait and stalls as of `sumQuantile`: whether a quantile is within a limit is told by this alone.
 *
 * @throws {RangeError} without a base.
 */
export function sumBeyond(base: readonly number[], wait: Wait, seconds: number, stalls: Stalls = []): number {
  if (base.length === 0) throw new RangeError('a sum of base and wait needs a base');
  const beyond = base.reduce((sum, b) => sum + wait.beyond(seconds - b), 0) / base.length;
  return Math.min(1, beyond + stallsBeyond(stalls, wait.utilisation, seconds));
}

/** The least t ≥ 0 with beyond(t) ≤ 1 − share. */
function quantileOf(beyond: (t: number) => number, share: number, scale: number): number {
  if (!(share >= 0 && share < 1)) throw new RangeError(`a share lies in [0, 1), not at ${share}`);
  const rest = 1 - share;
  if (beyond(0) <= rest) return 0;
  let low = 0;
  let high = scale;
  for (let i = 0; i < BISECTIONS && beyond(high) > rest; i += 1) high *= 2;
  for (let i = 0; i < BISECTIONS; i += 1) {
    const middle = (low + high) / 2;
    if (beyond(middle) > rest) low = middle;
    else high = middle;
  }
  return high;
}

/** Little's law, L = λW: measured L ÷ (λ · W) − 1. `undefined` when nothing came or took any time. */
export function littleError(measured: {
  readonly arrivalPerSec: number;
  readonly meanSeconds: number;
  readonly meanJobs: number;
}): number | undefined {
  const expected = measured.arrivalPerSec * measured.meanSeconds;
  return expected > 0 ? measured.meanJobs / expected - 1 : undefined;
}

/** How long after an outage its backlog is gone, while jobs keep coming: λD ÷ (μ − λ), seconds. `undefined` when it never is. */
export function drainSeconds(outage: {
  readonly arrivalPerSec: number;
  readonly capacityPerSec: number;
  readonly outageSeconds: number;
}): number | undefined {
  const spare = outage.capacityPerSec - outage.arrivalPerSec;
  return spare > 0 ? (outage.arrivalPerSec * outage.outageSeconds) / spare : undefined;
}

// Does a search find the limit of a queue whose limit is known? Worlds drawn by a seed, each searched in virtual time.

import type { Slo } from '../../harness/result/result.ts';
import { judgeProbe, probeSeconds } from '../../reports/capacity/probe.ts';
import { type Random, randomStream } from '../../stats/random.ts';
import { type RateInterval, searchRate } from '../../stats/rate-search.ts';
import { waitQuantile } from './queue-law.ts';
import { type SimulatedLaw, simulateProbe } from './simulated-queue.ts';

/** M/M/c as it is, with a service that collapses above a rate, and with one that dead tuples slow. */
export const LIMIT_KINDS = ['level', 'collapse', 'leak'] as const;
export type LimitKind = (typeof LIMIT_KINDS)[number];

type World = {
  readonly law: SimulatedLaw;
  readonly limitUs: number;
  readonly slo: Slo[];
  readonly truePerSec: number;
};

/** The highest rate at which the 99th percentile of the wait is within the limit: by theory. */
function theory(servers: number, servicePerSec: number, limitSeconds: number): number {
  let [low, high] = [0, servers * servicePerSec];
  for (let i = 0; i < 60; i += 1) {
    const arrivalPerSec = (low + high) / 2;
    if (waitQuantile({ servers, arrivalPerSec, servicePerSec }, 0.99) <= limitSeconds) low = arrivalPerSec;
    else high = arrivalPerSec;
  }
  return low;
}

/** 1 to 16 servers, 200 to 1,000 jobs/s in all, a limit of 1 to 20 mean service times, 5 ms at least. */
function drawWorld(kind: LimitKind, random: Random): World {
  const servers = 1 + Math.floor(random() * 16);
  const capacity = 200 * 5 ** random();
  const servicePerSec = capacity / servers;
  const limitSeconds = Math.max(0.005, 20 ** random() / servicePerSec);
  const sloPerSec = theory(servers, servicePerSec, limitSeconds);
  const slo: Slo[] = [{ of: 'pickup', percentile: 99, limitUs: limitSeconds * 1e6, text: 'pickup.p99' }];
  const common = { servers, servicePerSec };
  const world = { limitUs: limitSeconds * 1e6, slo };
  if (kind === 'level') return { ...world, law: { kind, ...common }, truePerSec: sloPerSec };
  if (kind === 'collapse') {
    const abovePerSec = capacity * (0.5 + 0.4 * random());
    const law = { kind, ...common, abovePerSec, share: Math.min(0.6, (0.85 * abovePerSec) / capacity) };
    return { ...world, law, truePerSec: Math.min(abovePerSec, sloPerSec) };
  }
  // Dead tuples come by chance: a few hundred must lie about before they slow anything much, or chance alone would make the limit.
  const vacuumPerSec = sloPerSec * (0.6 + 0.3 * random());
  const law = { kind, ...common, vacuumPerSec, doubledAt: 250 + vacuumPerSec * (0.5 + 0.5 * random()) };
  const asked: Slo = { of: 'deadTuples', limitPerSec: 0.01 * vacuumPerSec, text: 'dead tuples' };
  return { ...world, law, slo: [...slo, asked], truePerSec: vacuumPerSec };
}

/** A world, and two searches of it. `truePerSec`: the highest rate that it sustains. */
export interface SearchTrial {
  readonly truePerSec: number;
  readonly one: Searched;
  readonly other: Searched;
}

/** What a search found, after so many probes and so many seconds of load. */
export type Searched = RateInterval & { readonly probes: number; readonly seconds: number };

/** The same seed gives the same. Limits below `FEWEST_PER_SEC` are not drawn. */
export function searchTrial(kind: LimitKind, seed: number): SearchTrial {
  const random = randomStream(seed, kind);
  let world = drawWorld(kind, random);
  while (world.truePerSec < FEWEST_PER_SEC) world = drawWorld(kind, random);
  const [one, other] = [searched(world, 2 * seed + 1), searched(world, 2 * seed + 2)];
  return { truePerSec: world.truePerSec, one, other };
}

/** Whether the true limit lies between a rate that passed and one that failed. */
export function brackets({ truePerSec, one }: SearchTrial): boolean {
  const { state, passPerSec = 0, failPerSec = Number.POSITIVE_INFINITY } = one;
  return state === 'bracketed' && passPerSec <= truePerSec && failPerSec >= truePerSec;
}

/** Fail ÷ pass. */
export function widthOf({ passPerSec = 0, failPerSec = Number.POSITIVE_INFINITY }: Searched): number {
  return failPerSec / passPerSec;
}

/** Larger ÷ smaller of the geometric middles of two searches. */
export function apartOf({ one, other }: Pick<SearchTrial, 'one' | 'other'>): number {
  const middle = Math.sqrt(
    ((other.passPerSec ?? 0) * (other.failPerSec ?? 0)) / ((one.passPerSec ?? 0) * (one.failPerSec ?? 0)),
  );
  return Math.max(middle, 1 / middle);
}

const FEWEST_PER_SEC = 100;

function searched(world: World, seed: number): Searched {
  const start = 50 + ((seed * 37) % 300);
  const search = searchRate({ startPerSec: start, minPerSec: 5, maxPerSec: 5_000 });
  let [probes, total] = [0, 0];
  let step = search.next();
  while (!step.done) {
    const { ratePerSec, long } = step.value;
    const seconds = probeSeconds(ratePerSec, long);
    const probe = { ratePerSec, seconds, seed: seed * 1_000 + probes, limitUs: world.limitUs };
    const { outcome } = judgeProbe(simulateProbe(world.law, probe), world.slo);
    step = search.next(outcome);
    probes += 1;
    total += seconds;
  }
  return { ...step.value, probes, seconds: total };
}

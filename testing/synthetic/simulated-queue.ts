// What would a probe see of a queue whose true limit is known? Simulated job by job, in virtual time.

import { type ProbeEvidence, type SecondOfTerm, subWindows } from '../../reports/capacity/evidence.ts';
import { type Random, randomStream } from '../../stats/random.ts';

/** Poisson arrivals, exponential service, servers alike, first come first served. */
export type SimulatedLaw = {
  readonly servers: number;
  /** Of one server that nothing slows, jobs/s. */
  readonly servicePerSec: number;
} & (
  | { readonly kind: 'level' }
  /** At any rate above `abovePerSec`, service falls to `share` of what it was within the first seconds, for good. */
  | { readonly kind: 'collapse'; readonly abovePerSec: number; readonly share: number }
  /** Each job leaves a dead tuple, a vacuum removes so many; what is left makes service slower by the factor 1 + left ÷ `doubledAt`. */
  | { readonly kind: 'leak'; readonly vacuumPerSec: number; readonly doubledAt: number }
);

export interface SimulatedProbe {
  readonly ratePerSec: number;
  /** Of the load, warm-up included. */
  readonly seconds: number;
  readonly seed: number;
  /** Of pickup, µs: beyond it a job counts. */
  readonly limitUs: number;
}

/** Left out at the head of the load, as the harness does. */
const WARMUP_SECONDS = 1;
/** A backlog is read as often as that, dead tuples once a second. */
const BACKLOG_EVERY_SECONDS = 0.5;
/** A plan flips when statistics are next renewed: some time in these. */
const COLLAPSE_WITHIN_SECONDS = 4;

/** What a load at one rate leaves behind. Deterministic by its seed. */
export function simulateProbe(law: SimulatedLaw, probe: SimulatedProbe): ProbeEvidence {
  const { ratePerSec, seconds } = probe;
  const random = randomStream(probe.seed, 'probe');
  const draw = (): number => -Math.log(1 - random());
  const service = slowing(law, ratePerSec, random);
  const freeAt = new Float64Array(law.servers);
  const account = new Account(seconds, probe.limitUs);
  for (let arrived = draw() / ratePerSec; arrived < seconds; arrived += draw() / ratePerSec) {
    let server = 0;
    for (let i = 1; i < freeAt.length; i += 1) if ((freeAt[i] ?? 0) < (freeAt[server] ?? 0)) server = i;
    const began = Math.max(arrived, freeAt[server] ?? 0);
    const ended = began + (draw() / law.servicePerSec) * service.factorAt(began);
    freeAt[server] = ended;
    account.add(arrived, began, ended);
  }
  return account.evidence(ratePerSec, service.dead(seconds));
}

interface Slowing {
  /** By how much service that begins at `t` is slower; called in the order of `t`. */
  factorAt(t: number): number;
  dead(seconds: number): ProbeEvidence['deadTuples'];
}

function slowing(law: SimulatedLaw, ratePerSec: number, random: Random): Slowing {
  if (law.kind === 'collapse') {
    const flips = random() * COLLAPSE_WITHIN_SECONDS;
    const collapses = ratePerSec > law.abovePerSec;
    return { factorAt: (t) => (collapses && t >= flips ? 1 / law.share : 1), dead: () => [] };
  }
  if (law.kind === 'leak') return new Leak(law.vacuumPerSec, law.doubledAt);
  return { factorAt: () => 1, dead: () => [] };
}

class Leak implements Slowing {
  readonly #vacuumPerSec: number;
  readonly #doubledAt: number;
  readonly #readings: { t: number; tuples: number }[] = [];
  #left = 0;
  #at = 0;

  constructor(vacuumPerSec: number, doubledAt: number) {
    this.#vacuumPerSec = vacuumPerSec;
    this.#doubledAt = doubledAt;
  }

  factorAt(t: number): number {
    for (let next = this.#readings.length + 1; next <= t; next += 1) this.#read(next);
    this.#left = this.#leftAt(t) + 1;
    this.#at = t;
    return 1 + this.#left / this.#doubledAt;
  }

  #leftAt(t: number): number {
    return Math.max(0, this.#left - this.#vacuumPerSec * (t - this.#at));
  }

  #read(t: number): void {
    this.#readings.push({ t, tuples: this.#leftAt(t) });
  }

  dead(seconds: number): ProbeEvidence['deadTuples'] {
    return this.#readings.filter(({ t }) => t >= WARMUP_SECONDS && t <= seconds);
  }
}

/** Counts what the harness would count. */
class Account {
  readonly #seconds: number;
  readonly #limitSeconds: number;
  readonly #filed: { term: number; second: number; jobs: number; beyond: number }[];
  /** By how much the backlog rose in each step. */
  readonly #steps: Float64Array;
  #offered = 0;
  #settled = 0;

  constructor(seconds: number, limitUs: number) {
    this.#seconds = seconds;
    this.#limitSeconds = limitUs / 1e6;
    this.#steps = new Float64Array(Math.ceil(seconds / BACKLOG_EVERY_SECONDS));
    this.#filed = Array.from({ length: Math.ceil(seconds) }, (_, second) => ({
      term: 0,
      second,
      jobs: 0,
      beyond: 0,
    }));
  }

  add(arrived: number, began: number, ended: number): void {
    this.#step(arrived, 1);
    if (ended < this.#seconds) {
      this.#step(ended, -1);
      if (ended >= WARMUP_SECONDS) this.#settled += 1;
    }
    if (arrived < WARMUP_SECONDS) return;
    this.#offered += 1;
    // One that nobody claimed counts with its age, under the last second.
    const claimed = Math.min(began, this.#seconds);
    const second = this.#filed[Math.min(this.#filed.length - 1, Math.floor(claimed))];
    if (second === undefined) return;
    second.jobs += 1;
    if (claimed - arrived > this.#limitSeconds) second.beyond += 1;
  }

  #step(t: number, by: number): void {
    const at = Math.floor(t / BACKLOG_EVERY_SECONDS);
    this.#steps[at] = (this.#steps[at] ?? 0) + by;
  }

  evidence(ratePerSec: number, deadTuples: ProbeEvidence['deadTuples']): ProbeEvidence {
    let jobs = 0;
    const backlog = Array.from(this.#steps, (by, i) => {
      jobs += by;
      return { t: (i + 1) * BACKLOG_EVERY_SECONDS, jobs };
    });
    const filed: readonly SecondOfTerm[] = this.#filed;
    return {
      ratePerSec,
      offered: this.#offered,
      settled: this.#settled,
      seconds: this.#seconds - WARMUP_SECONDS,
      backlog: backlog.filter(({ t }) => t >= WARMUP_SECONDS),
      windows: subWindows(filed, { fromSeconds: WARMUP_SECONDS, toSeconds: this.#seconds, terms: 1 }),
      deadTuples,
      verdict: 'valid',
      reasons: [],
      lost: 0,
      ...{ enqueued: this.#offered, generatorAlone: false, stalledShare: 0 },
    };
  }
}

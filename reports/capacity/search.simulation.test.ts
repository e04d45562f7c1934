// Does the search bracket the true limit of queues whose limit is known, narrowly, and twice the same?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Slo } from '../../harness/result/result.ts';
import { type Random, randomStream } from '../../stats/random.ts';
import { type RateInterval, searchRate } from '../../stats/rate-search.ts';
import { quantile } from '../../stats/spread.ts';
import { waitQuantile } from '../../testing/synthetic/queue-law.ts';
import { type SimulatedLaw, simulateProbe } from '../../testing/synthetic/simulated-queue.ts';
import { judgeProbe, probeSeconds } from './probe.ts';

type Kind = SimulatedLaw['kind'];
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
function drawWorld(kind: Kind, random: Random): World {
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

function searched(
  world: World,
  seed: number,
): RateInterval & { readonly probes: number; readonly seconds: number } {
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

const TRIALS = 100;
const FEWEST_PER_SEC = 100;
const KINDS: readonly Kind[] = ['level', 'collapse', 'leak'];

for (const kind of KINDS) {
  test(`a search brackets the true limit: M/M/c, ${kind}`, (t) => {
    const ratios: number[] = [];
    const apart: number[] = [];
    const lengths: number[] = [];
    const missed: string[] = [];
    for (let trial = 0; trial < TRIALS; trial += 1) {
      const random = randomStream(trial, kind);
      let world = drawWorld(kind, random);
      while (world.truePerSec < FEWEST_PER_SEC) world = drawWorld(kind, random);
      const [one, other] = [searched(world, 2 * trial + 1), searched(world, 2 * trial + 2)];
      const [pass = 0, fail = Number.POSITIVE_INFINITY] = [one.passPerSec, one.failPerSec];
      const { truePerSec } = world;
      if (one.state !== 'bracketed' || pass > truePerSec || fail < truePerSec)
        missed.push(`${trial}: ${(pass / truePerSec).toFixed(3)} … ${(fail / truePerSec).toFixed(3)}`);
      ratios.push(fail / pass);
      lengths.push(one.seconds);
      const middle = Math.sqrt(((other.passPerSec ?? 0) * (other.failPerSec ?? 0)) / (pass * fail));
      apart.push(Math.max(middle, 1 / middle));
    }
    const at = (values: number[], q: number): number => quantile(values, q) ?? Number.NaN;
    const say = (values: number[]): string => [0.5, 0.9, 1].map((q) => at(values, q).toFixed(3)).join(', ');
    t.diagnostic(`bracketed ${TRIALS - missed.length} of ${TRIALS}; missed ${missed.join('; ')}`);
    t.diagnostic(`median, 90 %, worst of fail ÷ pass: ${say(ratios)}; of two searches: ${say(apart)}`);
    t.diagnostic(`of the seconds of load: ${say(lengths)}`);
    assert.ok(missed.length <= 5, missed.join('; '));
    assert.ok(at(ratios, 0.5) <= 1.15 && at(ratios, 0.9) <= 1.31, say(ratios));
    assert.ok(at(apart, 0.9) <= 1.1, say(apart));
  });
}

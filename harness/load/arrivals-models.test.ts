// Do ramps, steps, clumps and traces arrive as they should, and do several producers make the same whole?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ScenarioInput, scenarioSchema } from '../../scenarios/scenario.ts';
import { randomStream } from '../../stats/random.ts';
import { type Arrival, arrivals, shareOf } from './arrivals.ts';
import { arrivalPhases } from './phases.ts';

const SEED = 77_031;
type Model = NonNullable<ScenarioInput['phases'][number]['arrival']>;

/** What `producers` producers draw together of one phase, in order. */
function drawn(arrival: Model, seconds: number, producers = 1, seed = SEED): Arrival[] {
  const { phases } = scenarioSchema.parse({
    name: 'x',
    question: 'q?',
    warmupSeconds: 0,
    phases: [{ label: 'a', seconds, arrival }],
  });
  return Array.from({ length: producers }, (_, p) => [
    ...arrivals(shareOf(arrivalPhases({ phases }), p, producers), randomStream(seed, `p${p}`)),
  ])
    .flat()
    .sort((x, y) => x.atUs - y.atUs);
}

const instants = (all: readonly Arrival[]): number[] => all.map((arrival) => arrival.atUs);

for (const [fromPerSec, toPerSec] of [
  [0, 2_000],
  [2_000, 0],
  [500, 3_000],
  [1_000, 1_000],
] as const) {
  for (const producers of [1, 3]) {
    test(`a Poisson ramp ${fromPerSec} → ${toPerSec} of ${producers} producers: each tenth as the integral of the rate says`, () => {
      const seconds = 10;
      const at = instants(drawn({ model: 'ramp', fromPerSec, toPerSec }, seconds, producers));
      assert.ok(at.every((us, i) => us >= (at[i - 1] ?? 0) && us < seconds * 1e6));
      let chiSquare = 0;
      for (let tenth = 0; tenth < 10; tenth += 1) {
        const middle = fromPerSec + ((toPerSec - fromPerSec) * (tenth + 0.5)) / 10;
        const count = at.filter((us) => us >= tenth * 1e6 && us < (tenth + 1) * 1e6).length;
        chiSquare += (count - middle) ** 2 / middle;
      }
      // The counts are independent: ten degrees of freedom, and 29.6 is exceeded once in a thousand.
      assert.ok(chiSquare < 29.6, `χ² ${chiSquare}, seed ${SEED}`);
      // Given their number, the instants are a sample of the law F(t) = cumulative rate ÷ its end.
      const total = ((fromPerSec + toPerSec) / 2) * seconds;
      const law = (t: number): number =>
        (fromPerSec * t + ((toPerSec - fromPerSec) * t * t) / (2 * seconds)) / total;
      const distance = at.reduce(
        (worst, us, i) =>
          Math.max(
            worst,
            Math.abs(law(us / 1e6) - i / at.length),
            Math.abs(law(us / 1e6) - (i + 1) / at.length),
          ),
        0,
      );
      assert.ok(distance < 1.95 / Math.sqrt(at.length), `distance ${distance}, seed ${SEED}`);
    });
  }
}

test('a uniform ramp has one job for each job’s worth of rate, and producers interleave to it', () => {
  const arrival: Model = { model: 'ramp', fromPerSec: 0, toPerSec: 1_000, spacing: 'uniform' };
  const whole = instants(drawn(arrival, 4));
  assert.equal(whole.length, 2_000);
  for (const [i, us] of whole.entries()) {
    const t = us / 1e6;
    assert.ok(Math.abs((1_000 * t * t) / 8 - (i + 0.5)) < 1e-6, `job ${i} at ${t} s`);
  }
  for (const producers of [2, 3, 7]) {
    const merged = instants(drawn(arrival, 4, producers));
    assert.equal(merged.length, whole.length);
    for (const [i, us] of merged.entries()) assert.ok(Math.abs(us - (whole[i] ?? Number.NaN)) < 1e-3);
  }
});

test('steps without lengths divide the phase equally; a step of rate 0 is silent', () => {
  const steps = [{ ratePerSec: 500 }, { ratePerSec: 0 }, { ratePerSec: 2_000 }];
  for (const [spacing, slack] of [
    ['uniform', 1],
    ['poisson', 4],
  ] as const) {
    const at = instants(drawn({ model: 'steps', steps, spacing }, 9));
    for (const [i, { ratePerSec }] of steps.entries()) {
      const count = at.filter((us) => us >= i * 3e6 && us < (i + 1) * 3e6).length;
      const wanted = ratePerSec * 3;
      const off = spacing === 'uniform' ? slack : slack * Math.sqrt(wanted);
      assert.ok(Math.abs(count - wanted) <= off, `step ${i}, ${spacing}: ${count}, seed ${SEED}`);
    }
  }
});

test('steps with lengths begin again until the phase ends', () => {
  const steps = [
    { ratePerSec: 100, seconds: 0.8 },
    { ratePerSec: 5_000, seconds: 0.2 },
  ];
  const at = instants(drawn({ model: 'steps', steps, spacing: 'uniform' }, 3.5));
  const count = (from: number, to: number): number =>
    at.filter((us) => us >= from * 1e6 && us < to * 1e6).length;
  for (let cycle = 0; cycle < 3; cycle += 1) {
    assert.ok(Math.abs(count(cycle, cycle + 0.8) - 80) <= 1);
    assert.ok(Math.abs(count(cycle + 0.8, cycle + 1) - 1_000) <= 1);
  }
  assert.ok(Math.abs(count(3, 3.5) - 50) <= 1);
  assert.equal(count(3.5, 9), 0);
});

test('a burst: clumps at one instant each, divided among producers with none left over or sent twice', () => {
  for (const producers of [1, 2, 3, 16]) {
    const at = instants(drawn({ model: 'burst', jobs: 7, everySeconds: 0.5 }, 2, producers));
    assert.deepEqual(
      at,
      [0.25, 0.75, 1.25, 1.75].flatMap((s) => new Array<number>(7).fill(s * 1e6)),
      `${producers} producers`,
    );
  }
  // By its mean rate.
  assert.equal(drawn({ model: 'burst', jobs: 100, ratePerSec: 50 }, 10).length, 500);
});

test('a trace is replayed job by job at its speed, dealt out in turn, whatever it is', () => {
  const random = randomStream(SEED, 'traces');
  for (let round = 0; round < 200; round += 1) {
    const jobs = Array.from({ length: 1 + Math.floor(random() * 50) }, () => ({
      at: Math.floor(random() * 100) / 10,
      priority: Math.floor(random() * 3),
    })).sort((x, y) => x.at - y.at);
    const speed = 1 + Math.floor(random() * 4);
    for (const producers of [1, 2, 5]) {
      const got = drawn({ model: 'trace', jobs, speed }, 10, producers);
      const flat = (list: readonly (readonly [number, number | undefined])[]): string[] =>
        list.map(([at, priority]) => `${Math.round(at)} ${priority}`).sort();
      assert.deepEqual(
        flat(got.map(({ atUs, job }) => [atUs, job?.priority])),
        flat(jobs.map(({ at, priority }) => [(at * 1e6) / speed, priority])),
        `round ${round}, seed ${SEED}`,
      );
    }
  }
});

test('every model is the same for the same seed, and as many as the coordinator counts', () => {
  const models: Model[] = [
    { model: 'ramp', fromPerSec: 10, toPerSec: 900 },
    { model: 'steps', steps: [{ ratePerSec: 100 }, { ratePerSec: 700 }] },
    { model: 'burst', jobs: 9, everySeconds: 0.3 },
  ];
  for (const model of models) {
    assert.deepEqual(drawn(model, 2, 3, 5), drawn(model, 2, 3, 5));
    if (model.model !== 'burst') assert.notDeepEqual(drawn(model, 2, 3, 5), drawn(model, 2, 3, 6));
  }
});

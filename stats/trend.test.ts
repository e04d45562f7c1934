// Does the interval hold the slope of a correlated level, and is it narrow enough to be of use?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seeded } from './random.ts';
import { median } from './spread.ts';
import { slopeInterval } from './trend.ts';

const BEFORE_SECONDS = 20;
const STEP_SECONDS = 0.5;

/** Jobs in a queue, every half second, once it has been at work for 20 s. Poisson arrivals, exponential service. */
function backlog(
  law: { servers: number; capacityPerSec: number; busy: number },
  seconds: number,
  seed: number,
): number[] {
  const random = seeded(seed);
  const draw = (): number => -Math.log(1 - random());
  const freeAt = new Float64Array(law.servers);
  const end = BEFORE_SECONDS + seconds;
  const rise = new Int32Array(Math.ceil(end / STEP_SECONDS) + 1);
  const count = (t: number, by: number): void => {
    const at = Math.ceil(t / STEP_SECONDS);
    if (at < rise.length) rise[at] = (rise[at] ?? 0) + by;
  };
  const arrivalPerSec = law.capacityPerSec * law.busy;
  for (let t = draw() / arrivalPerSec; t < end; t += draw() / arrivalPerSec) {
    let server = 0;
    for (let i = 1; i < law.servers; i += 1) if ((freeAt[i] ?? 0) < (freeAt[server] ?? 0)) server = i;
    const ended = Math.max(t, freeAt[server] ?? 0) + (draw() * law.servers) / law.capacityPerSec;
    freeAt[server] = ended;
    count(t, 1);
    count(ended, -1);
  }
  let jobs = 0;
  const levels = Array.from(rise, (by) => {
    jobs += by;
    return jobs;
  });
  return levels.slice(BEFORE_SECONDS / STEP_SECONDS, end / STEP_SECONDS);
}

const TRIALS = 200;
const READINGS = [
  { seconds: 10, everySeconds: 1 },
  { seconds: 10, everySeconds: 0.5 },
  { seconds: 20, everySeconds: 0.5 },
  { seconds: 40, everySeconds: 1 },
];

for (const [servers, capacityPerSec] of [
  [1, 200],
  [4, 500],
] as const) {
  for (const busy of [0.5, 0.8, 0.9, 0.95, 0.97]) {
    test(`a backlog that stays is said to stay: ${servers} servers, ${capacityPerSec} jobs/s, busy for ${busy}`, (t) => {
      const series = Array.from({ length: TRIALS }, (_, seed) =>
        backlog({ servers, capacityPerSec, busy }, 40, seed),
      );
      for (const { seconds, everySeconds } of READINGS) {
        const each = everySeconds / STEP_SECONDS;
        const found = series.flatMap((levels) => {
          const values = levels.slice(0, seconds / STEP_SECONDS).filter((_, i) => i % each === 0);
          return (
            slopeInterval(
              values.map((_, i) => i * everySeconds),
              values,
            ) ?? []
          );
        });
        const held = found.filter(({ low, high }) => low <= 0 && high >= 0).length;
        const half = median(found.map(({ low, high }) => (high - low) / 2)) ?? Number.NaN;
        const share = half / (capacityPerSec * busy);
        const what = `${seconds} s, every ${everySeconds} s: ${held} of ${TRIALS}, ± ${(share * 100).toFixed(2)} % of the rate`;
        t.diagnostic(what);
        assert.ok(held >= 0.9 * TRIALS, what);
        // Of use: up to four fifths busy, 20 s tell a standstill from a growth of 1 % of the rate.
        if (busy <= 0.8 && seconds >= 20) assert.ok(share < 0.005, what);
      }
    });
  }
}

test('a random walk, the hardest case, is held in three of four', (t) => {
  const random = seeded(7);
  let held = 0;
  for (let trial = 0; trial < 1_000; trial += 1) {
    let level = 0;
    const times = Array.from({ length: 40 }, (_, i) => i / 2);
    const values = times.map(() => {
      level += random() + random() + random() - 1.5;
      return level;
    });
    const found = slopeInterval(times, values);
    if (found && found.low <= 0 && found.high >= 0) held += 1;
  }
  t.diagnostic(`${held} of 1000`);
  assert.ok(held >= 750, `${held} of 1000`);
});

test('growth is found: a queue that is offered 5 % more than it can do', () => {
  let found = 0;
  for (let seed = 0; seed < 50; seed += 1) {
    const values = backlog({ servers: 4, capacityPerSec: 500, busy: 1.05 }, 20, seed);
    const times = values.map((_, i) => i * STEP_SECONDS);
    if ((slopeInterval(times, values)?.low ?? 0) > 0) found += 1;
  }
  assert.ok(found >= 45, `${found} of 50`);
});

test('a straight line has its slope and no width, whatever its units', () => {
  const found = slopeInterval([0, 2, 4, 6, 8, 10], [5, 6, 7, 8, 9, 10]);
  assert.ok(found);
  for (const value of [found.slope, found.low, found.high]) assert.equal(value.toFixed(9), '0.500000000');
  const level = slopeInterval([0, 1, 2, 3, 4, 5], [3, 3, 3, 3, 3, 3]);
  assert.deepEqual(level, { slope: 0, low: 0, high: 0 });
});

test('a plain fit and a lower confidence agree with the textbook', () => {
  // Residuals that alternate have no positive memory: ordinary least squares.
  const times = [0, 1, 2, 3, 4, 5, 6, 7];
  const values = times.map((t) => t + (t % 2 === 0 ? 1 : -1));
  const wide = slopeInterval(times, values, { confidence: 0.99 });
  const narrow = slopeInterval(times, values, { confidence: 0.5 });
  assert.ok(wide && narrow);
  // Sxx = 42, Sxy = 42 − 4.
  assert.equal(wide.slope.toFixed(9), (38 / 42).toFixed(9));
  assert.ok(wide.low < narrow.low && narrow.low < narrow.slope && narrow.high < wide.high);
});

test('too few points have no slope, and bad ones are a bug', () => {
  assert.equal(slopeInterval([0, 1, 2, 3, 4], [1, 2, 3, 4, 5]), undefined);
  const six = [0, 1, 2, 3, 4, 5];
  assert.throws(() => slopeInterval(six, [1]), RangeError);
  assert.throws(() => slopeInterval([0, 1, 1, 2, 3, 4], six), RangeError);
  assert.throws(() => slopeInterval(six, [0, 1, 2, 3, 4, Number.NaN]), RangeError);
  assert.throws(() => slopeInterval(six, six, { confidence: 1 }), RangeError);
});

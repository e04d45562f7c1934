// Is each verdict given for its own reason, and never from figures that cannot carry it?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Judgement, judge, type MetricSamples } from './judge.ts';
import { seeded } from './random.ts';

const NOISE = [-0.031, 0.012, 0.024, -0.008, 0.017, -0.022, 0.004, 0.029, -0.014, -0.003];
const around = (level: number, scale = 1, size = 10): number[] =>
  NOISE.slice(0, size).map((part, i) => level * (1 + part * scale * (i % 3 === 0 ? -1 : 1)));
const samples = (base: number[], head: number[], more: Partial<MetricSamples> = {}): MetricSamples => ({
  ...{ metric: 'throughput', better: 'higher', base, head },
  ...more,
});
function judgeOne(metric: MetricSamples, options = {}): Judgement {
  const [found] = judge([metric], { random: seeded(1), ...options });
  assert.ok(found);
  for (const value of Object.values(found)) assert.ok(!Number.isNaN(value), JSON.stringify(found));
  return found;
}

test('twice the throughput is better, twice the latency worse, and the direction is the metric’s', () => {
  const higher = judgeOne(samples(around(100), around(200)));
  assert.equal(higher.verdict, 'better');
  assert.ok(Math.abs((higher.effect ?? 0) - 1) < 1e-9 && (higher.low ?? 0) > 0.9 && (higher.high ?? 9) < 1.1);
  assert.equal(judgeOne(samples(around(100), around(200), { better: 'lower' })).verdict, 'worse');
  assert.equal(judgeOne(samples(around(200), around(100))).verdict, 'worse');
});

test('fewer than five repeats on a side tell nothing, however far apart', () => {
  const found = judgeOne(samples(around(100, 1, 3), around(500, 1, 10)));
  assert.deepEqual(
    [found.verdict, found.p, found.low, found.noiseFloor],
    ['~', undefined, undefined, undefined],
  );
  assert.match(found.reason, /too few repeats: 3 v 10/);
  assert.ok(Math.abs((found.effect ?? 0) - 4) < 0.2);
});

test('5 v 5 carry six metrics and not seven', () => {
  const family = (size: number): Judgement[] =>
    judge(
      Array.from({ length: size }, (_, i) => samples(around(100, 1, 5), around(i === 0 ? 200 : 100, 1, 5))),
      { random: seeded(1) },
    );
  assert.equal(family(6)[0]?.verdict, 'better');
  assert.equal(family(6)[0]?.pAdjusted, (6 * 2) / 252);
  assert.equal(family(7)[0]?.verdict, '~');
  assert.match(family(7)[0]?.reason ?? '', /too few repeats for 7 metrics/);
  assert.equal(family(7)[0]?.detectable, undefined);
});

test('the test follows from sizes and design, never from values', () => {
  const name = (size: number, paired: boolean): string | undefined =>
    judgeOne(samples(around(100, 1, size), around(130, 1, size), { paired })).test;
  assert.deepEqual([name(7, false), name(8, false)], ['means of logarithms', 'ranks']);
  assert.deepEqual([name(7, true), name(8, true)], ['means of logarithms', 'signed ranks of blocks']);
  const seven = Array.from({ length: 7 }, () =>
    samples(around(100, 1, 8), around(130, 1, 8), { paired: true }),
  );
  // 7 · 2 / 256 is above 5 %: eight blocks cannot carry seven metrics, 8 v 8 unpaired values can.
  assert.equal(judge(seven, { random: seeded(1) })[0]?.test, 'ranks');
});

test('blocks that differ hide a difference from unpaired values and not from paired ones', () => {
  const base = around(100).map((value, i) => value * 1.5 ** (i % 5));
  const head = base.map((value, i) => value * (1.12 + (i % 4) * 0.01));
  assert.equal(judgeOne(samples(base, head)).verdict, 'unstable');
  const paired = judgeOne(samples(base, head, { paired: true }));
  assert.equal(paired.verdict, 'better');
  assert.ok((paired.effect ?? 0) > 0.119 && (paired.effect ?? 0) < 0.151);
});

test('costs that never vary: the same is equivalent, 3 % is equivalent, 10 % is worse', () => {
  const cost = (level: number): number[] => new Array<number>(5).fill(level);
  const wal = (head: number, more = {}): Judgement =>
    judgeOne(samples(cost(12_345), cost(head), { better: 'lower', ...more }));
  const same = wal(12_345);
  assert.deepEqual([same.verdict, same.effect, same.low, same.high, same.p], ['equivalent', 0, 0, 0, 1]);
  assert.equal(same.noiseFloor, 0);
  assert.ok(Math.abs((same.detectable ?? 0) - 0.05) < 1e-12);
  assert.equal(wal(12_345 * 1.03).verdict, 'equivalent');
  assert.equal(wal(12_345 * 1.03, { minEffect: 0.01 }).verdict, 'worse');
  assert.equal(wal(12_345 * 1.1).verdict, 'worse');
});

test('with a zero there is no ratio, but ranks: from nothing to something is told', () => {
  const none = new Array<number>(10).fill(0);
  const risen = judgeOne(samples(none, around(3), { better: 'lower' }));
  assert.deepEqual(
    [risen.verdict, risen.effect, risen.low, risen.detectable],
    ['worse', undefined, undefined, undefined],
  );
  assert.match(risen.reason, /by ranks alone/);
  assert.equal(judgeOne(samples(around(3), none, { better: 'lower' })).verdict, 'better');
  const oneZero = judgeOne(samples([0, ...around(2, 1, 9)], around(30), { better: 'lower' }));
  assert.equal(oneZero.verdict, 'worse');
  assert.ok(Math.abs((oneZero.effect ?? 0) - 14) < 0.5);
});

test('zeros that are alike, or few, or nothing else', () => {
  const now = [0, 0, 3, 0, 2];
  const found = judgeOne(samples(now, now.toReversed()));
  assert.equal(found.verdict, '~');
  assert.match(found.reason, /zero has no ratio; no difference shown \(p = 1.0 for 1 in all\)/);
  assert.equal(judgeOne(samples([0, 0, 0, 0, 0], [0, 0, 0, 0, 0])).verdict, 'equivalent');
  assert.equal(judgeOne(samples([0, 0, 0], around(5))).verdict, '~');
});

test('a fall is told as readily as the rise that would undo it', () => {
  const wide = [100, 140, 75, 120, 88, 165, 60, 110, 95, 130];
  const less = wide.map((value) => value / 1.5);
  const fall = judgeOne(samples(wide, less));
  const rise = judgeOne(samples(less, wide));
  assert.deepEqual([fall.verdict, rise.verdict], ['worse', 'better']);
  // As a share the fall, 33 %, lies below the floor, which is one of rises; as a factor it does not.
  assert.ok((fall.noiseFloor ?? 0) > 1 / 3 && (fall.noiseFloor ?? 0) < 0.5, `${fall.noiseFloor}`);
});

test('what is detectable is a worsening: a fall where more is better, a rise where less is', () => {
  const wide = [100, 140, 75, 120, 88, 165, 60, 110, 95, 130];
  const [fall, rise] = (['higher', 'lower'] as const).map(
    (better) => judgeOne(samples(wide, wide.toReversed(), { better })).detectable ?? 0,
  );
  assert.ok(fall !== undefined && fall > 0 && fall < 1, `${fall}`);
  assert.ok(Math.abs(1 / (1 - fall) - 1 - (rise ?? 0)) < 1e-9, `${fall} and ${rise}`);
});

test('noise beyond a quarter is unstable, unless the difference stands out of it', () => {
  const wild = [20, 300, 45, 150, 80, 260, 30, 110, 190, 60];
  assert.equal(judgeOne(samples(wild, wild.toReversed())).verdict, 'unstable');
  assert.equal(
    judgeOne(
      samples(
        wild,
        wild.map((value) => value * 40),
      ),
    ).verdict,
    'better',
  );
});

test('a difference that is sure but small is equivalent, or not told', () => {
  const found = judgeOne(samples(around(100, 0.2), around(103, 0.2)));
  assert.ok((found.pAdjusted ?? 1) < 0.01);
  assert.equal(found.verdict, 'equivalent');
  const between = judgeOne(samples(around(100, 0.5), around(104.7, 0.5)));
  assert.equal(between.verdict, '~');
  assert.match(between.reason, /below the 5 % worth naming/);
});

test('the same seed gives the same judgement', () => {
  const metric = samples(around(100), around(108));
  assert.deepEqual(judgeOne(metric), judgeOne(metric));
});

test('what cannot be judged is a bug', () => {
  const random = seeded(1);
  const good = around(100);
  assert.throws(() => judge([samples([-1, 1, 1, 1], good)], { random }), RangeError);
  assert.throws(() => judge([samples([Number.NaN, 1, 1, 1], good)], { random }), RangeError);
  assert.throws(() => judge([samples(good, good.slice(1), { paired: true })], { random }), RangeError);
  assert.throws(() => judge([samples(good, good)], { random, minEffect: 0 }), RangeError);
  assert.throws(() => judge([samples(good, good)], { random, alpha: 1 }), RangeError);
  assert.throws(() => judge([samples(good, good)], { random, resamples: 5 }), RangeError);
});

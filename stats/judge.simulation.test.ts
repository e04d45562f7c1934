// How often does the judge cry wolf, find what was planted, and call equal what is not?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseTest } from './choice-of-test.ts';
import { holm } from './holm.ts';
import { type Judgement, judge, type MetricSamples } from './judge.ts';
import { seeded } from './random.ts';

type Noise = 'normal' | 'heavy';
type World = {
  readonly noise: Noise;
  /** Of one run; and of what a block does to both of its runs. Standard deviations of logarithms. */
  readonly cv: number;
  readonly drift?: number;
  readonly n: number;
  readonly metrics: number;
  readonly paired?: boolean;
  /** The true effect upon the first metric; upon all when `everywhere`. */
  readonly effect?: number;
  readonly everywhere?: boolean;
};

/** A family as one pair of groups would give it: metrics of one run share half of its noise's variance. */
function draw(world: World, random: () => number): MetricSamples[] {
  const { noise, cv, drift = 0, n, metrics, paired = false, effect = 0, everywhere = false } = world;
  const gauss = (): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const one = (): number =>
    // Student's t with 3 degrees, scaled to a like spread of its middle.
    noise === 'normal'
      ? gauss()
      : gauss() / Math.sqrt((gauss() ** 2 + gauss() ** 2 + gauss() ** 2) / 3) / 1.13;
  const side = (): number[] => Array.from({ length: n }, one);
  const [base, head, blocks] = [side(), side(), Array.from({ length: n }, () => drift * gauss())];
  return Array.from({ length: metrics }, (_, metric) => {
    const values = (shared: number[], shift: number): number[] =>
      shared.map((part, i) => {
        const own = metrics === 1 ? part : (part + one()) * Math.SQRT1_2;
        return 100 * (1 + shift) * Math.exp((blocks[i] ?? 0) + cv * own);
      });
    const shift = metric === 0 || everywhere ? effect : 0;
    return { metric: `${metric}`, better: 'lower', base: values(base, 0), head: values(head, shift), paired };
  });
}

/** Whether Holm leaves any metric a chance. Without, no resampling can make a verdict, and a thousand trials stay quick. */
function anySmallP(family: MetricSamples[], random: () => number): boolean {
  const p = family.map(({ base, head, paired = false }) => {
    const design = { base: base.length, head: head.length, paired, family: family.length, alpha: 0.05 };
    return chooseTest(design, { random }).p({ base: base.map(Math.log), head: head.map(Math.log) });
  });
  return holm(p).some((adjusted) => adjusted <= 0.05);
}

const differs = ({ verdict }: Judgement): boolean => verdict === 'better' || verdict === 'worse';

const ALIKE: World[] = [
  { noise: 'normal', cv: 0.03, n: 10, metrics: 1 },
  { noise: 'normal', cv: 0.08, n: 5, metrics: 5 },
  { noise: 'normal', cv: 0.08, n: 10, metrics: 6 },
  { noise: 'heavy', cv: 0.05, n: 5, metrics: 6 },
  { noise: 'heavy', cv: 0.05, n: 10, metrics: 1 },
  { noise: 'normal', cv: 0.05, drift: 0.1, n: 10, metrics: 5, paired: true },
  { noise: 'heavy', cv: 0.05, drift: 0.1, n: 6, metrics: 1, paired: true },
];

for (const [seed, world] of ALIKE.entries()) {
  test(`the same against the same: ${JSON.stringify(world)}`, (t) => {
    const random = seeded(seed);
    let [alarms, candidates] = [0, 0];
    for (let trial = 0; trial < 1000; trial += 1) {
      const family = draw(world, random);
      const candidate = anySmallP(family, random);
      if (candidate) candidates += 1;
      // Now and then the short cut is held to what it says.
      if (!candidate && trial % 100 !== 0) continue;
      const alarm = judge(family, { random, resamples: 1000 }).some(differs);
      assert.ok(candidate || !alarm, `seed ${seed}, trial ${trial}: a verdict without a small p`);
      if (alarm) alarms += 1;
    }
    t.diagnostic(`false alarms: ${alarms} of 1000 (p alone: ${candidates})`);
    assert.ok(alarms <= 50, `seed ${seed}: ${alarms} of 1000`);
    // p alone must keep its level as well: 5 %, and two and a half standard errors of a thousand trials.
    assert.ok(candidates <= 67, `seed ${seed}: ${candidates} of 1000 by p alone`);
  });
}

function found(world: World, trials: number, seed: number): { share: number; detectable: number } {
  const random = seeded(seed);
  let hits = 0;
  const detectable: number[] = [];
  for (let trial = 0; trial < trials; trial += 1) {
    const [first] = judge(draw(world, random), { random, resamples: 400 });
    if (first?.verdict === 'worse') hits += 1;
    detectable.push(first?.detectable ?? Number.POSITIVE_INFINITY);
  }
  return { share: hits / trials, detectable: detectable.sort((a, b) => a - b)[trials >> 1] ?? 0 };
}

const PLANTED: (World & { readonly least: number })[] = [
  { noise: 'normal', cv: 0.03, n: 10, metrics: 1, effect: 0.1, least: 0.95 },
  { noise: 'normal', cv: 0.05, n: 10, metrics: 1, effect: 0.1, least: 0.85 },
  { noise: 'normal', cv: 0.04, n: 10, metrics: 5, effect: 0.1, everywhere: true, least: 0.9 },
  { noise: 'normal', cv: 0.03, n: 10, metrics: 6, effect: 0.1, least: 0.9 },
  { noise: 'normal', cv: 0.03, drift: 0.1, n: 10, metrics: 1, paired: true, effect: 0.1, least: 0.9 },
  { noise: 'normal', cv: 0.03, n: 10, metrics: 1, effect: 0.05, least: 0.35 },
  { noise: 'normal', cv: 0.05, n: 10, metrics: 1, effect: 0.05, least: 0.2 },
];

for (const [index, { least, ...world }] of PLANTED.entries()) {
  test(`planted: ${JSON.stringify(world)}`, (t) => {
    const seed = 100 + index;
    const { share, detectable } = found(world, 200, seed);
    t.diagnostic(`found ${share * 100} %; detectable in the median trial ${(detectable * 100).toFixed(1)} %`);
    assert.ok(share >= least, `seed ${seed}: found ${share}`);
  });
}

test('what is called detectable is found about four times in five', (t) => {
  const worlds: World[] = [
    { noise: 'normal', cv: 0.05, n: 5, metrics: 1 },
    { noise: 'normal', cv: 0.05, n: 10, metrics: 1 },
    { noise: 'normal', cv: 0.05, drift: 0.1, n: 10, metrics: 1, paired: true },
  ];
  for (const [index, world] of worlds.entries()) {
    const seed = 200 + index;
    const { detectable } = found(world, 60, seed);
    const { share } = found({ ...world, effect: detectable }, 200, seed);
    t.diagnostic(`${JSON.stringify(world)}: ${(detectable * 100).toFixed(1)} % is found in ${share * 100} %`);
    assert.ok(share >= 0.68 && share <= 0.95, `seed ${seed}: ${detectable} found in ${share}`);
  }
});

test('what differs by the margin is called equivalent in at most 5 %', (t) => {
  for (const [index, effect] of [0.05, -0.05].entries()) {
    const seed = 300 + index;
    const random = seeded(seed);
    let equal = 0;
    for (let trial = 0; trial < 600; trial += 1) {
      const family = draw({ noise: 'normal', cv: 0.03, n: 10, metrics: 1, effect }, random);
      if (judge(family, { random, resamples: 100 })[0]?.verdict === 'equivalent') equal += 1;
    }
    t.diagnostic(`${effect}: ${equal} of 600`);
    // 5 % of 600, and two and a half standard errors.
    assert.ok(equal <= 43, `seed ${seed}: ${equal} of 600`);
  }
});

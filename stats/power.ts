// How small a difference could this many runs, as noisy as these, have shown?

import { assertResamples } from './bootstrap.ts';
import { type Groups, ratios } from './choice-of-test.ts';
import { normalQuantile, studentQuantile } from './distributions.ts';
import type { Random } from './random.ts';
import { median, quantile } from './spread.ts';

/** What a comparison can see; both in logarithms of a ratio. */
export type Sensitivity = {
  /** The 95th percentile of |effect| over comparisons of the same with the same. */
  readonly noiseFloor: number;
  /** The smallest rise that is found four times in five; by symmetry, also the smallest fall. `undefined` when these sizes can find none, however large. */
  readonly detectable: number | undefined;
};

/** The decision whose sensitivity is asked for. Both functions get arrays that the next call overwrites. */
export type DecisionRule = {
  /** The effect that the decision looks at, a logarithm. */
  readonly effect: (groups: Groups) => number;
  /** The rise of `head` from which the test rejects, a logarithm. */
  readonly shiftNeeded: (groups: Groups) => number | undefined;
  /** The smallest effect that is worth naming, a logarithm. */
  readonly least: number;
};

const POWER = 0.8;

/** One in so many simulated comparisons is also asked what rise it would need: that costs ten times as much as its effect. */
const ASKED = 10;

/**
 * Simulates comparisons of the same with the same, drawn by `simulate`, and reads from them the noise floor and the
 * smallest rise that the rule finds in 80 % of them. A rise δ is found when effect + δ reaches both the least effect and
 * the noise floor, and the test rejects; each simulated comparison thus needs a δ of its own, and the 80th percentile of
 * those is the answer. No second simulation with a planted effect is needed, since a rise shifts logarithms and changes
 * nothing else. That the interval must exclude zero is left to the noise floor: both are about two standard errors of
 * the same effect.
 *
 * @throws {RangeError} when `resamples` is out of range.
 */
export function sensitivity(simulate: () => Groups, rule: DecisionRule, resamples = 4_000): Sensitivity {
  assertResamples(resamples);
  const effects: number[] = [];
  const asked: { effect: number; shift: number }[] = [];
  for (let i = 0; i < resamples; i += 1) {
    const groups = simulate();
    const effect = rule.effect(groups);
    effects.push(Math.abs(effect));
    if (i % ASKED !== 0) continue;
    asked.push({ effect, shift: rule.shiftNeeded(groups) ?? Number.POSITIVE_INFINITY });
  }
  const noiseFloor = quantile(effects, 0.95) ?? 0;
  const bar = Math.max(rule.least, noiseFloor);
  const needed = asked.map(({ effect, shift }) => Math.max(bar - effect, shift)).sort((a, b) => a - b);
  // The next order statistic, not an interpolation: of infinite needs there is none.
  const detectable = needed[Math.ceil(POWER * (needed.length - 1))];
  return { noiseFloor, detectable: Number.isFinite(detectable) ? detectable : undefined };
}

/**
 * Draws unpaired groups of the sizes of `groups` without a difference: residuals of both from their own medians, pooled,
 * with replacement. Residuals are stretched by √(N / (N − 2)), since two medians were fitted to N values.
 */
export function sameUnpaired(groups: Groups, random: Random): () => Groups {
  const { base, head } = groups;
  const pool = [...residuals(base), ...residuals(head)];
  const stretch = stretched(pool.length, 2);
  const drawn = { base: [...base], head: [...head] };
  return () => {
    for (const side of [drawn.base, drawn.head]) {
      for (let i = 0; i < side.length; i += 1) side[i] = draw(pool, random) * stretch;
    }
    return drawn;
  };
}

/**
 * Draws paired groups without a difference: whole blocks, with replacement, so that what a block does to both of its runs
 * stays; their residual ratios with a random sign, since in "no difference" either run could have been the other. Residuals are
 * stretched by √(n / (n − 1)) and, since n blocks tell their own spread less well than two pooled groups do, by the ratio of
 * Student's to the normal 97.5 % quantile; without it the noise floor of 5 to 10 blocks would be exceeded in a tenth of
 * comparisons rather than a twentieth.
 */
export function samePaired(groups: Groups, random: Random): () => Groups {
  const differences = residuals(ratios(groups));
  const levels = groups.base.map((value, block) => (value + (groups.head[block] ?? 0)) / 2);
  const stretch =
    (stretched(differences.length, 1) * studentQuantile(0.975, Math.max(differences.length - 1, 1))) /
    normalQuantile(0.975);
  const drawn = { base: [...groups.base], head: [...groups.head] };
  return () => {
    for (let i = 0; i < levels.length; i += 1) {
      const block = Math.floor(random() * levels.length);
      const half = (((differences[block] ?? 0) * stretch) / 2) * (random() < 0.5 ? 1 : -1);
      drawn.base[i] = (levels[block] ?? 0) - half;
      drawn.head[i] = (levels[block] ?? 0) + half;
    }
    return drawn;
  };
}

function residuals(values: readonly number[]): number[] {
  const middle = median(values) ?? 0;
  return values.map((value) => value - middle);
}

function stretched(values: number, fitted: number): number {
  return Math.sqrt(values / Math.max(values - fitted, 1));
}

function draw(pool: readonly number[], random: Random): number {
  return pool[Math.floor(random() * pool.length)] ?? 0;
}

// Which test tells two groups of runs apart, given how many there are and whether they are paired?

import { criticalU, mannWhitney } from './mann-whitney.ts';
import { combinations, type PermutationOptions, permutationTest } from './permutation.ts';
import { criticalW, signedRankTest } from './signed-rank.ts';

/** Two groups of values on a logarithmic scale; when they are paired, equal places are of one block. */
export type Groups = { readonly base: number[]; readonly head: number[] };

/** What is known before the first value is: nothing else may choose the test. */
export type TestDesign = {
  readonly base: number;
  readonly head: number;
  readonly paired: boolean;
  /** How many metrics share the chance of a false alarm. */
  readonly family: number;
  /** That chance. */
  readonly alpha: number;
};

/** A two-sided test of "no difference", with what planning needs to know of it. */
export type DifferenceTest = {
  readonly name: 'signed ranks of blocks' | 'ranks' | 'means of logarithms';
  /** The p of complete separation, the smallest that these sizes allow. */
  readonly smallestP: number;
  readonly p: (groups: Groups) => number;
  /**
   * By how much all of `head` must at least rise for the test to reject at `alpha`, in logarithms; negative when it rejects
   * upwards already. `undefined` when no rise is enough. For means of logarithms it is the rank test's answer, which is
   * the same for complete separation and elsewhere a little on the large side.
   */
  readonly shiftNeeded: (groups: Groups) => number | undefined;
};

/** From so many values on each side, ranks are used. */
const RANKS_FROM = 8;

/**
 * - **Paired, from 8 blocks**, when 2 / 2ⁿ survives Holm's correction: signed ranks of the blocks' ratios, by sign flips.
 *   What drifts from block to block cancels.
 * - **From 8 on each side**: the rank-sum test of Mann and Whitney, the exact permutation test of ranks.
 * - **Below**: a permutation test of the difference of mean logarithms.
 *
 * Chosen by simulation (normal noise of 3 to 8 %; Student's t with 3 degrees; a tenth of the runs slowed by four
 * deviations). From eight values ranks lose one to three points of power under normal noise and win five to ten under the
 * other two, which are what a shared machine gives. Below eight, means win everywhere, since ranks of so few take few
 * values. Medians are no statistic for a test of so few: 6 of the 252 ways to split 5 v 5 share the largest difference of
 * medians in either direction, so p could not fall below 0.048. Unpaired tests of paired values are valid and cautious:
 * blocks in common make the groups more alike than the test supposes.
 */
export function chooseTest(design: TestDesign, options: PermutationOptions): DifferenceTest {
  const { base, head, paired, family, alpha } = design;
  const flipped = 2 / 2 ** base;
  if (paired && base >= RANKS_FROM && flipped * family <= alpha) {
    const critical = criticalW(base, alpha / family);
    return {
      name: 'signed ranks of blocks',
      smallestP: flipped,
      p: (groups) => signedRankTest(ratios(groups), options).p,
      shiftNeeded: (groups) => shiftTo(critical, walshAverages(ratios(groups))),
    };
  }
  const critical = criticalU(base, head, alpha / family);
  const shiftNeeded = (groups: Groups): number | undefined => shiftTo(critical, allDifferences(groups));
  const smallestP = 2 / combinations(base + head, base);
  return Math.min(base, head) >= RANKS_FROM
    ? { name: 'ranks', smallestP, p: ({ base: b, head: h }) => mannWhitney(b, h).p, shiftNeeded }
    : {
        name: 'means of logarithms',
        smallestP,
        p: ({ base: b, head: h }) => permutationTest(b, h, differenceOfMeans, options).p,
        shiftNeeded,
      };
}

/** Logarithms of the blocks' ratios. */
export function ratios({ base, head }: Groups): number[] {
  return head.map((value, block) => value - (base[block] ?? Number.NaN));
}

function differenceOfMeans(base: number[], head: number[]): number {
  return head.reduce((a, b) => a + b, 0) / head.length - base.reduce((a, b) => a + b, 0) / base.length;
}

/**
 * U counts the differences head − base above zero, W the averages of two differences (Tukey's form of the signed-rank sum):
 * either test rejects once the `critical`-th largest of them is above zero.
 */
function shiftTo(critical: number | undefined, sorted: Float64Array): number | undefined {
  const last = critical === undefined ? undefined : sorted[sorted.length - critical];
  return last === undefined ? undefined : -last;
}

function allDifferences({ base, head }: Groups): Float64Array {
  const result = new Float64Array(base.length * head.length);
  for (let i = 0; i < head.length; i += 1) {
    for (let j = 0; j < base.length; j += 1) result[i * base.length + j] = (head[i] ?? 0) - (base[j] ?? 0);
  }
  return result.sort();
}

function walshAverages(differences: readonly number[]): Float64Array {
  const result = new Float64Array((differences.length * (differences.length + 1)) / 2);
  let at = 0;
  for (let i = 0; i < differences.length; i += 1) {
    for (let j = i; j < differences.length; j += 1) {
      result[at] = ((differences[i] ?? 0) + (differences[j] ?? 0)) / 2;
      at += 1;
    }
  }
  return result.sort();
}

// Do paired differences lie on one side of zero, weighed by rank so that an outlier counts no more than any other?

import { type PermutationOptions, type PermutationResult, signFlipTest } from './permutation.ts';

/**
 * Wilcoxon's signed-rank test (1945), "Individual Comparisons by Ranking Methods", as the sign-flip permutation test of
 * the signed ranks: exact with ties and zeros too, up to 14 differences; by `resamples` sign patterns beyond. Zeros keep
 * no rank (Wilcoxon's own treatment).
 *
 * @throws {RangeError} without differences, or when one is not finite.
 */
export function signedRankTest(
  differences: readonly number[],
  options: PermutationOptions,
): PermutationResult {
  if (!differences.every(Number.isFinite)) throw new RangeError('ranks need finite values');
  return signFlipTest(signedRanks(differences), (ranks) => ranks.reduce((a, b) => a + b, 0), options);
}

/** The rank of each |difference| with the difference's sign; ties share the mean of their ranks; 0 where it is zero. */
function signedRanks(differences: readonly number[]): number[] {
  const sizes = differences.map(Math.abs).filter((size) => size > 0);
  return differences.map((difference) => {
    const size = Math.abs(difference);
    if (size === 0) return 0;
    const smaller = sizes.filter((other) => other < size).length;
    const equal = sizes.filter((other) => other === size).length;
    return Math.sign(difference) * (smaller + (equal + 1) / 2);
  });
}

/**
 * The smallest sum of positive ranks from which the exact test of n differences without ties rejects at the two-sided
 * level `alpha`. `undefined` when not even n differences of one sign do.
 */
export function criticalW(n: number, alpha: number): number | undefined {
  const most = (n * (n + 1)) / 2;
  const counts = new Array<number>(most + 1).fill(0);
  counts[0] = 1;
  for (let rank = 1; rank <= n; rank += 1) {
    for (let w = most; w >= rank; w -= 1) counts[w] = (counts[w] ?? 0) + (counts[w - rank] ?? 0);
  }
  let tail = 0;
  for (let w = most; w >= 0; w -= 1) {
    tail += counts[w] ?? 0;
    if ((2 * tail) / 2 ** n > alpha) return w === most ? undefined : w + 1;
  }
  return 0;
}

// How do a few independent runs spread? Median, quantiles, range and paired ratios, without any claim of significance.

/** The middle and the ends of `n` independent figures; the ends are the smallest and the largest seen, not an interval of confidence. */
export type Spread = {
  readonly n: number;
  readonly median: number;
  readonly min: number;
  readonly max: number;
};

/**
 * The `q`-quantile of `values` (0 ≤ q ≤ 1) by linear interpolation between order statistics: type 7 of Hyndman and Fan,
 * "Sample Quantiles in Statistical Packages" (1996), the default of R and NumPy. `undefined` without values.
 *
 * @throws {RangeError} when `q` lies outside [0, 1] or a value is not a finite number: both are bugs of the caller.
 */
export function quantile(values: readonly number[], q: number): number | undefined {
  if (!(q >= 0 && q <= 1)) throw new RangeError(`a quantile lies between 0 and 1, not at ${q}`);
  if (!values.every(Number.isFinite)) throw new RangeError('a quantile needs finite values');
  const sorted = values.toSorted((a, b) => a - b);
  const position = (sorted.length - 1) * q;
  const below = sorted[Math.floor(position)];
  const above = sorted[Math.ceil(position)];
  if (below === undefined || above === undefined) return undefined;
  return below + (above - below) * (position - Math.floor(position));
}

/** The median of `values`; the mean of the middle two when their number is even. `undefined` without values. */
export function median(values: readonly number[]): number | undefined {
  return quantile(values, 0.5);
}

/**
 * The median of `values`, which it reorders, for resampling: thousands of medians of a handful of values each, where a copy
 * and the checks of `median` would cost more than the answer. NaN without values; the values must be finite.
 */
export function medianInPlace(values: number[]): number {
  // Insertion sort: the built-in sort costs several times more for the sizes at hand, and is better beyond them.
  if (values.length > 40) values.sort((a, b) => a - b);
  else {
    for (let i = 1; i < values.length; i += 1) {
      const value = values[i] ?? Number.NaN;
      let j = i - 1;
      for (; j >= 0 && (values[j] ?? Number.NaN) > value; j -= 1) values[j + 1] = values[j] ?? Number.NaN;
      values[j + 1] = value;
    }
  }
  const upper = values.length >> 1;
  const above = values[upper] ?? Number.NaN;
  return values.length % 2 === 1 ? above : ((values[upper - 1] ?? Number.NaN) + above) / 2;
}

/** Median, minimum and maximum of `values`. `undefined` without values: no samples is never zero. */
export function spread(values: readonly number[]): Spread | undefined {
  const middle = median(values);
  const min = quantile(values, 0);
  const max = quantile(values, 1);
  if (middle === undefined || min === undefined || max === undefined) return undefined;
  return { n: values.length, median: middle, min, max };
}

/**
 * Spread of `numerator / denominator` over the pairs that have both: runs of one block share the state of the machine,
 * so their ratio varies less than the ratio of medians taken over different blocks. The middle is that of logarithms, so that
 * a ratio and its reverse are each other's inverse: of an even number the geometric mean of the middle two. Pairs with a
 * denominator of zero are left out. `undefined` when no pair remains.
 */
export function pairedRatio(
  numerator: ReadonlyMap<number, number>,
  denominator: ReadonlyMap<number, number>,
): Spread | undefined {
  const ratios: number[] = [];
  for (const [block, above] of numerator) {
    const below = denominator.get(block);
    if (below !== undefined && below !== 0) ratios.push(above / below);
  }
  const found = spread(ratios);
  if (found === undefined) return undefined;
  const sorted = ratios.toSorted((a, b) => a - b);
  const [below, above] = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]];
  return { ...found, median: Math.sqrt((below ?? 0) * (above ?? 0)) };
}

/**
 * The element whose `by` is the median: the lower one of the middle two when their number is even, so that the answer
 * is a run that took place. Ties go to the earlier element. `undefined` without items.
 */
export function medianElement<T>(items: readonly T[], by: (item: T) => number): T | undefined {
  const sorted = items.toSorted((a, b) => by(a) - by(b));
  return sorted[Math.floor((sorted.length - 1) / 2)];
}

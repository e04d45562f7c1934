// From which point on does a series no longer show how it started?

/** How to look for the end of the warm-up. Indices count values of the series. */
export type WarmUpOptions = {
  /** Never fewer values than these are discarded; 0 unless told. */
  readonly floor?: number;
  /** Never more values than these are discarded; half of the series unless told. */
  readonly cap?: number;
  /** How many values make a batch: m of MSER-m; 5 unless told. */
  readonly batch?: number;
};

/** Where the steady part begins. */
export type WarmUp = {
  /** The first value that is kept: the found end, but not before the floor; the cap when it was not found. */
  readonly index: number;
  /** Whether the rule found an end within the cap. Without one, what is kept may still be warming up. */
  readonly found: boolean;
};

/** Fewer batches than these say nothing about a trend. */
const LEAST_BATCHES = 10;

/** Nor can the variance of fewer batches than these be compared. */
const LEAST_KEPT = 6;

/**
 * The marginal standard error rule MSER-5: White (1997), "An Effective Truncation Heuristic for Bias Reduction in
 * Simulation Output", on batch means (White, Cobb and Spratt 2000, "A Comparison of Five Steady-State Truncation
 * Heuristics for Simulation"). Of k batch means Zⱼ it discards the first d that minimise Σ_{j>d} (Zⱼ − Z̄_d)² / (k − d)²:
 * discarding pays as long as it removes more bias than it costs precision. As White has it, at most half of
 * the series is a candidate (more only if the cap allows more): a handful of means at the end that happen to agree would
 * else win. A minimum beyond the cap, or at the last candidate, is "not found": the series has no steady part that is long
 * enough. Of equal minima the earliest. Values that do not fill a batch at the end are left out of the search, not of
 * what is kept. Not found with fewer than ten batches.
 *
 * @throws {RangeError} unless 0 ≤ floor ≤ cap ≤ length and batch ≥ 1 (integers), or when a value is not finite.
 */
export function warmUp(values: readonly number[], options: WarmUpOptions = {}): WarmUp {
  const { floor = 0, cap = Math.max(floor, values.length >> 1), batch = 5 } = options;
  if (
    ![floor, cap, batch].every(Number.isInteger) ||
    floor < 0 ||
    cap < floor ||
    cap > values.length ||
    batch < 1
  ) {
    throw new RangeError(
      `no warm-up between ${floor} and ${cap} of ${values.length} values in batches of ${batch}`,
    );
  }
  if (!values.every(Number.isFinite)) throw new RangeError('a warm-up needs finite values');
  const means = batchesOf(values, batch);
  if (means.length < LEAST_BATCHES) return { index: cap, found: false };
  const last = Math.min(Math.floor(Math.max(cap, values.length / 2) / batch), means.length - LEAST_KEPT);
  const discarded = leastStandardError(means, last);
  const end = discarded * batch;
  return end > cap || discarded === last
    ? { index: cap, found: false }
    : { index: Math.max(floor, end), found: true };
}

function batchesOf(values: readonly number[], size: number): number[] {
  const means: number[] = [];
  for (let start = 0; start + size <= values.length; start += size) {
    means.push(values.slice(start, start + size).reduce((a, b) => a + b, 0) / size);
  }
  return means;
}

/** How many of the first means to discard, `last` at most. Runs from the end with Welford's update, which loses no digits to large means. */
function leastStandardError(means: readonly number[], last: number): number {
  let best = { discarded: 0, error: Number.POSITIVE_INFINITY };
  let mean = 0;
  let squares = 0;
  for (let discarded = means.length - 1; discarded >= 0; discarded -= 1) {
    const kept = means.length - discarded;
    const value = means[discarded] ?? 0;
    const before = value - mean;
    mean += before / kept;
    squares += before * (value - mean);
    const error = squares / kept ** 2;
    if (discarded <= last && error <= best.error) best = { discarded, error };
  }
  return best.discarded;
}

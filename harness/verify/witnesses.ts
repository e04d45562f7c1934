// Did something begin after one instant and end before another?

/** Many stretches of time, asked the same question many times: sorted once, each answer a binary search. */
export class Witnesses {
  readonly #stretches: { readonly fromUs: number; readonly toUs: number }[] = [];
  #sorted: { readonly from: Float64Array; readonly earliestEnd: Float64Array } | undefined;

  add(fromUs: number, toUs: number): void {
    this.#stretches.push({ fromUs, toUs });
    this.#sorted = undefined;
  }

  /** Whether a stretch began after `afterUs` and had ended before `beforeUs`. */
  between(afterUs: number, beforeUs: number): boolean {
    const { from, earliestEnd } = this.#sort();
    let low = 0;
    let high = from.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((from[middle] ?? 0) > afterUs) high = middle;
      else low = middle + 1;
    }
    return low < from.length && (earliestEnd[low] ?? Number.POSITIVE_INFINITY) < beforeUs;
  }

  #sort() {
    if (this.#sorted !== undefined) return this.#sorted;
    const stretches = this.#stretches.sort((x, y) => x.fromUs - y.fromUs);
    const from = Float64Array.from(stretches, (s) => s.fromUs);
    // The earliest end of all that begin here or later.
    const earliestEnd = new Float64Array(from.length);
    let earliest = Number.POSITIVE_INFINITY;
    for (let i = from.length - 1; i >= 0; i -= 1) {
      earliest = Math.min(earliest, stretches[i]?.toUs ?? earliest);
      earliestEnd[i] = earliest;
    }
    this.#sorted = { from, earliestEnd };
    return this.#sorted;
  }
}

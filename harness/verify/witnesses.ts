// Did something begin after one instant and end before another?

/** Many stretches of time, asked the same question many times: sorted once, each answer a binary search. */
export class Witnesses {
  // Two lists of numbers: a long run has millions of stretches, and an object for each takes four times as much.
  readonly #from: number[] = [];
  readonly #to: number[] = [];
  #sorted: { readonly from: Float64Array; readonly earliestEnd: Float64Array } | undefined;

  add(fromUs: number, toUs: number): void {
    if (this.#sorted !== undefined) throw new Error('witnesses are heard before they are asked');
    this.#from.push(fromUs);
    this.#to.push(toUs);
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
    const order = Uint32Array.from(this.#from, (_, i) => i);
    const fromOf = (i: number): number => this.#from[i] ?? 0;
    // Jobs mostly come in the order of their keys already.
    if (order.some((i) => i > 0 && fromOf(i) < fromOf(i - 1))) order.sort((x, y) => fromOf(x) - fromOf(y));
    const from = Float64Array.from(order, fromOf);
    // The earliest end of all that begin here or later.
    const earliestEnd = new Float64Array(from.length);
    let earliest = Number.POSITIVE_INFINITY;
    for (let i = from.length - 1; i >= 0; i -= 1) {
      earliest = Math.min(earliest, this.#to[order[i] ?? 0] ?? earliest);
      earliestEnd[i] = earliest;
    }
    this.#from.length = 0;
    this.#to.length = 0;
    this.#sorted = { from, earliestEnd };
    return this.#sorted;
  }
}

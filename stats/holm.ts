// How sure is each of several tests once it is counted that there were several?

/**
 * p values adjusted for the size of their family, in the order given: Holm (1979), "A Simple Sequentially Rejective
 * Multiple Test Procedure". Rejecting what is ≤ α keeps the chance of any false rejection at most α, however the tests
 * depend on each other. The i-th smallest p (from 0) becomes max over j ≤ i of min(1, (m − j) p₍ⱼ₎).
 *
 * @throws {RangeError} when a p lies outside [0, 1].
 */
export function holm(pValues: readonly number[]): number[] {
  for (const p of pValues) if (!(p >= 0 && p <= 1)) throw new RangeError(`${p} is no p value`);
  const ascending = pValues.map((p, index) => ({ p, index })).sort((a, b) => a.p - b.p);
  const adjusted = new Array<number>(pValues.length).fill(1);
  let floor = 0;
  for (const [rank, { p, index }] of ascending.entries()) {
    floor = Math.max(floor, Math.min(1, p * (pValues.length - rank)));
    adjusted[index] = floor;
  }
  return adjusted;
}

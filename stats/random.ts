// Where does a resampling draw from? A seeded stream, so that a verdict can be computed again.

/** Draws uniformly from [0, 1). */
export type Random = () => number;

/**
 * A stream that the seed alone determines: sfc32 (Chris Doty-Humphrey's small fast counting generator, PractRand). The
 * seed is a non-negative safe integer; its 53 bits are all used.
 *
 * @throws {RangeError} when the seed is no such integer.
 */
export function seeded(seed: number): Random {
  if (!Number.isSafeInteger(seed) || seed < 0)
    throw new RangeError(`a seed is a non-negative integer, not ${seed}`);
  let a = seed | 0;
  let b = Math.floor(seed / 2 ** 32) | 0;
  let c = 0x9e3779b9 | 0;
  let counter = 1;
  const next = (): number => {
    const t = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + t) | 0;
    return (t >>> 0) / 2 ** 32;
  };
  for (let i = 0; i < 15; i += 1) next();
  return next;
}

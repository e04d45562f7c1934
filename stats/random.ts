// Where does chance come from? Seeded streams, so that a run can be repeated and a verdict computed again.

/** Draws uniformly from [0, 1). */
export type Random = () => number;

/** Where the golden ratio's binary digits begin: a third word for a stream without a label. */
const NO_LABEL = 0x9e3779b9;
/** Draws that are thrown away until a seed's few bits have spread through all words. */
const MIXED_AFTER = 15;

/**
 * A stream that the seed alone determines. The seed is a non-negative safe integer; its 53 bits are all used.
 *
 * @throws {RangeError} when the seed is no such integer.
 */
export function seeded(seed: number): Random {
  if (!Number.isSafeInteger(seed) || seed < 0)
    throw new RangeError(`a seed is a non-negative integer, not ${seed}`);
  return sfc32(seed, NO_LABEL);
}

/** A stream of its own for each (seed, label): two labels never share draws, whatever is drawn first (FNV-1a of the label). */
export function randomStream(seed: number, label: string): Random {
  return sfc32(seed, hashOf(label));
}

/** One draw from [0, 1) for a key, or for each `turn` of it. */
export type KeyedDraw = (key: number, turn?: number) => number;

/** What a key draws depends on seed, label, key and turn alone: any process draws the same for it, in any order. Whole numbers from 0. */
export function keyedDraw(seed: number, label: string): KeyedDraw {
  const word = hashOf(label);
  return (key, turn = 0) =>
    sfc32(seed, Math.imul(word ^ key, 0x01000193) ^ Math.imul(turn, 0x85ebca6b), key)();
}

/** FNV-1a. */
function hashOf(label: string): number {
  let hash = 0x811c9dc5;
  for (const character of label) {
    hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193);
  }
  return hash;
}

/** A new array with the same items in random order (Fisher–Yates). */
export function shuffled<T>(items: readonly T[], random: Random): T[] {
  const result = [...items];
  for (let i = result.length - 1; i > 0; i -= 1) {
    const j = Math.floor(random() * (i + 1));
    const [x, y] = [result[i], result[j]];
    if (x !== undefined && y !== undefined) {
      result[i] = y;
      result[j] = x;
    }
  }
  return result;
}

/** Chris Doty-Humphrey's small fast counting generator (PractRand). */
function sfc32(seed: number, word: number, key = 0): Random {
  let a = seed | 0;
  // A seed has 21 bits here: a key is spread over all of them.
  let b = Math.floor(seed / 2 ** 32) ^ Math.imul(key, NO_LABEL);
  let c = word | 0;
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
  for (let i = 0; i < MIXED_AFTER; i += 1) next();
  return next;
}

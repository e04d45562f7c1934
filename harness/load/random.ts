// Where does chance come from? Seeded streams, so that a run can be repeated.

/** Draws uniformly from [0, 1). */
export type Random = () => number;

/**
 * A stream of its own for each (seed, label): two labels never share draws, whatever is drawn first. sfc32 (Chris
 * Doty-Humphrey's small fast counting generator), seeded by a 32-bit mix of the label (FNV-1a).
 */
export function randomStream(seed: number, label: string): Random {
  let hash = 0x811c9dc5;
  for (const character of label) {
    hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193);
  }
  let a = seed | 0;
  let b = Math.floor(seed / 2 ** 32) | 0;
  let c = hash | 0;
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

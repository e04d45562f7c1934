// What did the user mean? The nearest right word for a wrong one.

import { distance } from 'fastest-levenshtein';

/** `; did you mean X?` when a known word is near, else the known words. */
export function suggestion(wrong: string, known: readonly string[]): string {
  const near = nearest(wrong, known);
  return near === undefined ? `; there are: ${known.join(', ')}` : `; did you mean ${near}?`;
}

/** The nearest known word; `undefined` when none is near. */
export function nearest(wrong: string, known: readonly string[]): string | undefined {
  const [first] = known
    .map((word) => ({ word, far: distance(wrong.toLowerCase(), word.toLowerCase()) }))
    .sort((x, y) => x.far - y.far);
  return first !== undefined && first.far <= Math.max(2, Math.floor(wrong.length / 3))
    ? first.word
    : undefined;
}

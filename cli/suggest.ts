// What did the user mean? The nearest right word for a wrong one.

import { distance } from 'fastest-levenshtein';

/** `; did you mean X?` when a known word is near, else the known words. */
export function suggestion(wrong: string, known: readonly string[]): string {
  const ranked = known
    .map((word) => ({ word, far: distance(wrong.toLowerCase(), word.toLowerCase()) }))
    .sort((x, y) => x.far - y.far);
  const nearest = ranked[0];
  if (nearest !== undefined && nearest.far <= Math.max(2, Math.floor(wrong.length / 3))) {
    return `; did you mean ${nearest.word}?`;
  }
  return `; there are: ${known.join(', ')}`;
}

// What is said of a comparison before any table, alike in all formats?

import type { ComparisonDocument } from '../../compare/document.ts';
import { comparedPairs } from '../../tables/comparison.ts';
import { plural } from '../format.ts';

/** What was compared with what. */
export function headlineOf({ comparisons }: ComparisonDocument): string {
  const pairs = comparedPairs(comparisons);
  const bases = [...new Set(pairs.map((pair) => pair.base.contender))];
  const heads = [...new Set(pairs.map((pair) => pair.head.contender))];
  const [base, head] = [bases[0], heads[0]];
  if (bases.length === 1 && heads.length === 1 && base !== undefined && head !== undefined)
    return base === head ? `${head}, head against base` : `${head} against ${base}`;
  return bases.length === 1
    ? `${plural(heads.length, 'contender')} against ${base}`
    : `${plural(pairs.length, 'comparison')}`;
}

/** Loud marks: a forced comparison says so before anything else. */
export function marksOf({ forced }: ComparisonDocument): string[] {
  return forced.map((difference) => `FORCED, NOT COMPARABLE: ${difference}`);
}

// How many differences would chance alone name among so many comparisons?

import type { Comparison } from '../../harness/result/result.ts';
import { formatCount } from '../render/format.ts';
import { comparedPairs } from './comparison.ts';

/** Up to here a reader allows for it. */
const A_HANDFUL = 5;

/** What Holm's correction holds the chance of any false verdict in one family to. */
const LEVEL = 0.05;

/** One sentence where more than a handful of pairs were tested; a family is performance or cost of one pair in one scenario. */
export function chanceNote(comparisons: readonly Comparison[]): string | undefined {
  const tested = comparedPairs(comparisons.filter((one) => one.pAdjusted !== undefined));
  if (tested.length <= A_HANDFUL) return undefined;
  const families = tested.reduce((sum, { rows }) => sum + new Set(rows.map((row) => row.family)).size, 0);
  const byChance = Number((families * LEVEL).toFixed(1));
  return `${formatCount(tested.length)} pairs are judged in ${formatCount(families)} families of metrics, each at ${LEVEL} for itself: if nothing differed, chance could still name a difference in up to ${byChance} of them.`;
}

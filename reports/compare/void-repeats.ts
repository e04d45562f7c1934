// Are the repeats that are left a fair sample? How many of a side's are void, and for what.

import { shortReasons } from '../reasons.ts';
import { formatCount, plural } from '../render/format.ts';
import { cellsOf, nameOf, type Side } from './workload.ts';

/** Above this share those that are left are the ones that luck was kind to. */
const VOID_SHARE = 0.2;

/** `3 of 10 repeats of x in drain are void: …`; absent when none is. */
export function voidText(side: Side, scenario: string): string | undefined {
  const cells = cellsOf(side, scenario);
  const gone = cells.filter((cell) => cell.verdict === 'invalid');
  if (gone.length === 0) return undefined;
  const reasons = shortReasons(gone.flatMap((cell) => cell.reasons));
  const count = `${formatCount(gone.length)} of ${plural(cells.length, 'repeat')} of ${nameOf(side)}`;
  return `${count} in ${scenario} ${gone.length === 1 ? 'is' : 'are'} void: ${reasons}`;
}

/** Why a side's verdicts are no verdicts: more than a fifth of its repeats are void. */
export function tooManyVoid(side: Side, scenario: string): string | undefined {
  const cells = cellsOf(side, scenario);
  const gone = cells.filter((cell) => cell.verdict === 'invalid').length;
  return gone > cells.length * VOID_SHARE
    ? `${voidText(side, scenario)}; what is left is no fair sample`
    : undefined;
}

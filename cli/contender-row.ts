// What does `list` say of a contender?

import { CONTENDERS } from '../harness/contenders/index.ts';

type Definition = (typeof CONTENDERS)[number];

/** The axes of the reference queue, which most contenders are: said once, so that only others are named. */
const COMMON: readonly string[] = CONTENDERS[0]?.axes ?? [];

/** What holds for every contender that says nothing else, as one line. */
export const COMMON_AXES = `axes, unless said otherwise: ${COMMON.join(', ')}`;

/** In words for a table, and as data for `--json`. `axes` are those that the contender leaves open. */
export function contenderRow({ name, summary, class: contract, axes, fixed = {} }: Definition) {
  const open = axes.filter((axis) => !(axis in fixed));
  const lines = [`${summary} [${contract}]`, ...otherAxes(open)];
  return { name, text: lines.join('\n'), summary, class: contract, axes: open, fixed };
}

function otherAxes(open: readonly string[]): readonly string[] {
  const without = COMMON.filter((axis) => !open.includes(axis));
  if (without.length === 0 && open.length === COMMON.length) return [];
  return [without.length < open.length ? `without ${without.join(', ')}` : `axes: ${open.join(', ')}`];
}

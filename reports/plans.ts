// Which plans did each contender's statements run with, and which of them read more than they should?

import type { Plan } from '../harness/result/result.ts';
import type { Bundle } from './bundle.ts';
import type { FindingNote } from './findings.ts';
import { formatNumber, plural } from './render/format.ts';
import type { Series } from './series.ts';
import { type Panel, typicalCell } from './summary.ts';

/** Plans of one contender, from the repeat that stands for it. */
export type ContenderPlans = {
  readonly series: Series;
  readonly plans: readonly Plan[];
  /** Statements that ran with more than one shape of plan: one for given values and a generic one, or a true flip. */
  readonly flips: number;
};

/** Of each measured row that has any. */
export function plansOf(panel: Panel, bundle: Bundle): ContenderPlans[] {
  return panel.rows.flatMap((row): ContenderPlans[] => {
    const cell = typicalCell(row);
    const plans = cell === undefined ? undefined : bundle.plans.get(cell.id);
    if (plans === undefined || plans.length === 0) return [];
    const shapes = new Map<string, number>();
    for (const { role, query } of plans) shapes.set(role + query, (shapes.get(role + query) ?? 0) + 1);
    return [{ series: row.series, plans, flips: [...shapes.values()].filter((n) => n > 1).length }];
  });
}

/** Rows that the planner expects, from which on a scan of a whole table, or a sort, is worth a word. */
const MANY_ROWS = { scan: 1_000, sort: 10_000 } as const;
const NODE =
  /^\s*(?:->\s+)?((?:Parallel )?Seq Scan on \S+|(?:Incremental )?Sort\b).*?\(cost=[^)]*? rows=(\d+)/;

/**
 * Sequential scans of large tables, and sorts of many rows, as the planner estimated them when the plan was made: the
 * largest of each plan. A plan made on an empty table expects few rows and is not found.
 */
function costlyNode(plan: Plan): { readonly node: string; readonly rows: number } | undefined {
  const found = plan.plan.split('\n').flatMap((line) => {
    const [, node, rows] = NODE.exec(line) ?? [];
    if (node === undefined) return [];
    const least = node.includes('Scan') ? MANY_ROWS.scan : MANY_ROWS.sort;
    return Number(rows) >= least ? [{ node, rows: Number(rows) }] : [];
  });
  return found.toSorted((a, b) => b.rows - a.rows)[0];
}

/** One finding for each contender whose statements read or sort whole tables. */
export function planFindings(panel: Panel, bundle: Bundle): FindingNote[] {
  return plansOf(panel, bundle).flatMap(({ series, plans }): FindingNote[] => {
    const told = wholeTablePlans(plans);
    if (told.size === 0) return [];
    return [
      {
        tone: 'warn',
        title: `${series.label} reads or sorts a whole table in ${panel.scenario}`,
        text: `${[...told.values()].join('; ')}. Its cost grows with the backlog; see the plans.`,
      },
    ];
  });
}

/** The statements that read or sort a whole table, by their text, each with the node, its rows and when it was seen. */
export function wholeTablePlans(plans: readonly Plan[]): Map<string, string> {
  const told = new Map<string, string>();
  for (const plan of plans) {
    const costly = costlyNode(plan);
    if (costly === undefined || told.has(plan.query)) continue;
    const seen =
      plan.how === 'auto_explain'
        ? `seen from ${formatNumber(Math.max(0, plan.firstSeconds ?? 0))} to ${formatNumber(plan.lastSeconds ?? 0)} s`
        : plan.how;
    told.set(
      plan.query,
      `${plan.statement}: ${costly.node}, ${plural(costly.rows, 'row')} expected, ${seen}`,
    );
  }
  return told;
}

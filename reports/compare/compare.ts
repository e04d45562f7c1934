// Is one contender better than another, worse, or can these repeats not tell? Cells of two sides → verdicts per metric.

import type { Cell, Comparison, RunResult } from '../../harness/result.ts';
import { type Judgement, judge, type MetricSamples } from '../../stats/judge.ts';
import { seeded } from '../../stats/random.ts';
import { median } from '../../stats/spread.ts';
import { plural } from '../render/format.ts';
import { type Metric, metricsOf } from './metrics.ts';

/** Effects below 5 % are not worth a name, unless the reader says otherwise. */
export const DEFAULT_MIN_EFFECT = 0.05;

/** One contender of one bundle. */
export type Side = { readonly result: RunResult; readonly contender: string };

export type CompareOptions = {
  /** As a share: 0.05 is 5 %. */
  readonly minEffect: number;
  /** Absent: every scenario that either side has. */
  readonly scenarios?: readonly string[];
};

/** All metrics of two sides in every scenario, in the order of the base's scenarios. The same cells give the same verdicts. */
export function compareSides(base: Side, head: Side, options: CompareOptions): Comparison[] {
  const scenarios = new Set([...scenariosOf(base), ...scenariosOf(head)]);
  const wanted = options.scenarios;
  return [...scenarios]
    .filter((name) => wanted === undefined || wanted.includes(name))
    .flatMap((scenario) => compareScenario(base, head, scenario, options.minEffect));
}

/** Every other contender of a run against one, the first when not said. Empty with one contender. */
export function compareWithin(
  result: RunResult,
  options: Partial<CompareOptions> & { readonly base?: string; readonly heads?: readonly string[] } = {},
): Comparison[] {
  const base = options.base ?? result.contenders[0];
  if (base === undefined) return [];
  const heads = options.heads ?? result.contenders.filter((name) => name !== base);
  const settings = { ...options, minEffect: options.minEffect ?? DEFAULT_MIN_EFFECT };
  return heads.flatMap((contender) =>
    compareSides({ result, contender: base }, { result, contender }, settings),
  );
}

function scenariosOf({ result, contender }: Side): string[] {
  const present = new Set(
    result.cells.filter((cell) => cell.contender.name === contender).map((cell) => cell.scenario),
  );
  return result.scenarios.map((scenario) => scenario.name).filter((name) => present.has(name));
}

function compareScenario(base: Side, head: Side, scenario: string, minEffect: number): Comparison[] {
  const sides = [base, head].map((side) => cellsOf(side, scenario)) as [Cell[], Cell[]];
  const model = [...sides[0], ...sides[1]][0]?.window.loadModel;
  if (model === undefined) return [];
  const why = withheld(base, sides[0], scenario) ?? withheld(head, sides[1], scenario);
  const measured = sides.map((cells) => cells.filter((cell) => cell.verdict === 'valid')) as [Cell[], Cell[]];
  const metrics = metricsOf(model).filter((metric) =>
    measured.some((cells) => cells.some((cell) => metric.read(cell) !== undefined)),
  );
  if (why !== undefined) {
    // At least one line, or a side without a single figure would vanish from the comparison.
    const shown = metrics.length > 0 ? metrics : metricsOf(model).slice(0, 1);
    return shown.map((metric) => row(metric, base, head, measured, scenario, minEffect, why));
  }
  return (['performance', 'cost'] as const).flatMap((family) =>
    judgeFamily(
      metrics.filter((metric) => metric.family === family),
      { base, head, measured, scenario, minEffect },
    ),
  );
}

function cellsOf({ result, contender }: Side, scenario: string): Cell[] {
  return result.cells.filter((cell) => cell.scenario === scenario && cell.contender.name === contender);
}

/** Why a side has no figures to be compared by. One incorrect repeat voids all of them, as in every table. */
function withheld(side: Side, cells: readonly Cell[], scenario: string): string | undefined {
  const incorrect = cells.filter((cell) => cell.verdict === 'incorrect').length;
  if (incorrect > 0)
    return `${side.contender} is incorrect in ${plural(incorrect, 'repeat')} of ${scenario}: it has no figures`;
  if (cells.length === 0) return `${side.contender} was not run in ${scenario}`;
  return cells.some((cell) => cell.verdict === 'valid')
    ? undefined
    : `no repeat of ${side.contender} in ${scenario} is valid`;
}

type Pair = {
  readonly base: Side;
  readonly head: Side;
  readonly measured: readonly [Cell[], Cell[]];
  readonly scenario: string;
  readonly minEffect: number;
};

function judgeFamily(metrics: readonly Metric[], pair: Pair): Comparison[] {
  const { base, head, measured, scenario, minEffect } = pair;
  const values = metrics.map((metric) => ({ metric, ...valuesOf(metric, pair) }));
  const whole = values.filter((one) => one.lacking === undefined);
  const inputs = whole.map(
    ({ metric, base: b, head: h, paired }): MetricSamples => ({
      metric: metric.key,
      better: metric.better,
      base: b,
      head: h,
      paired,
    }),
  );
  // The seed is of the data, so that a comparison that is made anew says the same.
  const random = seeded((base.result.seed + head.result.seed) % Number.MAX_SAFE_INTEGER);
  const judged = new Map(judge(inputs, { minEffect, random }).map((one) => [one.metric, one]));
  return values.map(({ metric, lacking, paired }) => {
    const verdict = judged.get(metric.key);
    return verdict === undefined
      ? row(metric, base, head, measured, scenario, minEffect, lacking ?? 'not judged', '~')
      : judgedRow(row(metric, base, head, measured, scenario, minEffect, verdict.reason), verdict, paired);
  });
}

/** The repeats' figures; pairs of one block first and in the same order, where both sides are of one run. */
function valuesOf(
  metric: Metric,
  { base, head, measured: [bases, heads] }: Pair,
): { base: number[]; head: number[]; paired: boolean; lacking?: string } {
  const missing = [...bases, ...heads].filter((cell) => metric.read(cell) === undefined).length;
  if (missing > 0) {
    const all = bases.length + heads.length;
    return {
      base: [],
      head: [],
      paired: false,
      lacking: `${missing} of ${all} repeats have too few samples for it`,
    };
  }
  const read = (cell: Cell): number => metric.read(cell) ?? Number.NaN;
  if (base.result.runId === head.result.runId) {
    const byBlock = new Map(heads.map((cell) => [cell.block, cell]));
    const pairs = bases.flatMap((cell) => {
      const other = byBlock.get(cell.block);
      return other === undefined ? [] : [[read(cell), read(other)] as const];
    });
    // Pairs only when nothing is lost by it: a repeat without a partner is a figure as good as any other.
    if (pairs.length === bases.length && pairs.length === heads.length)
      return { base: pairs.map(([b]) => b), head: pairs.map(([, h]) => h), paired: true };
  }
  return { base: bases.map(read), head: heads.map(read), paired: false };
}

function row(
  metric: Metric,
  base: Side,
  head: Side,
  [bases, heads]: readonly [Cell[], Cell[]],
  scenario: string,
  minEffect: number,
  reason: string,
  verdict: Comparison['verdict'] = 'invalid',
): Comparison {
  const side = ({ result, contender }: Side, cells: readonly Cell[]): Comparison['base'] => {
    const middle = median(cells.flatMap((cell) => metric.read(cell) ?? []));
    const repeats = cells.length;
    return { runId: result.runId, contender, repeats, ...(middle === undefined ? {} : { median: middle }) };
  };
  return {
    scenario,
    metric: metric.key,
    family: metric.family,
    unit: metric.unit,
    better: metric.better,
    base: side(base, bases),
    head: side(head, heads),
    design: 'unpaired',
    verdict,
    reason,
    minEffect,
  };
}

function judgedRow(plain: Comparison, judged: Judgement, paired: boolean): Comparison {
  const { verdict, reason, effect, low, high, pAdjusted, noiseFloor, detectable, test } = judged;
  const figures = { effect, low, high, pAdjusted, noiseFloor, detectable, test };
  const known = Object.entries(figures).filter(([, value]) => value !== undefined);
  const design = paired ? 'paired' : 'unpaired';
  return { ...plain, verdict, reason, design, ...Object.fromEntries(known) };
}

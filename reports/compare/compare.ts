// Is one contender better than another, worse, or can these repeats not tell? Cells of two sides → verdicts per metric.

import type { Cell, Comparison } from '../../harness/result/result.ts';
import { type Judgement, judge, type MetricSamples } from '../../stats/judge.ts';
import { seeded } from '../../stats/random.ts';
import { median } from '../../stats/spread.ts';
import { formatShare, plural } from '../render/format.ts';
import { durabilityApart } from './durability.ts';
import { fellBehind, isLowerBound, type Metric, metricsOf } from './metrics.ts';
import { tooManyVoid } from './void-repeats.ts';
import { cellsOf, nameOf, offeredApart, type Side } from './workload.ts';

/** Effects below 5 % are not worth a name, unless the reader says otherwise. */
export const DEFAULT_MIN_EFFECT = 0.05;

export type CompareOptions = {
  /** As a share: 0.05 is 5 %. */
  readonly minEffect: number;
  /** Absent: every scenario that either side has. */
  readonly scenarios?: readonly string[];
  /** Judges sides that are not alike too: for whoever marks it. */
  readonly force?: boolean;
};

/** All metrics of two sides in every scenario, in the order of the base's scenarios. The same cells give the same verdicts. */
export function compareSides(base: Side, head: Side, options: CompareOptions): Comparison[] {
  const scenarios = new Set([...scenariosOf(base), ...scenariosOf(head)]);
  const wanted = options.scenarios;
  return [...scenarios]
    .filter((name) => wanted === undefined || wanted.includes(name))
    .flatMap((scenario) => compareScenario(base, head, scenario, options));
}

/**
 * Why the figures of two sides are no match in a scenario, for the whole of it: another durability, or another rate. Two runs
 * of one contender whose rate is a share of what it settles differ in it by nature: that is a caveat.
 */
export function unlike(base: Side, head: Side, scenario: string): string | undefined {
  const durability = durabilityApart(base, head, scenario);
  if (durability !== undefined) return durability;
  const ownShare = base.result !== head.result && base.contender === head.contender;
  const offered = ownShare ? undefined : offeredApart(base, head, scenario);
  // Costs too: idle polls and full-page images are shared among more jobs at a higher rate.
  return offered && `${scenario} offered ${offered}: a share of each one's own capacity`;
}

function scenariosOf({ result, contender }: Side): string[] {
  const present = new Set(
    result.cells.filter((cell) => cell.contender.name === contender).map((cell) => cell.scenario),
  );
  return result.scenarios.map((scenario) => scenario.name).filter((name) => present.has(name));
}

function compareScenario(
  base: Side,
  head: Side,
  scenario: string,
  { minEffect, force = false }: CompareOptions,
): Comparison[] {
  const sides = [cellsOf(base, scenario), cellsOf(head, scenario)] as const;
  const model = [...sides[0], ...sides[1]][0]?.window.loadModel;
  if (model === undefined) return [];
  const valid = (cells: readonly Cell[]): Cell[] => cells.filter((cell) => cell.verdict === 'valid');
  const measured: Pair['measured'] = [valid(sides[0]), valid(sides[1])];
  const known = metricsOf(model, measured.flat().some(fellBehind));
  const metrics = known.filter((metric) => measured.flat().some((cell) => metric.read(cell) !== undefined));
  const pair: Pair = { base, head, measured, scenario, minEffect };
  const invalid =
    withheld(base, sides[0], scenario) ??
    withheld(head, sides[1], scenario) ??
    (force ? undefined : unlike(base, head, scenario));
  // At least one line, or a side without a single figure would vanish from the comparison.
  const shown = metrics.length > 0 ? metrics : known.slice(0, 1);
  if (invalid !== undefined) return shown.map((metric) => row(metric, pair, invalid));
  const few = tooManyVoid(base, scenario) ?? tooManyVoid(head, scenario);
  if (few !== undefined) return shown.map((metric) => row(metric, pair, few, '~'));
  return (['performance', 'cost'] as const).flatMap((family) =>
    judgeFamily(
      metrics.filter((metric) => metric.family === family),
      pair,
    ),
  );
}

/** Why a side has no figures to be compared by. One incorrect repeat voids all of them, as in every table. */
function withheld(side: Side, cells: readonly Cell[], scenario: string): string | undefined {
  const incorrect = cells.filter((cell) => cell.verdict === 'incorrect').length;
  if (incorrect > 0)
    return `${nameOf(side)} is incorrect in ${plural(incorrect, 'repeat')} of ${scenario}: it has no figures`;
  if (cells.length === 0) return `${nameOf(side)} was not run in ${scenario}`;
  return cells.some((cell) => cell.verdict === 'valid')
    ? undefined
    : `no repeat of ${nameOf(side)} in ${scenario} is valid`;
}

type Pair = {
  readonly base: Side;
  readonly head: Side;
  readonly measured: readonly [Cell[], Cell[]];
  readonly scenario: string;
  readonly minEffect: number;
};

function judgeFamily(metrics: readonly Metric[], pair: Pair): Comparison[] {
  const { base, head, minEffect } = pair;
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
      ? row(metric, pair, lacking ?? 'not judged', '~')
      : judgedRow(row(metric, pair, verdict.reason), verdict, paired);
  });
}

type Values = { base: number[]; head: number[]; paired: boolean; lacking?: string };

/** The repeats' figures; pairs of one block first and in the same order, where both sides are of one run. */
function valuesOf(metric: Metric, pair: Pair): Values {
  const {
    base,
    head,
    measured: [bases, heads],
  } = pair;
  const lacking = samplesLacking(metric, pair);
  if (lacking !== undefined) return { base: [], head: [], paired: false, lacking };
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

/** Why a metric has not a figure in each repeat; a lower bound is none. */
function samplesLacking(metric: Metric, { base, head, measured: [bases, heads] }: Pair): string | undefined {
  const all = [...bases, ...heads];
  const left = [unfinishedText(metric, base, bases), unfinishedText(metric, head, heads)].flatMap(
    (text) => text ?? [],
  );
  if (left.length > 0) return `a lower bound: ${left.join(', ')} had not ended`;
  const missing = all.filter((cell) => metric.read(cell) === undefined).length;
  return missing > 0 ? `${missing} of ${all.length} repeats have too few samples for it` : undefined;
}

/** `12 % of the jobs of x`, where that makes a figure of x a lower bound. */
function unfinishedText(metric: Metric, side: Side, cells: readonly Cell[]): string | undefined {
  if (!cells.some((cell) => isLowerBound(metric, cell))) return undefined;
  const sum = (key: 'count' | 'unfinished'): number =>
    cells.reduce((total, cell) => total + (metric.samples?.(cell)?.[key] ?? 0), 0);
  return `${formatShare(sum('unfinished') / sum('count'))} of the jobs of ${nameOf(side)}`;
}

function row(
  metric: Metric,
  { base, head, measured: [bases, heads], scenario, minEffect }: Pair,
  reason: string,
  verdict: Comparison['verdict'] = 'invalid',
): Comparison {
  const side = ({ result, contender }: Side, cells: readonly Cell[]): Comparison['base'] => {
    const middle = median(cells.flatMap((cell) => metric.read(cell) ?? []));
    return {
      runId: result.runId,
      contender,
      repeats: cells.length,
      ...(middle === undefined ? {} : { median: middle }),
      ...(cells.some((cell) => isLowerBound(metric, cell)) ? { lowerBound: true } : {}),
    };
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

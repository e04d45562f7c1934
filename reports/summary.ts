// What did each contender achieve in each scenario? Cells become panels of rows: medians and ranges over repeats.

import type { Histogram } from 'hdr-histogram-js';
import type { Cell, ContractClass, RunResult } from '../harness/result/result.ts';
import { medianElement, pairedRatio, type Spread, spread } from '../stats/spread.ts';
import { boundFromUs, isBound } from './bounds.ts';
import { type Bundle, CURVES, type CurveMetric } from './bundle.ts';
import { mergeHistograms } from './hlog.ts';
import { slug } from './render/escape.ts';
import { type Series, seriesOf } from './series.ts';

/** A figure, or the reason why there is none. `bound`: in a repeat at least it is a lower bound. */
export type Figure =
  | { readonly kind: 'measured'; readonly spread: Spread; readonly bound?: true }
  | { readonly kind: 'absent'; readonly why: string };

export const LATENCIES = ['pickup', 'response', 'service', 'enqueue'] as const;
export type Latency = (typeof LATENCIES)[number];
export type Percentile = 'p50' | 'p99' | 'max';

/** Costs per settled job in the order of the tables. */
export const COSTS = [
  { key: 'walBytesPerJob', label: 'WAL', unit: 'B/job' },
  { key: 'commitsPerJob', label: 'Commits', unit: 'per job' },
  { key: 'roundTripsPerJob', label: 'Round trips', unit: 'per job' },
  { key: 'buffersPerJob', label: 'Buffers', unit: 'per job' },
  { key: 'deadTuplesPerJob', label: 'Dead tuples', unit: 'per job' },
  { key: 'hotUpdateRatio', label: 'HOT updates', unit: 'share' },
  { key: 'serverCpuUsPerJob', label: 'Server CPU', unit: 'µs/job' },
] as const;
export type CostKey = (typeof COSTS)[number]['key'];

/** All repeats of one series in one scenario. */
export type Row = {
  readonly series: Series;
  /** Cells by verdict, in the order of their repeats. */
  readonly valid: readonly Cell[];
  readonly invalid: readonly Cell[];
  readonly incorrect: readonly Cell[];
  /**
   * `incorrect` as soon as one repeat is: a queue that lost a job once is not ranked by the repeats in which it did not.
   * `invalid` when no valid repeat is left.
   */
  readonly state: 'measured' | 'invalid' | 'incorrect';
  /** The cells that figures come from: the valid ones of a measured row, else none. */
  readonly measured: readonly Cell[];
  readonly settledPerSec: Figure;
  /** Settled jobs/s as a multiple of the panel's first row, paired by block. */
  readonly ratio: Figure;
  readonly latency: Readonly<Record<Latency, Readonly<Record<Percentile, Figure>>>>;
  readonly cost: Readonly<Record<CostKey, Figure>>;
};

/** One scenario and one contract class: contenders that may be ranked against each other. */
export type Panel = {
  /** Unique within a report, fit for anchors and file names. */
  readonly id: string;
  readonly scenario: string;
  readonly question: string;
  readonly contractClass: ContractClass;
  /** Whether the scenario has panels of other classes too. */
  readonly oneOfSeveral: boolean;
  /** Load model, length of the window and number of repeats: stands under every chart. */
  readonly load: string;
  /** Parameters of the scenario that all contenders share, `name value`, joined. */
  readonly workload: string;
  /** Names of parameters in which contenders differ: swept ones, and rates that are shares of what each reaches. */
  readonly differing: readonly string[];
  readonly drain: boolean;
  readonly rows: readonly Row[];
};

const FEW = 'fewer than 100 samples lie beyond this percentile';
const NONE = 'not measured';

/** Histograms of cells, by their ids; none where they are not at hand. */
type Histograms = Bundle['histograms'];

/**
 * Result → panels, in the order of the scenarios and of the contenders. With `histograms`, a percentile that single
 * repeats have too few samples for is taken from all repeats merged.
 */
export function summarise(result: RunResult, histograms: Histograms = new Map()): Panel[] {
  const { series, ofCell } = seriesOf(result);
  const questions = new Map(result.scenarios.map((scenario) => [scenario.name, scenario]));
  const names = new Set([...questions.keys(), ...result.cells.map((cell) => cell.scenario)]);
  const used = new Set<string>();
  return [...names].flatMap((scenario) => {
    const cells = result.cells.filter((cell) => cell.scenario === scenario);
    const classes = [...new Set(cells.map((cell) => cell.contender.class))].sort();
    return classes.map((contractClass): Panel => {
      const own = cells.filter((cell) => cell.contender.class === contractClass);
      const groups = series
        .map((one) => ({ one, cells: own.filter((cell) => ofCell(cell) === one) }))
        .filter((group) => group.cells.length > 0);
      const baseline = groups[0] === undefined ? [] : measuredCells(groups[0].cells);
      return {
        id: uniqueId(classes.length > 1 ? `${scenario}-${contractClass}` : scenario, used),
        scenario,
        question: questions.get(scenario)?.question ?? '',
        contractClass,
        oneOfSeveral: classes.length > 1,
        load: loadLine(questions.get(scenario)?.loadModel, own),
        ...parametersOf(own),
        drain: own.some((cell) => cell.window.loadModel.startsWith('drain')),
        rows: groups.map((group) => summariseRow(group.one, group.cells, baseline, histograms)),
      };
    });
  });
}

function uniqueId(text: string, used: Set<string>): string {
  const base = slug(text);
  let id = base;
  for (let n = 2; used.has(id); n += 1) id = `${base}-${n}`;
  used.add(id);
  return id;
}

/** `burst` is a word that a scenario may bear; said to people, the length of the load is meant. */
const KINDS: Readonly<Record<Cell['window']['kind'], string>> = {
  burst: 'short load, no steady state',
  'steady-state': 'steady state',
};

function loadLine(declared: string | undefined, cells: readonly Cell[]): string {
  const models = [...new Set(cells.map((cell) => cell.window.loadModel))].join(' / ');
  const kinds = [...new Set(cells.map((cell) => KINDS[cell.window.kind]))].toSorted().join(' and ');
  // The scenario's own words ("open loop, poisson arrivals") mostly contain the cells' ("poisson"): said once is enough.
  const model = declared?.toLowerCase().includes(models.toLowerCase())
    ? declared
    : [models, declared].filter(Boolean).join(': ');
  return `${model} · ${kinds}`;
}

function parametersOf(cells: readonly Cell[]): Pick<Panel, 'workload' | 'differing'> {
  const values = new Map<string, Set<string>>();
  for (const cell of cells) {
    for (const [name, value] of Object.entries(cell.parameters)) {
      values.set(name, (values.get(name) ?? new Set()).add(String(value)));
    }
  }
  const shared = [...values]
    .filter(([, seen]) => seen.size === 1)
    .map(([name, seen]) => `${name} ${[...seen].join()}`);
  return {
    workload: shared.join(' · '),
    differing: [...values].filter(([, seen]) => seen.size > 1).map(([name]) => name),
  };
}

function measuredCells(cells: readonly Cell[]): readonly Cell[] {
  if (cells.some((cell) => cell.verdict === 'incorrect')) return [];
  return cells.filter((cell) => cell.verdict === 'valid' && cell.throughput !== undefined);
}

function summariseRow(
  series: Series,
  cells: readonly Cell[],
  baseline: readonly Cell[],
  histograms: Histograms,
): Row {
  const ordered = cells.toSorted((a, b) => a.repeat - b.repeat || a.order - b.order);
  const by = (verdict: Cell['verdict']) => ordered.filter((cell) => cell.verdict === verdict);
  const measured = measuredCells(ordered);
  const latency = (metric: Latency) => ({
    p50: percentile(measured, metric, 'p50', histograms),
    p99: percentile(measured, metric, 'p99', histograms),
    max: percentile(measured, metric, 'max', histograms),
  });
  const costs = COSTS.map(({ key }) => [key, figure(measured, (cell) => cell.cost?.[key], NONE)] as const);
  return {
    series,
    valid: by('valid'),
    invalid: by('invalid'),
    incorrect: by('incorrect'),
    state: by('incorrect').length > 0 ? 'incorrect' : measured.length === 0 ? 'invalid' : 'measured',
    measured,
    settledPerSec: figure(measured, (cell) => cell.throughput?.settledPerSec, NONE),
    ratio: ratioToBaseline(measured, baseline),
    latency: {
      pickup: latency('pickup'),
      response: latency('response'),
      service: latency('service'),
      enqueue: latency('enqueue'),
    },
    cost: Object.fromEntries(costs) as Record<CostKey, Figure>,
  };
}

function figure(cells: readonly Cell[], read: (cell: Cell) => number | undefined, why: string): Figure {
  const found = spread(cells.flatMap((cell) => read(cell) ?? []));
  if (found !== undefined) return { kind: 'measured', spread: found };
  return { kind: 'absent', why: cells.length === 0 ? 'no valid repeat' : why };
}

const QUOTABLE_BEYOND = 100;
const PERCENT: Readonly<Record<Exclude<Percentile, 'max'>, number>> = { p50: 50, p99: 99 };

/**
 * Median and range of the repeats' own percentiles where every repeat has enough samples to quote one; else the
 * percentile of all samples merged, which has no range; else none. Percentiles themselves are never averaged.
 */
function percentile(
  cells: readonly Cell[],
  metric: Latency,
  which: Percentile,
  histograms: Histograms,
): Figure {
  const samples = cells.map((cell) => cell.latencyUs?.[metric]);
  const own = samples.flatMap((one) => one?.[which] ?? []);
  const found = own.length === cells.length ? spread(own) : undefined;
  if (found !== undefined) {
    return latencyFigure(
      found,
      samples.some((one) => isBound(one, one?.[which] ?? Number.NaN)),
    );
  }
  const merged = which === 'max' ? undefined : mergedPercentile(cells, metric, PERCENT[which], histograms);
  if (merged !== undefined) {
    return latencyFigure({ n: 1, median: merged, min: merged, max: merged }, merged >= boundFromUs(samples));
  }
  const sampled = samples.some((one) => one !== undefined);
  return { kind: 'absent', why: cells.length === 0 ? 'no valid repeat' : sampled ? FEW : NONE };
}

function latencyFigure(found: Spread, bound: boolean): Figure {
  return { kind: 'measured', spread: found, ...(bound ? { bound } : {}) };
}

function mergedPercentile(
  cells: readonly Cell[],
  metric: Latency,
  percent: number,
  histograms: Histograms,
): number | undefined {
  const curve: CurveMetric | undefined = CURVES.find((one) => one === metric);
  if (curve === undefined) return undefined;
  const all: Histogram[] = cells.flatMap((cell) => histograms.get(cell.id)?.get(curve) ?? []);
  const merged = mergeHistograms(all);
  if (merged === undefined) return undefined;
  const beyond = Math.floor(merged.totalCount * (1 - percent / 100) + 1e-9);
  return beyond < QUOTABLE_BEYOND ? undefined : merged.getValueAtPercentile(percent);
}

function ratioToBaseline(cells: readonly Cell[], baseline: readonly Cell[]): Figure {
  const byBlock = (list: readonly Cell[]) =>
    new Map(list.map((cell) => [cell.block, cell.throughput?.settledPerSec ?? 0] as const));
  const ratios = pairedRatio(byBlock(cells), byBlock(baseline));
  if (ratios !== undefined) return { kind: 'measured', spread: ratios };
  return { kind: 'absent', why: 'no block in which both this contender and the baseline are valid' };
}

/**
 * The measured repeat that stands for a row where one must, the earlier one of equals: the median by settled jobs/s in a
 * drain; by mean response in an open loop, where jobs/s only tell what was offered.
 */
export function typicalCell(row: Row): Cell | undefined {
  return medianElement(
    row.measured,
    (cell) => cell.latencyUs?.response?.mean ?? cell.throughput?.settledPerSec ?? 0,
  );
}

/** The largest value over all repeats; the median of maxima would hide the worst one. */
export function worst(figure: Figure): number | undefined {
  return figure.kind === 'measured' ? figure.spread.max : undefined;
}

/** Whether a figure is a lower bound, in a repeat at least. */
export function isBounded(figure: Figure): boolean {
  return figure.kind === 'measured' && figure.bound === true;
}

/** Median of a figure; `undefined` when it is absent. */
export function middle(figure: Figure): number | undefined {
  return figure.kind === 'measured' ? figure.spread.median : undefined;
}

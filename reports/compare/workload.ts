// Were two runs put to the same work? Declared scenarios part by part, and what the rates in them came to.

import type { Cell, RunResult } from '../../harness/result/result.ts';
import { median } from '../../stats/spread.ts';
import { formatNumber } from '../render/format.ts';

/** One contender of one bundle. */
export type Side = {
  readonly result: RunResult;
  readonly contender: string;
  /** Which of two bundles it is from; absent when both sides are of one. */
  readonly role?: 'base' | 'head';
};

/** What a side is called where the other may bear the same name. */
export function nameOf({ contender, role }: Side): string {
  return role === undefined ? contender : `${contender} (${role})`;
}

/** The cells of a side in a scenario, whatever their verdict. */
export function cellsOf({ result, contender }: Side, scenario: string): Cell[] {
  return result.cells.filter((cell) => cell.scenario === scenario && cell.contender.name === contender);
}

const SHOWN_PARTS = 6;

/**
 * Parts of a scenario that two bundles declare differently, one sentence part each (`workers.agents of drain: 1 and 2`), the
 * first six. None when either bundle lacks the scenario. A share of a rate is compared as the share that it is.
 */
export function workloadDifferences(a: RunResult, b: RunResult, scenario: string): string[] {
  const [x, y] = [a, b].map(({ scenarios }) => scenarios.find((one) => one.name === scenario)?.definition);
  if (x === undefined || y === undefined) return [];
  const found = partsThatDiffer(x, y, []).map(
    ({ path, values: [v, w] }) => `${path.join('.')} of ${scenario}: ${brief(v)} and ${brief(w)}`,
  );
  const more = found.length - SHOWN_PARTS;
  return [
    ...found.slice(0, SHOWN_PARTS),
    ...(more > 0 ? [`parts of ${scenario} that are not listed: ${more} more differ`] : []),
    ...watchingDifferences(a, b, scenario),
  ];
}

type Difference = { readonly path: readonly string[]; readonly values: readonly [unknown, unknown] };

/** Words for the reader, and what is expected of the figures: no load changes by them. */
const WORDS = /^(?:question|group|expect|phases\.\d+\.label)$/;

function partsThatDiffer(a: unknown, b: unknown, path: readonly string[]): Difference[] {
  if (WORDS.test(path.join('.')) || Object.is(a, b)) return [];
  if (!isTree(a) || !isTree(b) || Array.isArray(a) !== Array.isArray(b)) return [{ path, values: [a, b] }];
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...keys].flatMap((key) => partsThatDiffer(a[key], b[key], [...path, key]));
}

function isTree(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

const SHOWN_VALUE = 60;

function brief(value: unknown): string {
  if (value === undefined) return 'not set';
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > SHOWN_VALUE ? `${text.slice(0, SHOWN_VALUE - 1)}…` : text;
}

/** Watching the server costs a little of it, and telling live metrics a little of the agents; neither is part of a scenario. */
function watchingDifferences(a: RunResult, b: RunResult, scenario: string): string[] {
  const found = (key: string, value: boolean) =>
    [a, b].map(({ cells }) =>
      cells.some((cell) => cell.scenario === scenario && cell.parameters[key] === value),
    );
  const onOff = (on: boolean): string => (on ? 'on' : 'off');
  const [unsampledA = false, unsampledB = false] = found('sampling', false);
  const [metricsA = false, metricsB = false] = found('metrics', true);
  return [
    ...(unsampledA === unsampledB
      ? []
      : [`sampling of the server in ${scenario}: ${onOff(!unsampledA)} and ${onOff(!unsampledB)}`]),
    ...(metricsA === metricsB
      ? []
      : [`live metrics in ${scenario}: ${onOff(metricsA)} and ${onOff(metricsB)}`]),
  ];
}

/** Rates further apart than this are two loads. */
const SAME_RATE = 0.05;

/** `600 and 100 jobs/s`: what two sides were offered, where that differs by more than 5 %. */
export function offeredApart(base: Side, head: Side, scenario: string): string | undefined {
  const [b, h] = [base, head].map((side) =>
    median(
      cellsOf(side, scenario).flatMap(({ parameters: { ratePerSec } }) =>
        typeof ratePerSec === 'number' ? ratePerSec : [],
      ),
    ),
  );
  if (b === undefined || h === undefined || Math.max(b, h) <= Math.min(b, h) * (1 + SAME_RATE))
    return undefined;
  return `${formatNumber(b)} and ${formatNumber(h)} jobs/s`;
}

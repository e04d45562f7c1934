// What stands on the page of a capacity bundle, and in which order? One list for HTML and Markdown: a manager's page, then an engineer's.

import type { Capacity, RunResult, Scaling } from '../../harness/result/result.ts';
import { formatCount, formatNumber, formatShare, plural } from '../render/format.ts';
import {
  costsTable,
  drainTable,
  limitsTable,
  partitionsTable,
  questionTable,
  recommendedTable,
} from '../tables/capacity.ts';
import { predictionsTable, probesTable, scalingTable, surfaceTable } from '../tables/capacity-checks.ts';
import type { Table } from '../tables/table.ts';
import { surfaceOf } from './surface.ts';
import { untriedOf } from './untried.ts';
import { isPlainNo } from './words.ts';

/** A piece of a section. `charts` stands for all whose id begins so; a table that is `folded` opens on a click. */
export type Block =
  | { readonly kind: 'heading'; readonly text: string }
  | { readonly kind: 'text'; readonly text: string; readonly loud?: true }
  | { readonly kind: 'list'; readonly items: readonly string[] }
  | { readonly kind: 'charts'; readonly id: string }
  | { readonly kind: 'table'; readonly table: Table; readonly folded?: true };

export type CapacitySection = {
  /** An anchor. */
  readonly id: string;
  readonly title: string;
  readonly blocks: readonly Block[];
};

/** What stands under the answer on the manager's page; nothing without a plan. */
export function managerBlocks({ capacity }: RunResult): Block[] {
  const plan = capacity?.plan;
  if (plan === undefined) return [];
  const { answer } = plan;
  const recommended = recommendedTable(plan);
  return [
    ...(answer.nearest.length === 0 ? [] : titled('What could be had instead', list(answer.nearest))),
    { kind: 'charts', id: 'capacity-margin' },
    ...(recommended === undefined
      ? []
      : titled(isPlainNo(answer) ? 'Closest that was tried' : 'What to run', table(recommended))),
    ...titled('The limits', table(limitsTable(plan))),
    ...titled('The risk: what gives way first', text(answer.breaksFirst), list(answer.risks)),
  ];
}

/** All that is checked below it, parts that the bundle lacks left out. */
export function capacitySections(result: RunResult): CapacitySection[] {
  const { capacity } = result;
  if (capacity === undefined) return [];
  return [
    ...searchSection(capacity, result.cells),
    ...scalingSection(capacity),
    ...sweepSection(result),
    ...outageSection(capacity),
    ...predictionsSection(result, capacity.predictions),
    ...costsSection(capacity),
    ...assumptionsSection(capacity),
  ];
}

const text = (words: string): Block => ({ kind: 'text', text: words });
const loud = (words: string): Block => ({ kind: 'text', text: words, loud: true });
const table = (one: Table): Block => ({ kind: 'table', table: one });
const list = (items: readonly string[]): Block => ({ kind: 'list', items });
const titled = (heading: string, ...blocks: Block[]): Block[] => [
  { kind: 'heading', text: heading },
  ...blocks,
];

function section(id: string, title: string, ...blocks: Block[]): CapacitySection[] {
  return [{ id, title, blocks }];
}

function searchSection({ search, plan }: Capacity, cells: RunResult['cells']): CapacitySection[] {
  if (search === undefined) return [];
  const held = search.heldXmin
    ? [text('In each probe somebody else held a snapshot, so that VACUUM could remove nothing newer.')]
    : [];
  return section(
    'search',
    'The rate that holds the SLO',
    // Without a plan it is the answer already.
    ...(plan === undefined ? [] : [text(search.answer.text)]),
    text(
      `The answer is an interval: at least the highest rate that passed, below the lowest that failed. They were to come within ${formatShare(search.resolution)} of each other. Where the curve bends is no limit: the SLO decides.`,
    ),
    ...held,
    { kind: 'charts', id: 'capacity-search' },
    table(probesTable(search, cells)),
  );
}

function scalingSection({ scaling }: Capacity): CapacitySection[] {
  if (scaling === undefined) return [];
  return section(
    'scaling',
    'How throughput grows with handlers',
    ...lawBlocks(scaling),
    { kind: 'charts', id: 'capacity-scaling' },
    ...(scaling.points.length === 0 ? [] : [table(scalingTable(scaling))]),
  );
}

function lawBlocks({ fit, refused }: Scaling): Block[] {
  if (fit === undefined)
    return [
      loud(
        `No law was fitted: ${refused ?? 'no reason given'}. Nothing is said of numbers of handlers that were not measured.`,
      ),
    ];
  const { lambdaPerSec, sigma, kappa, relativeError, peakHandlers, saidUpTo, quality } = fit;
  return [
    text(
      `Universal Scalability Law: X(N) = ${formatNumber(lambdaPerSec)} N ÷ (1 + ${formatNumber(sigma)} (N − 1) + ${formatNumber(kappa)} N (N − 1)) jobs/s. It misses the points it was fitted to by ${formatShare(relativeError)} (root mean square). Nothing is said beyond ${plural(saidUpTo, 'handler')}, twice the most that were measured.`,
    ),
    ...(quality === 'poor'
      ? [loud('POOR: the law does not describe these points well. Do not plan by it without a margin.')]
      : []),
    ...(quality === 'untried'
      ? [
          loud(
            'NOT TRIED: too few levels were held back from the fit to try it on. Do not plan by it without a margin.',
          ),
        ]
      : []),
    ...(peakHandlers === undefined
      ? []
      : [text(`Its maximum is at ${formatNumber(peakHandlers)} handlers. An annotation: the SLO decides.`)]),
  ];
}

function sweepSection(result: RunResult): CapacitySection[] {
  const surface = surfaceOf(result);
  if (surface === undefined) return [];
  return section(
    'sweep',
    `The sweep over ${surface.axes.map(({ name }) => name).join(' × ')}`,
    ...(surface.axes.length > 1
      ? [
          text(
            'Stronger colour: more. A frame marks the best point; a dashed field has no figure, and is no zero.',
          ),
        ]
      : []),
    { kind: 'charts', id: 'capacity-sweep' },
    { kind: 'table', table: surfaceTable(surface), ...(surface.points.length > 12 ? { folded: true } : {}) },
  );
}

function outageSection({ plan, cells, predictions = [] }: Capacity): CapacitySection[] {
  const measured = cells.some(({ purpose }) => purpose === 'outage');
  const drain = plan === undefined ? undefined : drainTable(plan);
  if (!measured && drain === undefined) return [];
  const predicted = predictions.some(({ what }) => what.startsWith('drain'));
  return section(
    'outage',
    'The outage, and how long its backlog lasts',
    ...(drain === undefined ? [] : [table(drain)]),
    ...(measured ? [] : [text('No outage was measured: the drain is a prediction alone.')]),
    ...(measured && !predicted
      ? [text('An outage was made in miniature; it told nothing that a prediction could be held against.')]
      : []),
    { kind: 'charts', id: 'capacity-drain' },
  );
}

function predictionsSection(
  result: RunResult,
  predictions: NonNullable<Capacity['predictions']> = [],
): CapacitySection[] {
  const untried = untriedOf(result);
  if (predictions.length + untried.length === 0) return [];
  return section(
    'predictions',
    'Predictions, checked against measurement',
    text(
      `What the models said, beside what was measured, in ${plural(predictions.length, 'case')}: predicted ÷ measured − 1 is the error.`,
    ),
    table(predictionsTable(predictions, untried)),
  );
}

function costsSection({ plan }: Capacity): CapacitySection[] {
  if (plan === undefined) return [];
  const partitions = partitionsTable(plan);
  return [
    ...section('costs', 'What it costs', table(costsTable(plan))),
    ...(partitions === undefined ? [] : section('partitions', 'Past one server', table(partitions))),
  ];
}

function assumptionsSection({ plan, cells, search, sweep }: Capacity): CapacitySection[] {
  const purposes = [...Map.groupBy(cells, ({ purpose }) => purpose)].map(
    ([purpose, own]) => `${formatCount(own.length)} ${purpose}`,
  );
  const counted = text(`Cells by what they were measured for: ${purposes.join(', ') || 'none'}.`);
  // The cells of a search are its probes, those of a sweep its points.
  const told = (search !== undefined || sweep !== undefined) && purposes.length < 2;
  if (plan === undefined) return told ? [] : section('cells', 'What was measured', counted);
  return section(
    'assumptions',
    'What it rests on',
    table(questionTable(plan)),
    ...(plan.answer.assumptions.length === 0 ? [] : titled('Assumptions', list(plan.answer.assumptions))),
    counted,
  );
}

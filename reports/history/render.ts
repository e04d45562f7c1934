// How is a history shown? A page with a chart for each series, Markdown, and text for a terminal.

import type { TopLevelSpec } from 'vega-lite';
import { baseSpec, type Chart } from '../charts/chart.ts';
import { INK, VERDICT_INK } from '../charts/theme.ts';
import { amount } from '../check/formats/table.ts';
import { html } from '../render/escape.ts';
import { formatInstant, formatShare, plural } from '../render/format.ts';
import { renderDocument } from '../render/html/document.ts';
import { renderFigure } from '../render/html/figure.ts';
import { renderTable } from '../render/html/table.ts';
import { markdownTable } from '../render/markdown-table.ts';
import { drawChart } from '../render/svg.ts';
import type { DrawnChart } from '../report.ts';
import type { Table } from '../tables/table.ts';
import type { HistoryChange, HistorySeries } from './history.ts';

/** What a history says in one line. */
export function historyHeadline(series: readonly HistorySeries[]): string {
  const commits = new Set(series.flatMap(({ points }) => points.map(({ commit }) => commit))).size;
  const changes = series.flatMap((one) => one.changes);
  const worse = changes.filter((change) => change.worse).length;
  const found =
    changes.length === 0
      ? 'no level changed'
      : `${plural(changes.length, 'change')} of level, ${worse} for the worse`;
  return `${plural(commits, 'commit')}, ${plural(series.length, 'series')}: ${found}`.replace(
    'seriess',
    'series',
  );
}

/** Every change of level, the newest first. */
export function changesTable(series: readonly HistorySeries[]): Table {
  const changes = series
    .flatMap((one) => one.changes.map((change) => ({ one, change })))
    .toSorted((a, b) => b.change.at.localeCompare(a.change.at));
  return {
    caption: 'Commits at which a level changed',
    columns: [
      { label: 'Commit' },
      { label: 'When' },
      { label: 'Contender' },
      { label: 'Scenario' },
      { label: 'Metric' },
      { label: 'Before', numeric: true },
      { label: 'From there on', numeric: true },
      { label: 'Change', numeric: true },
    ],
    rows: changes.map(({ one, change }) => ({
      cells: [
        {
          text: change.commit.slice(0, 10),
          ...(change.message === undefined ? {} : { small: change.message }),
        },
        { text: formatInstant(change.at) },
        { text: one.contender },
        { text: one.scenario },
        { text: one.label },
        { text: amount(change.before, one.unit) },
        { text: amount(change.after, one.unit) },
        { text: changeText(change), badge: true, tone: change.worse ? 'bad' : 'good' },
      ],
    })),
    notes: [
      'Means of the commits between two changes. A change is where the series is best split (energy statistic), with p below 0.001, and by 2 % or more of what is counted, 5 % of what is timed. Figures of another server, method or, of what is timed, machine are series of their own.',
    ],
  };
}

function changeText({ change, worse }: HistoryChange): string {
  const by = change === undefined ? 'from 0' : `${change > 0 ? '+' : '−'}${formatShare(Math.abs(change))}`;
  return `${by}, ${worse ? 'worse' : 'better'}`;
}

/** Markdown, with a line break at its end. */
export function historyMarkdown(series: readonly HistorySeries[]): string {
  const table = changesTable(series);
  const shown = table.rows.length === 0 ? '' : `\n${markdownTable(table)}\n`;
  return `## ${historyHeadline(series)}\n${shown}`;
}

/** The page: one file, without a network. Rejects when a chart cannot be drawn as it should be. */
export async function historyHtml(series: readonly HistorySeries[], version: string): Promise<string> {
  const title = historyHeadline(series);
  const drawn: DrawnSeries[] = [];
  // Those that changed first: of fifty series that did not, nobody asks.
  const sorted = series.toSorted((a, b) => b.changes.length - a.changes.length);
  for (const [i, one] of sorted.entries()) {
    const chart = historyChart(one, `history-${i + 1}`);
    drawn.push({ one, figure: { chart, picture: await drawChart(chart) } });
  }
  const changed = ({ changes }: HistorySeries): boolean => changes.length > 0;
  let text = '';
  for (const [live, note] of LIVELINESS) {
    text = page(
      title,
      version,
      series,
      drawn,
      (one) => live === 'all' || (live === 'changed' && changed(one)),
      note,
    );
    if (Buffer.byteLength(text) <= SIZE_LIMIT) break;
  }
  return text;
}

type DrawnSeries = { readonly one: HistorySeries; readonly figure: DrawnChart };

/** Above this a page is a burden to mail and to open, bytes. */
const SIZE_LIMIT = 5_000_000;
/** Which charts are interactive, from all to none; every chart is drawn in all of them. */
const LIVELINESS = [
  ['all', ''],
  ['changed', ' Charts without a change are not interactive, to stay below 5 MB.'],
  ['none', ' Charts are not interactive, to keep the page small: --last and --metric make it smaller.'],
] as const;

function page(
  title: string,
  version: string,
  series: readonly HistorySeries[],
  drawn: readonly DrawnSeries[],
  live: (one: HistorySeries) => boolean,
  note: string,
): string {
  const table = changesTable(series);
  const body = html`<header>
<p class="eyebrow">claimbench history</p>
<div class="title-line"><h1>${title}</h1></div>
</header>
<main id="main">
${table.rows.length === 0 ? '' : html`<section class="card">${renderTable(table)}</section>`}
${drawn.map(
  ({ one, figure }) => html`<section class="card">
<p class="eyebrow">${one.contender} in ${one.scenario}</p>
<h2>${one.label}, ${one.unit}</h2>
<p class="meta">${one.place}</p>
<div class="charts">${renderFigure(figure, live(one))}</div>
</section>`,
)}
</main>
<footer>claimbench ${version}. Points are medians of a run, lines behind them the smallest and largest cell.${note}</footer>`;
  return renderDocument({ title, version, body, scripted: drawn.some(({ one }) => live(one)) });
}

function historyChart(series: HistorySeries, id: string): Chart {
  const { label, unit, contender, scenario, points, changes, better } = series;
  return {
    ...{ id, kind: 'timeline', panel: id, title: `${label} over commits`, fluid: true },
    subtitle: `${contender} in ${scenario}; ${unit}; ${better} is better`,
    description:
      changes.length === 0
        ? `no change of level over ${plural(points.length, 'commit')}`
        : changes.map((change) => `${change.commit.slice(0, 10)}: ${changeText(change)}`).join('; '),
    legend: [
      { label: 'worse from here on', colour: VERDICT_INK.worse, mark: { kind: 'line', dash: [] } },
      { label: 'better from here on', colour: VERDICT_INK.better, mark: { kind: 'line', dash: [] } },
    ],
    spec: spec(series),
    hover: points.map((point, place) => ({
      place,
      median: point.median,
      tip: `${point.commit.slice(0, 10)}\n${amount(point.median, unit)}${point.message === undefined ? '' : `\n${point.message}`}`,
    })),
  };
}

function spec({ points, changes, unit }: HistorySeries): TopLevelSpec {
  const rows = points.map(({ median, min, max }, place) => ({ place, median, min, max }));
  const marks = changes.map(({ at, commit, worse }) => ({
    // A commit may have been measured twice, and have changed nothing the first time.
    place: points.findIndex((point) => point.at === at && point.commit === commit),
    ink: worse ? 'worse' : 'better',
  }));
  const x = {
    field: 'place',
    type: 'quantitative' as const,
    scale: { domain: [-0.5, Math.max(1, points.length - 0.5)], nice: false },
    axis: { title: 'commits, oldest first', tickMinStep: 1, labels: false, ticks: false, grid: false },
  };
  // Told, since the points that the page's script fills in are not there yet.
  const low = Math.min(...points.map(({ min }) => min));
  const high = Math.max(...points.map(({ max }) => max));
  const room = (high - low || Math.abs(high) || 1) * 0.08;
  const y = {
    type: 'quantitative' as const,
    scale: { zero: false, nice: false, domain: [low - room, high + room] },
    axis: { title: unit, tickCount: 5 },
  };
  const color = {
    ...{ field: 'ink', type: 'nominal' as const, legend: null },
    scale: { domain: ['worse', 'better'], range: [VERDICT_INK.worse.light, VERDICT_INK.better.light] },
  };
  const line = VERDICT_INK.equivalent.light;
  return {
    ...baseSpec({ points: rows, changes: marks }),
    width: 420,
    height: 150,
    autosize: { type: 'fit-x', contains: 'padding' },
    layer: [
      {
        data: { name: 'points' },
        mark: { type: 'rule', color: INK.warmup.light, strokeWidth: 3 },
        encoding: { x, y: { ...y, field: 'min' }, y2: { field: 'max' } },
      },
      {
        data: { name: 'changes' },
        mark: { type: 'rule', strokeWidth: 2 },
        encoding: { x, color },
      },
      {
        data: { name: 'points' },
        mark: { type: 'line', color: line, point: { filled: true, color: line, size: 24 } },
        encoding: { x, y: { ...y, field: 'median' } },
      },
      {
        data: { name: 'hover' },
        mark: { type: 'point', opacity: 0, size: 200 },
        encoding: { x, y: { ...y, field: 'median' }, tooltip: { field: 'tip', type: 'nominal' } },
      },
    ],
  };
}

// How is a scenario shown? Verdict first, then throughput, latency, cost, timeline, and the proof that it may be believed.

import { type DrawnChart, panelName, type Report } from '../../report.ts';
import { placeOf } from '../../servers.ts';
import type { Panel } from '../../summary.ts';
import { accountingTable, auditTable, generatorTable } from '../../tables/audit.ts';
import { bystanderTable } from '../../tables/bystander.ts';
import { chanceNote } from '../../tables/chance.ts';
import { type ComparedPair, comparedPairs, comparisonTable, pairVerdict } from '../../tables/comparison.ts';
import { costTable } from '../../tables/cost.ts';
import { declaredTable } from '../../tables/fairness.ts';
import { httpTable } from '../../tables/http.ts';
import { fairnessTable } from '../../tables/settings.ts';
import { verdictTable } from '../../tables/verdict.ts';
import { versionsTable } from '../../tables/versions.ts';
import { type Html, html } from '../escape.ts';
import { renderFigure } from './figure.ts';
import { renderServer } from './server.ts';
import { renderLegend, renderTable, seriesSwatch } from './table.ts';

/** The section of a panel. `live` tells which charts carry the data that makes them interactive. */
export function renderPanel(panel: Panel, report: Report, live: (id: string) => boolean): Html {
  const own = report.charts.filter(({ chart }) => chart.panel === panel.id);
  const ofKind = (...kinds: readonly string[]) => own.filter(({ chart }) => kinds.includes(chart.kind));
  const figures = (charts: readonly DrawnChart[]) =>
    charts.map((drawn) => renderFigure(drawn, live(drawn.chart.id)));
  const strips = ofKind('timeline');
  const measured = panel.rows.some((row) => row.state === 'measured');
  const declared = declaredTable(panel);
  const http = httpTable(panel);
  return html`<section class="card" id="${panel.id}" aria-labelledby="${panel.id}-title">
<p class="eyebrow">Scenario${panel.oneOfSeveral ? html` · contract class ${panel.contractClass}` : ''}</p>
<h2 id="${panel.id}-title">${panel.scenario}</h2>
<p class="question">${panel.question}</p>
<p class="meta">Load model: ${panel.load}${panel.workload === '' ? '' : html`<br>Workload: ${panel.workload}`}</p>
<h3>Verdict</h3>
${renderTable(verdictTable(panel))}
${versions(panel, report)}
${comparisons(panel, report)}
${measured ? legend(panel) : html`<p class="meta">No charts: no contender has a valid repeat.</p>`}
${measured ? html`<h3>Throughput and latency</h3><div class="charts">${figures(ofKind('throughput', 'latency'))}</div>` : ''}
${http === undefined ? '' : html`<h3>HTTP</h3>${renderTable(http)}`}
${measured ? html`<h3>Cost per job</h3>${figures(ofKind('cost'))}${renderTable(costTable(panel))}` : ''}
${neighbour(panel, report)}
${strips.length > 0 ? timeline(panel, strips, figures(strips)) : ''}
${measured ? renderServer(panel, report) : ''}
<h3>Correctness</h3>
${renderTable(accountingTable(panel))}
${renderTable(auditTable(panel))}
<h3>Load generator</h3>
${renderTable(generatorTable(panel))}
<h3>Fairness: declared and effective settings</h3>
${declared === undefined ? '' : renderTable(declared)}
${renderTable(fairnessTable(panel))}
</section>`;
}

/** How the bystander fared; nothing in a scenario without one. */
function neighbour(panel: Panel, report: Report): Html | undefined {
  const table = bystanderTable(panel, report.bundle.bystanderHistograms);
  return table === undefined ? undefined : html`<h3>Bystander</h3>${renderTable(table)}`;
}

/** A contender per line, a version per column; nothing in a run of one server. */
function versions(panel: Panel, report: Report): Html | undefined {
  const table = versionsTable(panel, report.bundle.result);
  return table === undefined ? undefined : renderTable(table);
}

/**
 * Each contender against the baseline: the verdict as a sentence, its figures folded away. Where there are several servers, the
 * versions of each contender come first, then the contenders on each version.
 */
function comparisons(panel: Panel, report: Report): Html | undefined {
  const { result } = report.bundle;
  const names = new Set(panel.rows.map((row) => row.series.contender));
  const pairs = comparedPairs(result.comparisons).filter(
    (pair) => pair.scenario === panel.scenario && names.has(pair.head.contender),
  );
  if (pairs.length === 0) return undefined;
  const chance = chanceNote(result.comparisons);
  const beside = chance === undefined ? '' : html`<p class="meta">In this run ${chance}</p>`;
  if (result.matrix === undefined)
    return html`<h3>Compared with the baseline</h3>
${pairs.map((pair) => comparison(pair, pair.head.contender))}${beside}`;
  const server = (name: string) => placeOf(result, name)?.server;
  const across = (pair: ComparedPair) => server(pair.base.contender) !== server(pair.head.contender);
  const titled = (title: string, own: readonly ComparedPair[]): Html | undefined =>
    own.length === 0
      ? undefined
      : html`<h3>${title}</h3>
${own.map((pair) => comparison(pair, `${pair.head.contender} against ${pair.base.contender}`))}`;
  return html`${titled('Versions of PostgreSQL compared, for each contender', pairs.filter(across))}
${titled(
  'Contenders compared, on each version',
  pairs.filter((pair) => !across(pair)),
)}${beside}`;
}

function comparison(pair: ComparedPair, name: string): Html {
  const { tone, short, text } = pairVerdict(pair);
  return html`<details><summary>${name}: <span class="badge ${tone}">${short}</span></summary>${text === short ? '' : html`<p>${text}.</p>`}${renderTable(comparisonTable(pair))}</details>`;
}

function legend(panel: Panel): Html {
  const rows = panel.rows.filter((row) => row.state === 'measured');
  return html`<ul class="legend" aria-label="Contenders in the charts of ${panelName(panel)}">${rows.map(
    ({ series }) =>
      html`<li><button type="button" disabled aria-pressed="true" data-series="${series.id}">${seriesSwatch(series)}${series.label}</button></li>`,
  )}</ul><p class="meta legend-hint" hidden>Click a contender to take it off all charts, or to bring it back.</p>`;
}

function timeline(panel: Panel, strips: readonly DrawnChart[], figures: readonly Html[]): Html {
  const waits = strips[0]?.chart.legend ?? [];
  return html`<h3>Timeline</h3>
<p class="meta">One repeat per contender, on the same axes. Grey: left out of the figures (warm-up, phases that are not measured, after the end). Red, dashed: a fault. Violet, dotted: a checkpoint began. Green: autovacuum was at work.${panel.drain ? '' : ' Times of one bucket are the worst of its seconds; a percentile with fewer than 100 samples beyond it in a second has no point.'}</p>
${renderLegend(waits, 'Wait events and marks')}
<div class="charts strips">${figures}</div>`;
}

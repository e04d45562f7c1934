// How does a report become one HTML file that needs no network and no script?

import { checkTable } from '../../check/formats/table.ts';
import { METHOD_NOTES } from '../../method-notes.ts';
import { isMicroOnly } from '../../micro.ts';
import { commandLines, headline, machineLine, panelName, type Report } from '../../report.ts';
import { undurable } from '../../servers.ts';
import { glanceTables } from '../../tables/glance.ts';
import { serverTable } from '../../tables/server-settings.ts';
import { cellsTable, environmentTable } from '../../tables/settings.ts';
import { survivalTable } from '../../tables/survival.ts';
import { type Html, html } from '../escape.ts';
import { formatInstant, formatSeconds } from '../format.ts';
import { capacityLinks, renderCapacity } from './capacity.ts';
import { renderDocument } from './document.ts';
import { microLink, renderMicro } from './micro.ts';
import { renderPanel } from './panel.ts';
import { renderTable } from './table.ts';

/** Above this a report is a burden to mail and to open, bytes. */
const SIZE_LIMIT = 5_000_000;

type Liveliness = {
  readonly live: (id: string) => boolean;
  readonly scripted: boolean;
  readonly note: string;
};

/** From all charts interactive to none; every chart is drawn in all of them. */
const LIVELINESS: readonly Liveliness[] = [
  { live: () => true, scripted: true, note: '' },
  {
    live: (id) => !id.includes('-timeline-'),
    scripted: true,
    note: ' Timelines are not interactive, to stay below 5 MB.',
  },
  { live: () => false, scripted: false, note: ' Charts are not interactive, to stay below 5 MB.' },
];

/** The report as HTML. When it would exceed 5 MB, timelines, then all charts, are drawn but not interactive. */
export function renderHtml(report: Report): string {
  let text = '';
  for (const liveliness of LIVELINESS) {
    text = page(report, liveliness);
    if (Buffer.byteLength(text) <= SIZE_LIMIT) break;
  }
  return text;
}

function page(report: Report, { live, scripted, note }: Liveliness): string {
  const { result } = report.bundle;
  const title = headline(report);
  const body = html`${header(report, title)}
<main id="main">
${check(report)}${survival(report)}${glance(report)}
${[...renderCapacity(report, live, doubts(report)), ...report.panels.map((panel) => renderPanel(panel, report, live)), ...renderMicro(report, live)]}
${appendix(report)}
</main>
<footer>claimbench ${result.environment.claimbenchVersion} · run ${result.runId} · schema ${result.schemaVersion} · method ${result.methodVersion}. Rendered from result.json, samples.ndjson and histograms/ alone.${note}</footer>`;
  return renderDocument({ title, version: result.environment.claimbenchVersion, body, scripted });
}

/** Before all else: what was asked. */
function check({ check: document }: Report): Html | undefined {
  if (document === undefined) return undefined;
  const { causes, warnings } = document;
  const list = (label: string, lines: readonly string[], tone: string) =>
    lines.length === 0
      ? ''
      : html`<ul class="findings" aria-label="${label}">${lines.map((line) => html`<li class="${tone}">${line}</li>`)}</ul>`;
  return html`<section class="card" id="check" aria-labelledby="check-title"><h2 id="check-title">What became worse</h2>
${list(
  'Likely cause',
  causes.map(({ contender, what, text }) => `Likely cause, ${contender}: ${what}: ${text}`),
  'bad',
)}${list('Warnings', warnings, 'warn')}
${renderTable(checkTable(document))}</section>
`;
}

/** Nothing in a run without faults, nor where a fault was a part of a plan. */
function survival({ bundle: { result } }: Report): Html | undefined {
  const table = result.capacity === undefined ? survivalTable(result) : undefined;
  if (table === undefined) return undefined;
  return html`<section class="card" id="survival" aria-labelledby="survival-title"><h2 id="survival-title">Survival</h2>
${renderTable(table)}</section>
`;
}

function glance(report: Report): Html | undefined {
  const tables = glanceTables(report.panels);
  if (tables.length === 0) return undefined;
  return html`<section class="card" id="glance" aria-labelledby="glance-title"><h2 id="glance-title">At a glance</h2>
${tables.map(renderTable)}</section>`;
}

function header(report: Report, title: string): Html {
  const { result } = report.bundle;
  const lasted = (Date.parse(result.finishedAt) - Date.parse(result.startedAt)) / 1000;
  const weak = undurable(result.environment).length > 0;
  return html`<header>
<p class="eyebrow">claimbench report</p>
<div class="title-line"><h1>${title}</h1><span class="badge large ${report.verdict.tone}">${report.verdict.text}</span>${weak ? html`<span class="badge large bad">SERVER NOT DURABLE</span>` : ''}${result.complete ? '' : html`<span class="badge large warn">INCOMPLETE RUN</span>`}</div>
<p class="meta"><time datetime="${result.startedAt}">${formatInstant(result.startedAt)}</time>, ${formatSeconds(lasted)} · ${machineLine(report)}</p>
${findings(result.capacity === undefined ? report.findings : report.findings.filter(({ tone }) => tone === 'bad'))}
<nav aria-label="Contents"><ol>${capacityLinks(report)}${survival(report) === undefined ? '' : html`<li><a href="#survival">Survival</a></li>`}${report.panels.map((panel) => html`<li><a href="#${panel.id}">${panelName(panel)}</a></li>`)}${microLink(report)}<li><a href="#environment">Environment</a></li><li><a href="#again">Run it again</a></li><li><a href="#method">Method</a></li></ol></nav>
</header>`;
}

function findings(notes: Report['findings']): Html | undefined {
  if (notes.length === 0) return undefined;
  return html`<ul class="findings" aria-label="What weakens these figures">${notes.map((one) => html`<li class="${one.tone}"><strong>${one.title}.</strong> <span>${one.text}</span></li>`)}</ul>`;
}

/** What is no ground to doubt the answer at once stands behind it. */
function doubts(report: Report): Html {
  const list = findings(report.findings.filter(({ tone }) => tone !== 'bad'));
  if (list === undefined) return html``;
  return html`<section class="card" id="doubts" aria-labelledby="doubts-title"><h2 id="doubts-title">What weakens these figures</h2>
${list}</section>
`;
}

function appendix(report: Report): Html {
  const { result } = report.bundle;
  return html`<section class="card" id="environment" aria-labelledby="environment-title"><h2 id="environment-title">Environment</h2>
<div class="pair"><div>${renderTable(environmentTable(result))}</div><div>${renderTable(serverTable(result))}</div></div></section>
<section class="card" id="again" aria-labelledby="again-title"><h2 id="again-title">How to run it again</h2>
<pre class="wrap"><code>${commandLines(report).join('\n')}</code></pre>
<p class="meta">Seed ${result.seed}: it decides arrivals, order of cells and payloads. Passwords were taken out of the command.</p>
${isMicroOnly(result) ? '' : html`<details open><summary>All cells in order of execution</summary>${renderTable(cellsTable(result))}</details>`}</section>
<section class="card" id="method" aria-labelledby="method-title"><h2 id="method-title">Method in short</h2>
<dl>${METHOD_NOTES.map(([term, meaning]) => html`<dt>${term}</dt><dd>${meaning}</dd>`)}</dl></section>`;
}

// How does a comparison become one HTML file?

import type { ComparisonDocument, Origin } from '../../compare/document.ts';
import type { DrawnChart } from '../../report.ts';
import { type ComparedPair, comparedPairs, comparisonTable, pairVerdict } from '../../tables/comparison.ts';
import { type Html, html, raw } from '../escape.ts';
import { formatInstant } from '../format.ts';
import { renderDocument } from '../html/document.ts';
import { renderFigure } from '../html/figure.ts';
import { renderTable, swatchSvg } from '../html/table.ts';
import { swatch } from '../svg.ts';
import { headlineOf, marksOf } from './words.ts';

/** The page. `charts` are by the place of their pair. */
export function comparisonHtml(
  document: ComparisonDocument,
  charts: ReadonlyMap<number, DrawnChart>,
): string {
  const title = headlineOf(document);
  const pairs = comparedPairs(document.comparisons);
  const marks = marksOf(document);
  const body = html`<header>
<p class="eyebrow">claimbench comparison</p>
<div class="title-line"><h1>${title}</h1>${marks.length > 0 ? html`<span class="badge large bad">FORCED: NOT COMPARABLE</span>` : ''}</div>
${originLine('Base', document.base)}
${document.base.bundle === document.head.bundle ? '' : originLine('Head', document.head)}
${marks.length + document.caveats.length > 0 ? html`<ul class="findings" aria-label="What weakens these verdicts">${marks.map((mark) => html`<li class="bad">${mark}</li>`)}${document.caveats.map((caveat) => html`<li class="warn">${caveat}</li>`)}</ul>` : ''}
</header>
<main id="main">
${pairs.map((pair, i) => section(pair, i, charts.get(i)))}
</main>
<footer>claimbench ${document.head.claimbenchVersion} · schema ${document.schemaVersion} · method ${document.methodVersion}. Effects are head ÷ base − 1. A point is the effect, a line its 95 % interval, the grey bar the noise floor: what one contender differs from itself by in 19 of 20 cases.</footer>`;
  return renderDocument({ title, version: document.head.claimbenchVersion, body, scripted: charts.size > 0 });
}

function originLine(which: string, { bundle, runId, startedAt, claimbenchVersion }: Origin): Html {
  return html`<p class="meta">${which}: ${bundle} · run ${runId} · <time datetime="${startedAt}">${formatInstant(startedAt)}</time> · claimbench ${claimbenchVersion}</p>`;
}

function section(pair: ComparedPair, index: number, chart: DrawnChart | undefined): Html {
  const { tone, short, text } = pairVerdict(pair);
  const id = `pair-${index + 1}`;
  return html`<section class="card" id="${id}" aria-labelledby="${id}-title">
<p class="eyebrow">Scenario ${pair.scenario}</p>
<h2 id="${id}-title">${pair.head.contender} against ${pair.base.contender}</h2>
<p><span class="badge large ${tone}">${short}</span></p>
${text === short ? '' : html`<p>${text}.</p>`}
${chart === undefined ? '' : html`${legend(chart)}<div class="charts">${renderFigure(chart, true)}</div>`}
${renderTable(comparisonTable(pair))}
</section>`;
}

function legend({ chart }: DrawnChart): Html {
  return html`<ul class="legend" aria-label="Verdicts">${chart.legend.map((entry) => html`<li>${raw(swatchSvg(swatch(entry)))}${entry.label}</li>`)}</ul>`;
}

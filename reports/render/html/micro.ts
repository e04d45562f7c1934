// How do micro-benchmarks stand in the page?

import { MICRO_PANEL } from '../../charts/micro.ts';
import type { Report } from '../../report.ts';
import { MICRO_NOTE, microDetails, microTables } from '../../tables/micro.ts';
import { type Html, html } from '../escape.ts';
import { renderFigure } from './figure.ts';
import { renderTable } from './table.ts';

/** The section; nothing where there are none. */
export function renderMicro(report: Report, live: (id: string) => boolean): Html[] {
  const { result } = report.bundle;
  if (result.micro === undefined) return [];
  const figures = report.charts
    .filter(({ chart }) => chart.panel === MICRO_PANEL)
    .map((drawn) => renderFigure(drawn, live(drawn.chart.id)));
  return [
    html`<section class="card" id="${MICRO_PANEL}" aria-labelledby="${MICRO_PANEL}-title"><h2 id="${MICRO_PANEL}-title">Micro-benchmarks</h2>
<p class="meta">${MICRO_NOTE}</p>
${figures}
${microTables(result).map(renderTable)}
${microDetails(result).map((table) => html`<details><summary>${table.caption}</summary>${renderTable(table)}</details>\n`)}</section>
`,
  ];
}

/** Its entry in the contents. */
export function microLink({ bundle: { result } }: Report): Html[] {
  return result.micro === undefined ? [] : [html`<li><a href="#${MICRO_PANEL}">Micro-benchmarks</a></li>`];
}

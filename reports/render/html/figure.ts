// How does a drawn chart stand in the page?

import type { DrawnChart } from '../../report.ts';
import { type Html, html, raw, scriptJson } from '../escape.ts';
import { seriesSwatch } from './table.ts';

/** A chart as a figure: caption, static picture, and the data for the script beside it. */
export function renderFigure({ chart, picture }: DrawnChart, live: boolean): Html {
  const loud = chart.subtitle.includes('NOT DURABLE');
  const label = `${chart.title}. ${chart.description}`;
  const scroll = chart.fluid ? '' : html` tabindex="0"`;
  return html`<figure id="chart-${chart.id}" data-kind="${chart.kind}"${chart.fluid ? '' : raw(' class="wide"')} data-fluid="${String(chart.fluid)}"${live ? raw(' data-chart') : ''}${chart.only ? html` data-only="${chart.only.id}"` : ''}>
<figcaption><h4>${chart.only ? seriesSwatch(chart.only) : ''}${chart.title}</h4><p${loud ? raw(' class="bad"') : ''}>${chart.subtitle}</p></figcaption>
<div class="scroll"${scroll} role="img" aria-label="${label}"><div class="plot" aria-hidden="true">${raw(picture.body)}</div></div>
${live ? html`<script type="application/json">${scriptJson({ spec: picture.spec, hover: chart.hover })}</script>` : ''}</figure>`;
}

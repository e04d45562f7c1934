// How does capacity stand in the page: the answer for who reads nothing else, then what an engineer checks?

import { answerOf, type Fact } from '../../capacity/answer.ts';
import { type Block, capacitySections, managerBlocks } from '../../capacity/sections.ts';
import { CAPACITY_PANEL } from '../../capacity/words.ts';
import type { Report } from '../../report.ts';
import { type Html, html } from '../escape.ts';
import { renderFigure } from './figure.ts';
import { renderLegend, renderTable } from './table.ts';

type Live = (id: string) => boolean;

/** The sections; nothing without capacity. `doubts` stands between the answer and what is checked. */
export function renderCapacity(report: Report, live: Live, doubts: Html): Html[] {
  const { result } = report.bundle;
  if (result.capacity === undefined) return [];
  return [
    renderAnswer(report, live),
    doubts,
    ...capacitySections(result).map(
      ({ id, title, blocks }) =>
        html`<section class="card" id="${id}" aria-labelledby="${id}-title"><h2 id="${id}-title">${title}</h2>
${blocks.map((block) => renderBlock(block, report, live))}</section>
`,
    ),
  ];
}

/** Their entries in the contents. */
export function capacityLinks({ bundle: { result } }: Report): Html[] {
  if (result.capacity === undefined) return [];
  return [
    html`<li><a href="#answer">The answer</a></li>`,
    ...capacitySections(result).map(({ id, title }) => html`<li><a href="#${id}">${title}</a></li>`),
  ];
}

function renderAnswer(report: Report, live: Live): Html {
  const { result } = report.bundle;
  const { tone, badge, text, facts, doubts } = answerOf(result);
  return html`<section class="card answer" id="answer" aria-labelledby="answer-title"><h2 id="answer-title">The answer <span class="badge large ${tone}">${badge}</span></h2>
<p class="lead">${text}</p>
${facts.length === 0 ? '' : html`<ul class="facts">${facts.map(renderFact)}</ul>`}
${doubts.length === 0 ? '' : html`<ul class="findings" aria-label="What does not hold as predicted">${doubts.map((doubt) => html`<li class="${doubt.tone}"><span>${doubt.text}</span></li>`)}</ul>`}
${managerBlocks(result).map((block) => renderBlock(block, report, live))}</section>
`;
}

function renderFact({ label, value, remark, tone }: Fact): Html {
  return html`<li><span class="meta">${label}</span><strong class="${tone}">${value}</strong><span class="remark">${remark}</span></li>`;
}

function renderBlock(block: Block, report: Report, live: Live): Html {
  switch (block.kind) {
    case 'heading':
      return html`<h3>${block.text}</h3>`;
    case 'text':
      return block.loud === true
        ? html`<p class="loud warn">${block.text}</p>`
        : html`<p class="words">${block.text}</p>`;
    case 'list':
      return block.items.length === 0
        ? html``
        : html`<ul class="words">${block.items.map((item) => html`<li>${item}</li>`)}</ul>`;
    case 'table':
      return block.folded === true
        ? html`<details><summary>${block.table.caption}</summary>${renderTable(block.table)}</details>`
        : renderTable(block.table);
    case 'charts':
      return renderCharts(block.id, report, live);
  }
}

/** Each with its legend: the marks of one mean nothing on another. */
function renderCharts(id: string, { charts }: Report, live: Live): Html {
  const own = charts.filter(
    ({ chart }) => chart.panel === CAPACITY_PANEL && (chart.id === id || chart.id.startsWith(`${id}-`)),
  );
  return html`${own.map(
    (drawn) => html`<div class="drawn">${renderFigure(drawn, live(drawn.chart.id))}
${renderLegend(drawn.chart.legend, `Marks of: ${drawn.chart.title}`)}</div>`,
  )}`;
}

// How does a table become HTML?

import { type LegendEntry, seriesLegend } from '../../charts/chart.ts';
import type { Series } from '../../series.ts';
import type { Table, TableCell, TableRow } from '../../tables/table.ts';
import { type Html, html, raw } from '../escape.ts';
import { swatch } from '../svg.ts';

/** A table in a region of its own that scrolls sideways, with its caption and notes. */
export function renderTable(table: Table): Html {
  return html`<div class="scroll" role="region" tabindex="0" aria-label="${table.caption}"><table${table.sideBySide ? raw(' class="side"') : ''}>
<caption>${table.caption}</caption>
<thead><tr>${table.columns.map(
    (column) =>
      html`<th scope="col"${column.numeric ? raw(' class="num"') : ''}${hintAttribute(column.hint)}>${column.series === undefined ? '' : seriesSwatch(column.series)}${column.label}</th>`,
  )}</tr></thead>
<tbody>
${table.rows.map((row) => renderRow(row, table))}</tbody></table></div>
${table.notes.length > 0 ? html`<ul class="notes">${table.notes.map((note) => html`<li>${note}</li>`)}</ul>` : ''}`;
}

/** The mark of a series as a small picture for tables and legends; decoration beside its name. */
export function seriesSwatch(series: Series): Html {
  const [entry] = seriesLegend([series]);
  return entry === undefined ? raw('') : raw(swatchSvg(swatch(entry)));
}

/** A legend that is words alone: nothing to click. */
export function renderLegend(entries: readonly LegendEntry[], label: string): Html {
  if (entries.length === 0) return raw('');
  return html`<ul class="legend" aria-label="${label}">${entries.map((entry) => html`<li>${raw(swatchSvg(swatch(entry)))}${entry.label}</li>`)}</ul>`;
}

/** A swatch in a box of its own. */
export function swatchSvg(markup: string): string {
  return `<svg class="swatch" viewBox="0 -6 24 12" aria-hidden="true">${markup}</svg>`;
}

function hintAttribute(hint: string | undefined): Html | undefined {
  return hint === undefined ? undefined : html` title="${hint}"`;
}

function renderRow(row: TableRow, table: Table): Html {
  let column = 0;
  const cells = row.cells.map((cell, i) => {
    const numeric = table.columns[column]?.numeric === true && cell.span === undefined;
    column += cell.span ?? 1;
    return i === 0 ? renderHead(cell, row.series) : renderCell(cell, numeric);
  });
  return html`<tr>${cells}</tr>\n`;
}

function renderHead(cell: TableCell, series: Series | undefined): Html {
  return html`<th scope="row"${hintAttribute(cell.hint)}>${series === undefined ? '' : seriesSwatch(series)}${content(cell)}</th>`;
}

function renderCell(cell: TableCell, numeric: boolean): Html {
  const prose = !numeric && cell.text.length > 24;
  const long = prose && cell.text.length > 120;
  const classes = [
    numeric ? 'num' : '',
    prose ? 'prose' : '',
    long ? 'long' : '',
    cell.badge ? '' : (cell.tone ?? ''),
  ]
    .filter(Boolean)
    .join(' ');
  return html`<td${classes === '' ? '' : html` class="${classes}"`}${cell.span === undefined ? '' : html` colspan="${cell.span}"`}${hintAttribute(cell.hint)}>${content(cell)}</td>`;
}

function content(cell: TableCell): Html {
  const text = cell.badge
    ? html`<span class="badge ${cell.tone ?? 'plain'}">${cell.text}</span>`
    : html`${cell.text}`;
  return cell.small ? html`${text} <small>${cell.small}</small>` : text;
}

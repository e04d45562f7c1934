// How does a chart become a picture? vega-lite → vega → SVG, without a browser, alike on every machine.

import * as vega from 'vega';
import { compile } from 'vega-lite';
import { type Chart, GLYPHS, type LegendEntry } from '../charts/chart.ts';
import { darkRules, estimateTextWidth, FONT, fitText, INK } from '../charts/theme.ts';
import { escapeMarkup, plainText } from './escape.ts';

// Exported by vega's scenegraph, and missing from its types.
declare module 'vega' {
  export const textMetrics: { width: (item: unknown, text: unknown) => number };
}

/** A chart, drawn. */
export type Picture = {
  /** Compiled vega, for the script of the report. */
  readonly spec: vega.Spec;
  /** `<svg>` of axes and marks only, fit to stand inside HTML. */
  readonly body: string;
  readonly width: number;
  readonly height: number;
};

/**
 * Draws a chart.
 *
 * @throws {Error} when vega-lite has any complaint: a warning means that the picture is not what the spec says.
 */
export async function drawChart(chart: Chart): Promise<Picture> {
  const complaints: string[] = [];
  const complain = (...words: readonly unknown[]) => {
    complaints.push(words.map(String).join(' '));
    return logger;
  };
  const logger = {
    level: () => logger,
    error: complain,
    warn: complain,
    info: () => logger,
    debug: () => logger,
  };
  const { spec } = compile(chart.spec, { logger: logger as never });
  // Fonts differ between machines, and whether a canvas package is installed does too; a report must not.
  vega.textMetrics.width = (item, text) => estimateTextWidth(String(text), fontSize(item));
  vega.resetSVGDefIds();
  const view = new vega.View(vega.parse(spec), { renderer: 'none', logLevel: vega.None });
  view.logger(logger as never);
  const markup = await view.toSVG();
  view.finalize();
  if (complaints.length > 0) throw new Error(`chart ${chart.id}: ${complaints.join('; ')}`);
  const size = /<svg[^>]* width="([\d.]+)" height="([\d.]+)"/.exec(markup);
  if (size === null) throw new Error(`chart ${chart.id}: vega drew no SVG of a known size`);
  return { spec, body: trim(markup), width: Number(size[1]), height: Number(size[2]) };
}

function fontSize(item: unknown): number {
  const size = item !== null && typeof item === 'object' && 'fontSize' in item ? Number(item.fontSize) : 11;
  return Number.isFinite(size) ? size : 11;
}

/** Takes out what says nothing: empty groups' paths, roles without labels, attributes at their defaults, hundredths of a pixel. */
function trim(markup: string): string {
  const bare = markup.replace(
    /<path class="(?:background|foreground)" aria-hidden="true" d="(?:M0,0h0v0h0Z)?"[^>]*\/>/g,
    '',
  );
  const font = ` font-family="${escapeMarkup(FONT).replaceAll('&#39;', "'")}"`;
  // Within tags only: a name may read like an attribute.
  return bare.replace(/<[a-z][^>]*>/gi, (tag) =>
    tag
      .replace(/ (?:aria-hidden|pointer-events|aria-roledescription|role|version|xmlns:xlink)="[^"]*"/g, '')
      .replace(/ opacity="1"| class="(?:mark|role)[^"]*"/g, '')
      .replaceAll(font, '')
      .replace(/ (?:d|transform|x2|y2|width|height)="[^"]*"/g, (attribute) =>
        attribute.replace(/(\.\d)\d+/g, '$1'),
      ),
  );
}

const PAD = 16;

/** A file of its own: title, subtitle and legend around the picture; dark where the reader's system is. */
export function standaloneSvg(chart: Chart, picture: Picture, heading: string): string {
  const width = Math.ceil(Math.max(picture.width + 2 * PAD, 420));
  const inner = width - 2 * PAD;
  const title = wrap(`${heading} · ${chart.title}`, 15, inner);
  const subtitle = wrap(chart.subtitle, 11, inner);
  let y = PAD + 4;
  const parts: string[] = [];
  const write = (lines: readonly string[], size: number, role: keyof typeof INK, weight: number) => {
    for (const line of lines) {
      y += Math.round(size * 1.3);
      parts.push(
        `<text x="${PAD}" y="${y - Math.round(size * 0.3)}" font-size="${size}" font-weight="${weight}" fill="${INK[role].light}">${escapeMarkup(line)}</text>`,
      );
    }
  };
  write(title, 15, 'text', 650);
  write(subtitle, 11, chart.subtitle.includes('NOT DURABLE') ? 'fault' : 'muted', 400);
  y += 6;
  const legend = legendRows(chart.legend, inner);
  for (const row of legend) {
    y += 18;
    for (const { entry, x, label } of row) parts.push(legendEntry(entry, label, PAD + x, y - 5));
  }
  y += 8;
  parts.push(picture.body.replace('<svg ', `<svg x="${PAD}" y="${y}" `));
  const height = Math.ceil(y + picture.height + PAD);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="t d" font-family="${escapeMarkup(FONT)}">`,
    `<title id="t">${escapeMarkup(`${heading} · ${chart.title}`)}</title><desc id="d">${escapeMarkup(`${chart.subtitle}. ${chart.description}`)}</desc>`,
    `<style>@media screen and (prefers-color-scheme: dark){${darkRules('')}}</style>`,
    `<rect width="${width}" height="${height}" fill="${INK.paper.light}"/>`,
    ...parts,
    '</svg>\n',
  ].join('\n');
}

function wrap(text: string, size: number, width: number): string[] {
  const lines: string[] = [];
  for (const word of plainText(text).split(/\s+/)) {
    const last = lines.at(-1);
    if (last !== undefined && estimateTextWidth(`${last} ${word}`, size) <= width)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines.slice(0, 4).map((line) => fitText(line, size, width));
}

type PlacedEntry = { readonly entry: LegendEntry; readonly x: number; readonly label: string };

function legendRows(legend: readonly LegendEntry[], width: number): PlacedEntry[][] {
  const rows: PlacedEntry[][] = [];
  let x = 0;
  for (const entry of legend) {
    const label = fitText(entry.label, 12, width - 36);
    const needed = 30 + estimateTextWidth(label, 12) + 16;
    if (rows.length === 0 || x + needed > width + 16) {
      rows.push([]);
      x = 0;
    }
    rows.at(-1)?.push({ entry, x, label });
    x += needed;
  }
  return rows;
}

function legendEntry(entry: LegendEntry, label: string, x: number, y: number): string {
  return (
    `<g transform="translate(${x},${y})">${swatch(entry)}` +
    `<text x="30" y="4" font-size="12" fill="${INK.text.light}">${escapeMarkup(label)}</text></g>`
  );
}

/** The mark of a legend entry in a box of 24 × 0 ± 6: line with its dash and symbol, a filled square, or a symbol alone. */
export function swatch(entry: LegendEntry): string {
  const colour = entry.colour.light;
  if (entry.mark.kind === 'area')
    return `<rect x="6" y="-6" width="12" height="12" rx="2" fill="${colour}"/>`;
  if (entry.mark.kind === 'glyph') {
    const ink = entry.mark.hollow ? `fill="none" stroke="${colour}" stroke-width="0.45"` : `fill="${colour}"`;
    return `<path d="${GLYPHS[entry.mark.glyph]}" transform="translate(12,0) scale(4.4)" ${ink}/>`;
  }
  const { dash } = entry.mark.kind === 'line' ? entry.mark : entry.mark.series;
  const stroke = dash.length > 0 ? ` stroke-dasharray="${dash.join(' ')}"` : '';
  const line = `<path d="M0,0H24" stroke="${colour}" stroke-width="2"${stroke}/>`;
  if (entry.mark.kind === 'line') return line;
  const { shape } = entry.mark.series;
  return `${line}<path d="${SYMBOLS[shape]}" transform="translate(12,0)" fill="${colour}"/>`;
}

/** The symbols of vega at about 50 px², as paths around the origin. */
const SYMBOLS = {
  circle: 'M4,0A4,4,0,1,1,-4,0A4,4,0,1,1,4,0',
  square: 'M-3.7,-3.7H3.7V3.7H-3.7Z',
  'triangle-up': 'M0,-4.4L5,4.2H-5Z',
  diamond: 'M0,-5.2L4,0L0,5.2L-4,0Z',
  cross: 'M-4.6,-1.6H-1.6V-4.6H1.6V-1.6H4.6V1.6H1.6V4.6H-1.6V1.6H-4.6Z',
  'triangle-down': 'M0,4.4L-5,-4.2H5Z',
  'triangle-right': 'M4.4,0L-4.2,5V-5Z',
} as const;

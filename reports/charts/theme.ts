// How do all charts look? Ink, grid and waits in light and dark, fonts, and the estimate of a text's width.

import type { TopLevelSpec } from 'vega-lite';
import { type Colour, SERIES_COLOURS } from '../series.ts';

/** Colours by role. Every light value is unique: the dark rules find what to swap by its literal value. */
export const INK = {
  text: { light: '#1c2430', dark: '#e8ecf2' },
  muted: { light: '#586374', dark: '#a3aebd' },
  axis: { light: '#aeb7c3', dark: '#566172' },
  grid: { light: '#e6eaef', dark: '#2a3340' },
  paper: { light: '#ffffff', dark: '#161c25' },
  warmup: { light: '#d9dee5', dark: '#3a4452' },
  phase: { light: '#f1f4f8', dark: '#1f2732' },
  vacuum: { light: '#dcefdd', dark: '#1f3a2a' },
  checkpoint: { light: '#6a4fb0', dark: '#b39df0' },
  fault: { light: '#b3122a', dark: '#ff6b7d' },
  reference: { light: '#7b8696', dark: '#8c98a9' },
} as const satisfies Record<string, Colour>;

/** Wait events in the order of their weight: hues that also fall apart by lightness. The last is for all the rest. */
export const WAIT_COLOURS: readonly Colour[] = [
  { light: '#2f4b8f', dark: '#6f8fe0' },
  { light: '#b5487f', dark: '#e07fae' },
  { light: '#ee9453', dark: '#f5ae78' },
  { light: '#5fa7a1', dark: '#79c4bd' },
  { light: '#f2d06b', dark: '#f7de92' },
];
/** A backend that waits for nothing. */
export const CPU_COLOUR: Colour = { light: '#a9c48a', dark: '#8fae6c' };
export const OTHER_WAIT_COLOUR: Colour = { light: '#c3c9d2', dark: '#6a7484' };

/** Verdicts of a comparison; the word stands beside each. */
export const VERDICT_INK = {
  better: { light: '#0b7a52', dark: '#57d3a4' },
  worse: { light: '#b8163a', dark: '#ff7a92' },
  equivalent: { light: '#1f6fb2', dark: '#6cb8f6' },
  undecided: { light: '#6b7585', dark: '#9aa6b6' },
} as const satisfies Record<string, Colour>;

/** Steps of a heat map from the least to the most: pale to deep on the light page, dim to bright on the dark one. */
export const HEAT: readonly Colour[] = [
  { light: '#e4eef7', dark: '#1c2b3a' },
  { light: '#c3daee', dark: '#1f3f5a' },
  { light: '#97c0e2', dark: '#22567e' },
  { light: '#64a0d2', dark: '#2b74a6' },
  { light: '#3680bd', dark: '#4798cd' },
  { light: '#19619f', dark: '#7dbde6' },
  { light: '#0b4478', dark: '#bfe0f7' },
];
/** Text on the deeper steps. */
export const HEAT_TEXT: Colour = { light: '#fdfefe', dark: '#0c1219' };
/** From this step on `HEAT_TEXT` is read more easily than the ink of text. */
export const HEAT_DEEP = 4;

export const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif';

/** CSS rules that give a chart its dark colours: presentation attributes yield to any rule. `scope` is a selector prefix. */
export function darkRules(scope: string): string {
  const colours = [
    ...Object.values(INK),
    ...SERIES_COLOURS,
    ...WAIT_COLOURS,
    CPU_COLOUR,
    OTHER_WAIT_COLOUR,
    ...Object.values(VERDICT_INK),
    ...HEAT,
    HEAT_TEXT,
  ];
  return colours
    .flatMap(({ light, dark }) => [
      `${scope}[fill="${light}"]{fill:${dark}}`,
      `${scope}[stroke="${light}"]{stroke:${dark}}`,
    ])
    .join('');
}

/** The vega-lite configuration of every chart. */
export const CHART_CONFIG: NonNullable<TopLevelSpec['config']> = {
  // One label for the whole chart (role=img) instead of thousands for its marks: screen readers get the tables.
  aria: false,
  font: FONT,
  view: { stroke: null },
  axis: {
    domainColor: INK.axis.light,
    gridColor: INK.grid.light,
    tickColor: INK.axis.light,
    labelColor: INK.muted.light,
    titleColor: INK.muted.light,
    labelFontSize: 11,
    titleFontSize: 11,
    titleFontWeight: 500,
    titlePadding: 6,
    labelPadding: 4,
    tickSize: 4,
    labelLimit: 190,
  },
  title: {
    color: INK.text.light,
    fontSize: 11,
    fontWeight: 600,
    anchor: 'start',
    frame: 'group',
    offset: 5,
  },
};

// Advance widths by class of character, for the widest font that FONT may fall back to (DejaVu Sans): too much room is
// a blemish, too little cuts words off.
const NARROW = new Set("ijl.,:;'|!I[]()tf/ ");
const WIDE = new Set('mwMWOQ@%–—…');

/** Width of `text` in px, estimated alike on every machine: a canvas would measure with whatever fonts are installed. */
export function estimateTextWidth(text: string, fontSize: number): number {
  let width = 0;
  for (const character of text) {
    if (NARROW.has(character)) width += 0.38;
    else if (WIDE.has(character)) width += 0.98;
    else if (/[A-Z]/.test(character)) width += 0.71;
    else if (character.charCodeAt(0) > 0x2e80) width += 1;
    else width += 0.63;
  }
  return Math.ceil(width * fontSize);
}

/** `text` cut to `width` px, with an ellipsis where something is missing. */
export function fitText(text: string, fontSize: number, width: number): string {
  if (estimateTextWidth(text, fontSize) <= width) return text;
  const characters = [...text];
  while (characters.length > 0 && estimateTextWidth(`${characters.join('')}…`, fontSize) > width)
    characters.pop();
  return `${characters.join('')}…`;
}

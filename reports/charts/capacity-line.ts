// How is a sweep over one axis drawn? A line through the medians with the range of the repeats; a hole breaks it.

import type { TopLevelSpec } from 'vega-lite';
import { type Surface, WEAK_SIGN } from '../capacity/surface.ts';
import { SERIES_COLOURS } from '../series.ts';
import { baseSpec, GLYPHS, type Glyph, type LegendEntry, niceCeiling, SI_LABEL } from './chart.ts';
import { INK } from './theme.ts';

const LINE = SERIES_COLOURS[0] ?? INK.text;

/** The line, and the sign of a hole where there is one. */
export function lineLegend({ points }: Surface): LegendEntry[] {
  const entry = (label: string, colour: LegendEntry['colour'], glyph: Glyph): LegendEntry => ({
    label,
    colour,
    mark: { kind: 'glyph', glyph, hollow: false },
  });
  return [
    entry('median, and the range of the repeats', LINE, 'circle'),
    ...(points.every(({ state }) => state === 'measured')
      ? []
      : [entry('no figure: void, or not measured', INK.reference, 'triangle')]),
  ];
}

type Dot = {
  x: number | string;
  value: number;
  low: number;
  high: number;
  part: number;
  /** Of what is not durable. */
  sign: string;
};

function dotsOf({ points, metric }: Surface): Dot[] {
  const scale = metric === 'us' ? 1e-3 : 1;
  let part = 0;
  return points.flatMap((point): Dot[] => {
    if (point.state !== 'measured') {
      part += 1;
      return [];
    }
    const { median, min, max } = point.figure;
    return [
      {
        x: point.at[0] ?? '',
        value: median * scale,
        low: min * scale,
        high: max * scale,
        part,
        sign: point.durable ? '' : WEAK_SIGN,
      },
    ];
  });
}

/** Numbers on a scale of their own, words side by side. */
export function lineSpec(surface: Surface): TopLevelSpec {
  const dots = dotsOf(surface);
  const axis = surface.axes[0];
  const values = axis?.values ?? [];
  const numbers = values.filter((value) => typeof value === 'number');
  const scaled = numbers.length === values.length;
  const x = scaled
    ? {
        field: 'x',
        type: 'quantitative' as const,
        scale: { domain: [0, Math.max(...numbers) * 1.04], nice: false },
        axis: { title: axis?.name ?? '', grid: false, labelExpr: SI_LABEL },
      }
    : {
        field: 'x',
        type: 'nominal' as const,
        sort: null,
        scale: { domain: [...values] },
        axis: { title: axis?.name ?? '', labelAngle: 0, grid: false },
      };
  const y = {
    field: 'value',
    type: 'quantitative' as const,
    scale: { domain: [0, niceCeiling(Math.max(...dots.map(({ high }) => high)))], nice: false },
    axis: {
      title: surface.metric === 'us' ? 'ms' : null,
      domain: false,
      ticks: false,
      tickCount: 5,
      labelExpr: SI_LABEL,
    },
  };
  const holes = surface.points
    .filter(({ state }) => state !== 'measured')
    .map(({ at }) => ({ x: at[0] ?? '' }));
  return {
    ...baseSpec({ dots, holes }),
    width: 520,
    height: 240,
    autosize: { type: 'fit-x', contains: 'padding' },
    layer: [
      {
        data: { name: 'dots' },
        mark: { type: 'rule', color: LINE.light, strokeWidth: 1.5, opacity: 0.7 },
        encoding: { x, y: { ...y, field: 'low' }, y2: { field: 'high' } },
      },
      {
        data: { name: 'dots' },
        mark: { type: 'line', color: LINE.light, strokeWidth: 2 },
        encoding: { x, y, detail: { field: 'part', type: 'nominal' }, order: { field: 'x' } },
      },
      {
        data: { name: 'dots' },
        mark: { type: 'point', filled: true, size: 55, opacity: 1, color: LINE.light },
        encoding: { x, y },
      },
      {
        data: { name: 'dots' },
        mark: { type: 'text', dx: 9, dy: -6, fontSize: 12, color: INK.fault.light },
        encoding: { x, y, text: { field: 'sign', type: 'nominal' } },
      },
      {
        data: { name: 'holes' },
        mark: {
          type: 'point',
          filled: true,
          shape: GLYPHS.triangle,
          size: 55,
          opacity: 1,
          color: INK.reference.light,
        },
        encoding: { x, y: { value: { expr: 'height' } } },
      },
      {
        data: { name: 'hover' },
        transform: [{ filter: 'isValid(datum.value)' }],
        mark: { type: 'point', size: 160, opacity: 0, filled: true },
        encoding: { x, y, tooltip: { field: 'tip', type: 'nominal' } },
      },
    ],
  };
}

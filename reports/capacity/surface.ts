// What did a sweep find at each point of its grid? The median of the valid repeats, or why there is none.

import type { Cell, Environment, RunResult, Sweep } from '../../harness/result/result.ts';
import { type Spread, spread } from '../../stats/spread.ts';
import { isBound } from '../bounds.ts';
import { plural } from '../render/format.ts';

type AxisValue = number | string;

const PERCENTILES = ['p99', 'p95', 'p90', 'p50'] as const;
type Percentile = (typeof PERCENTILES)[number];
/** The share of the valid cells that must have a percentile for it to be shown. */
const ENOUGH = 0.8;

/** `missing`: not measured, or too few samples. `void`: no repeat is valid. `incorrect`: a repeat was. */
export type SurfacePoint = {
  /** In the order of the axes. */
  readonly at: readonly AxisValue[];
  readonly cells: readonly string[];
  /** False where a crash could cost its server, or its contender, settled work: no match for the others. */
  readonly durable: boolean;
} & (
  | { readonly state: 'measured'; readonly figure: Spread; readonly bound: boolean }
  | { readonly state: 'missing' | 'void' | 'incorrect'; readonly why: string }
);
export type MeasuredPoint = Extract<SurfacePoint, { state: 'measured' }>;

/** All points that were to be measured, in the order of the axes: the last one runs fastest. */
export type Surface = {
  readonly contender: string;
  /** Of a drain settled jobs/s; at a rate a percentile of pickup, µs. */
  readonly metric: 'jobs/s' | 'us';
  /** p99, or the highest below it that most cells may quote: short loads have too few jobs for more. */
  readonly percentile: Percentile;
  readonly axes: Sweep['axes'];
  readonly points: readonly SurfacePoint[];
  /**
   * Most jobs/s, or the shortest wait that is no lower bound; absent where nothing was measured. What is not durable is the best only
   * where nothing is.
   */
  readonly best: MeasuredPoint | undefined;
};

/** Points beyond which a grid is shown by its measured points alone. */
const MOST_POINTS = 4_000;

/** The grid of a sweep with its figures; `undefined` where there was no sweep. */
export function surfaceOf({ capacity, cells, environment }: RunResult): Surface | undefined {
  const sweep = capacity?.sweep;
  if (sweep === undefined) return undefined;
  const metric = sweep.load === 'drain' ? 'jobs/s' : 'us';
  const byId = new Map(cells.map((cell) => [cell.id, cell]));
  const swept = sweep.points.flatMap((point) => point.cells.flatMap((id) => byId.get(id) ?? []));
  const percentile = percentileOf(swept);
  const read = metric === 'us' ? waitOf(percentile) : settledOf;
  const placeOf = (point: Sweep['points'][number]) => sweep.axes.map(({ name }) => point.at[name] ?? '');
  const measured = new Map(sweep.points.map((point) => [JSON.stringify(placeOf(point)), point]));
  const size = sweep.axes.reduce((product, { values }) => product * values.length, 1);
  // A point that refines the grid stands in its line alone: nobody asked for the others at its value.
  const places =
    size > MOST_POINTS
      ? sweep.points.map(placeOf)
      : gridOf(sweep.axes).filter((at) => measured.has(JSON.stringify(at)));
  const points = places.map((at) => {
    const ids = measured.get(JSON.stringify(at))?.cells ?? [];
    return pointOf(
      at,
      ids.flatMap((id) => byId.get(id) ?? []),
      read,
      serverAt(environment, sweep.axes, at).durable,
    );
  });
  return {
    contender: sweep.contender,
    metric,
    percentile,
    axes: sweep.axes,
    points,
    best: bestOf(points, metric),
  };
}

function gridOf(axes: Sweep['axes']): AxisValue[][] {
  return axes.reduce<AxisValue[][]>(
    (places, { values }) => places.flatMap((place) => values.map((value) => [...place, value])),
    [[]],
  );
}

type Reading = { readonly value: number; readonly bound: boolean };
type Read = (cell: Cell) => Reading | undefined;

const settledOf: Read = ({ throughput }) =>
  throughput === undefined ? undefined : { value: throughput.settledPerSec, bound: false };

const waitOf =
  (percentile: Percentile): Read =>
  ({ latencyUs }) => {
    const value = latencyUs?.pickup?.[percentile];
    return value === undefined ? undefined : { value, bound: isBound(latencyUs?.pickup, value) };
  };

/** The highest that most valid cells have; where none is had by most, the one that the most have. */
function percentileOf(cells: readonly Cell[]): Percentile {
  const valid = cells.filter(({ verdict }) => verdict === 'valid');
  const countOf = (one: Percentile): number =>
    valid.filter(({ latencyUs }) => latencyUs?.pickup?.[one] !== undefined).length;
  const most = Math.max(...PERCENTILES.map(countOf));
  const found = PERCENTILES.find((one) => countOf(one) >= valid.length * ENOUGH);
  return found ?? PERCENTILES.find((one) => countOf(one) === most) ?? 'p99';
}

/** A sweep over settings has a server for each, labelled as `fsync=off, jit=on`. */
const SETTING_PREFIX = 'set.';

function serverAt(
  { server, servers }: Environment,
  axes: Sweep['axes'],
  at: readonly AxisValue[],
): Pick<Environment['server'], 'durable'> {
  const label = axes
    .flatMap(({ name }, i) =>
      name.startsWith(SETTING_PREFIX) ? [`${name.slice(SETTING_PREFIX.length)}=${at[i] ?? ''}`] : [],
    )
    .join(', ');
  return servers?.find((one) => one.label === label) ?? server;
}

const isWeak = ({ fairness = [] }: Cell): boolean =>
  fairness.some(({ setting, verdict }) => setting === 'durability' && verdict === 'differs');

function pointOf(
  at: readonly AxisValue[],
  cells: readonly Cell[],
  read: Read,
  durableServer: boolean,
): SurfacePoint {
  const durable = durableServer && !cells.some(isWeak);
  const point = { at, cells: cells.map(({ id }) => id), durable };
  if (cells.length === 0) return { ...point, state: 'missing', why: 'not measured' };
  const wrong = cells.filter(({ verdict }) => verdict === 'incorrect');
  if (wrong.length > 0)
    return { ...point, state: 'incorrect', why: reasonsOf(wrong) || 'a repeat is incorrect' };
  const valid = cells.filter(({ verdict }) => verdict === 'valid');
  if (valid.length === 0) return { ...point, state: 'void', why: reasonsOf(cells) || 'no reason given' };
  const readings = valid.flatMap((cell) => read(cell) ?? []);
  const figure = spread(readings.map(({ value }) => value));
  if (figure === undefined) return { ...point, state: 'missing', why: 'too few samples for the percentile' };
  return { ...point, state: 'measured', figure, bound: readings.some(({ bound }) => bound) };
}

function reasonsOf(cells: readonly Cell[]): string {
  return [...new Set(cells.flatMap(({ reasons }) => reasons))].join('; ');
}

function bestOf(points: readonly SurfacePoint[], metric: Surface['metric']): MeasuredPoint | undefined {
  const measured = points.filter(
    (point): point is MeasuredPoint => point.state === 'measured' && !point.bound,
  );
  const durable = measured.filter((point) => point.durable);
  const sign = metric === 'us' ? 1 : -1;
  return (durable.length > 0 ? durable : measured).toSorted(
    (a, b) => sign * (a.figure.median - b.figure.median),
  )[0];
}

/** What stands in the grid: `Settled jobs/s`, `Pickup p95`. */
export function metricText({ metric, percentile }: Pick<Surface, 'metric' | 'percentile'>): string {
  return metric === 'us' ? `Pickup ${percentile}` : 'Settled jobs/s';
}

/** `workers 8, batch 100`. */
export function placeText({ axes }: Pick<Surface, 'axes'>, at: readonly AxisValue[]): string {
  return axes.map(({ name }, i) => `${name} ${at[i] ?? ''}`).join(', ');
}

/** `NOT DURABLE: set.fsync off · ` before the words of a chart: which points, or all of them; empty where all are durable. */
export function surfaceDurabilityMark(surface: Surface): string {
  const weak = surface.points.filter(({ durable }) => !durable);
  if (weak.length === 0) return '';
  if (weak.length === surface.points.length) return 'NOT DURABLE · ';
  return `NOT DURABLE, marked ${WEAK_SIGN}: ${plural(weak.length, 'point')} of ${surface.points.length} · `;
}

/** Before a figure that is no match for those of durable points. */
export const WEAK_SIGN = '†';

/** `12 of 16 points measured, 3 void, 1 missing`. */
export function coverageText({ points }: Surface): string {
  const count = (state: SurfacePoint['state']) => points.filter((point) => point.state === state).length;
  const rest = (['incorrect', 'void', 'missing'] as const)
    .filter((state) => count(state) > 0)
    .map((state) => `${count(state)} ${state}`);
  return [`${count('measured')} of ${plural(points.length, 'point')} measured`, ...rest].join(', ');
}

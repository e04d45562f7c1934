// Where does a grid know least? Further points of its ranges, where the picture is bent most and the noise does not hide it.

import { type Axis, onAxis, type Place, placeKey } from './grid.ts';

/** A point that was measured: the jobs per second of its valid cells. */
export interface MeasuredPoint {
  readonly at: Place;
  readonly perSec: readonly number[];
}

/** Neighbours agree when they are no further apart than so many standard errors of their difference. */
const AGREE_ERRORS = 2;

/**
 * At most `atMost` places to measure next, the most doubtful first: between two neighbours on a range, at the geometric middle,
 * where the straight lines between logarithms of throughput may be furthest from the truth. An interval is doubtful by the
 * bend at its ends (the error of linear interpolation: |y″| h² ÷ 8), and while an axis has two points only, by a quarter
 * of their difference. None where neighbours agree within the noise of the repeats, where the doubt is below it, or where nothing
 * lies between. Neighbouring intervals of one line are not refined at once: the first may settle the second.
 */
export function refinements(
  axes: readonly Axis[],
  points: readonly MeasuredPoint[],
  atMost: number,
): Place[] {
  const known = points.flatMap((point): Known[] => {
    const logs = point.perSec.filter((rate) => rate > 0).map(Math.log);
    return logs.length === 0 ? [] : [{ at: point.at, y: mean(logs), n: logs.length }];
  });
  const noise = pooledNoise(points);
  const taken = new Set(points.map(({ at }) => placeKey(at)));
  const doubts = axes
    .filter((axis) => axis.range)
    .flatMap((axis) => linesOf(axis.name, known).flatMap((line) => doubtsOf(axis, line, noise)))
    .filter(({ at }) => !taken.has(placeKey(at)))
    .toSorted((x, y) => y.doubt - x.doubt);
  const chosen: Doubt[] = [];
  for (const one of doubts) {
    if (chosen.length >= atMost) break;
    const next = chosen.some((c) => c.line === one.line && Math.abs(c.interval - one.interval) < 2);
    if (!next && !chosen.some((c) => placeKey(c.at) === placeKey(one.at))) chosen.push(one);
  }
  return chosen.map(({ at }) => at);
}

interface Known {
  readonly at: Place;
  /** Mean of the logarithms, and of how many. */
  readonly y: number;
  readonly n: number;
}

interface Doubt {
  readonly at: Place;
  readonly line: string;
  readonly interval: number;
  readonly doubt: number;
}

/** Points that differ on one axis alone, in its order. */
function linesOf(axis: string, points: readonly Known[]): Known[][] {
  const lines = Map.groupBy(points, ({ at }) => othersKey(at, axis));
  return [...lines.values()].map((line) => line.toSorted((p, q) => Number(p.at[axis]) - Number(q.at[axis])));
}

function othersKey(at: Place, axis: string): string {
  return placeKey(Object.fromEntries(Object.entries(at).filter(([name]) => name !== axis)));
}

function doubtsOf(axis: Axis, line: readonly Known[], noise: number): Doubt[] {
  const xs = line.map(({ at }) => Math.log(Number(at[axis.name])));
  const bends = line.map((_, i) => bendAt(xs, line, i));
  return line.flatMap((left, i): Doubt[] => {
    const right = line[i + 1];
    const [x0, x1] = [xs[i], xs[i + 1]];
    if (right === undefined || x0 === undefined || x1 === undefined) return [];
    const difference = Math.abs(right.y - left.y);
    const error = noise * Math.sqrt(1 / left.n + 1 / right.n);
    if (difference <= AGREE_ERRORS * error) return [];
    const ends = [bends[i], bends[i + 1]].filter((bend) => bend !== undefined);
    const doubt = ends.length === 0 ? difference / 4 : (Math.max(...ends) * (x1 - x0) ** 2) / 8;
    const middle = onAxis(Math.exp((x0 + x1) / 2), axis.whole);
    const inside = middle > Number(left.at[axis.name]) && middle < Number(right.at[axis.name]);
    if (!inside || doubt <= error / 2 || doubt < LEAST_DOUBT) return [];
    const at = { ...left.at, [axis.name]: middle };
    return [{ at, line: `${axis.name} ${othersKey(left.at, axis.name)}`, interval: i, doubt }];
  });
}

/** Below half a percent a further point tells nothing, however quiet the machine. */
const LEAST_DOUBT = 0.005;

/** The size of the second derivative; undefined at the ends of a line. */
function bendAt(xs: readonly number[], line: readonly Known[], i: number): number | undefined {
  const [before, here, after] = [line[i - 1], line[i], line[i + 1]];
  const [x0, x1, x2] = [xs[i - 1], xs[i], xs[i + 1]];
  if (before === undefined || here === undefined || after === undefined) return undefined;
  if (x0 === undefined || x1 === undefined || x2 === undefined) return undefined;
  const slopes = (after.y - here.y) / (x2 - x1) - (here.y - before.y) / (x1 - x0);
  return Math.abs((2 * slopes) / (x2 - x0));
}

/** Standard deviation of one repeat's logarithm, over all points with more than one; 0 where there are none. */
function pooledNoise(points: readonly MeasuredPoint[]): number {
  let [squares, freedom] = [0, 0];
  for (const { perSec } of points) {
    const logs = perSec.filter((rate) => rate > 0).map(Math.log);
    const centre = mean(logs);
    for (const log of logs) squares += (log - centre) ** 2;
    freedom += Math.max(0, logs.length - 1);
  }
  return freedom === 0 ? 0 : Math.sqrt(squares / freedom);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

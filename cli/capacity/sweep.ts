// What does a sweep measure, on which servers, and for how long? All that can be said of it before one is started.

import { UsageError } from '../../harness/errors.ts';
import { parsePinWish } from '../../harness/run/pinning.ts';
import type { RunPlan } from '../../harness/run/plan.ts';
import { checkServerOptions, isOwnServer } from '../../harness/server/index.ts';
import { preloadedJobs, type Scenario, totalSeconds } from '../../scenarios/scenario.ts';
import { requireServer } from '../options.ts';
import type { PlaceOptions } from '../place.ts';
import { serverWishesOf } from '../server-wishes.ts';
import { isSettingAxis } from './axes.ts';
import { type Axis, gridOf, parseAxes } from './grid.ts';
import type { EarlierPart } from './resume.ts';
import { SweepCells } from './sweep-cells.ts';
import { baseOf, serverLabel, settingsAt } from './sweep-load.ts';
import { keptWords, parseRate, type SweepWords } from './sweep-words.ts';

/** A sweep before it is measured. */
export interface PlannedSweep {
  readonly cells: SweepCells;
  readonly plan: RunPlan;
  /** Servers with settings of their own; absent where no setting is an axis. */
  readonly variants: PlaceOptions['variants'];
  /** `16 points × 2 repeats, 32 cells, about 5 min`. */
  readonly extent: string;
}

/** @throws UsageError for what cannot be measured, before a server is started for it. */
export async function planSweep(words: SweepWords, earlier?: EarlierPart): Promise<PlannedSweep> {
  const axes = parseAxes(words.axis);
  const rate = parseRate(words.rate);
  refuseMisfits(words, axes, rate !== undefined);
  const base = await baseOf(words, rate, gridOf(axes));
  const { repeats, refine, seed } = words;
  const cells = new SweepCells({
    ...{ axes, base, repeats, refine, seed, words: keptWords(words) },
    ...(earlier === undefined ? {} : { earlier: { cells: earlier.result.cells, points: earlier.points } }),
  });
  const { loads } = cells;
  const scenarios = distinct(
    loads.flatMap(({ scenario, capacity }) => [scenario, ...(capacity ? [capacity] : [])]),
  );
  return {
    cells,
    plan: { scenarios, contenders: distinct(loads.map(({ contender }) => contender)), repeats, seed },
    variants: variantsOf(words.server, axes),
    extent: extentOf(cells, words),
  };
}

function refuseMisfits(words: SweepWords, axes: readonly Axis[], hasRate: boolean): void {
  requireServer(words.server);
  parsePinWish(words.pin);
  serverWishesOf(words.server, words);
  const byName = new Map(axes.map((axis) => [axis.name, axis]));
  if (hasRate && byName.has('rate'))
    throw new UsageError('--rate and --axis rate are two rates: leave one of them out');
  if (byName.get('depth')?.values.includes(0) === true && !hasRate && !byName.has('rate'))
    throw new UsageError(
      '--axis depth: a drain of 0 jobs measures nothing: give a depth of 1 at least, or a --rate',
    );
  if ((words.pg?.length ?? 0) > 1)
    throw new UsageError('--pg: a sweep has one version of PostgreSQL: sweep each in a run of its own');
  if (axes.some(({ name }) => isSettingAxis(name)) && !isOwnServer(words.server))
    throw new UsageError(
      '--axis set.…: a server at an address decides its own settings: sweep without this axis once for each value that you set there, or take --server embedded',
    );
  if (words.refine > 0 && !axes.some(({ range }) => range))
    throw new UsageError(
      '--refine puts points between those of a range: give an --axis such as connections=1..32',
    );
}

/** By name: the same one where axes do not touch it. */
function distinct<T extends { readonly name: string }>(all: readonly T[]): T[] {
  return [...new Map(all.map((one) => [one.name, one])).values()];
}

function variantsOf(server: string, axes: readonly Axis[]): PlannedSweep['variants'] {
  const settings = axes.filter(({ name }) => isSettingAxis(name));
  if (settings.length === 0) return undefined;
  const variants = gridOf(settings).map((at) => ({ label: serverLabel(at), settings: settingsAt(at) }));
  for (const one of variants) checkServerOptions(server, { settings: one.settings });
  return variants;
}

/** Beside its load a cell takes a fresh database, agents that start, and the check at its end. */
const CELL_SECONDS = 2.5;
/** Of a preload. */
const PRELOAD_PER_SEC = 150_000;
const PRELOAD_BYTES_PER_SEC = 50e6;

function extentOf(cells: SweepCells, { repeats, refine }: SweepWords): string {
  const { loads, done } = cells;
  const seconds = loads.map(
    ({ scenario, capacity }) => secondsOf(scenario) + (capacity ? secondsOf(capacity) : 0),
  );
  const whole = seconds.reduce((sum, one) => sum + one * repeats, 0);
  const expected = cells.expected();
  const left = whole * (1 - done / expected);
  const part = done === 0 ? '' : ` (${done} measured already)`;
  const further = refine === 0 ? '' : `, refined by up to ${refine}`;
  const what = `${counted(loads.length, 'point')}${further}, ${counted(repeats, 'repeat')}`;
  return `${what}: ${counted(expected, 'cell')}${part}, about ${minutes(left)}`;
}

function counted(n: number, what: string): string {
  return n === 1 ? `1 ${what}` : `${n} ${what}s`;
}

function secondsOf(scenario: Scenario): number {
  const jobs = preloadedJobs(scenario);
  const preload = Math.max(
    jobs / PRELOAD_PER_SEC,
    (jobs * scenario.job.payloadBytes) / PRELOAD_BYTES_PER_SEC,
  );
  return CELL_SECONDS + totalSeconds(scenario) + preload;
}

function minutes(seconds: number): string {
  return seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`;
}

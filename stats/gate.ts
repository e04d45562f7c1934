// Has something become worse from base to head? Block after block, until that is clear: alarms first, then a second look.

import { pairedShift, type Shift, unpairedShift } from './shift.ts';
import { median } from './spread.ts';

/** A metric as the gate knows it. */
export type GateMetric = {
  /** Names it among the others. */
  readonly key: string;
  /**
   * `hard`: hardly depends on the machine, such as WAL per job; judged by its range, from three blocks on. `soft`: times and
   * rates; judged by ranks, from nine on.
   */
  readonly kind: 'hard' | 'soft';
  readonly better: 'higher' | 'lower';
  /** The smallest worsening that matters, as a share: 0.1 is 10 %. Between 0 and 1. */
  readonly limit: number;
  /** The smallest change that matters, in the metric's unit: of hard metrics, which may be zero; 0 unless told. */
  readonly least?: number;
  /** The base's figures of another day, in place of those that a block would have: then no block is a pair. Not empty. */
  readonly stored?: readonly number[];
};

/** What one block gave, by the metric's key; no entry where a side has no figure. Not negative. `base` is absent where it is stored. */
export type GateBlock = ReadonlyMap<string, { readonly base?: number; readonly head: number }>;

export type GateVerdict = 'worse' | 'better' | 'same' | 'unstable' | '~';

/** What is known of one metric. Effects are head / base − 1: 0.1 is 10 % more. */
export type GateFinding = {
  readonly key: string;
  /** `worse` is confirmed; `unstable`: it looked worse once, or is too noisy; `~`: these blocks do not tell. */
  readonly verdict: GateVerdict;
  readonly reason: string;
  /** Blocks that gave figures. */
  readonly blocks: number;
  readonly base: number | undefined;
  readonly head: number | undefined;
  /** Median of the blocks' ratios − 1; `undefined` from zero. */
  readonly effect: number | undefined;
  /** 95 % interval of a soft metric's effect, and what it may differ by where nothing changed. */
  readonly low?: number;
  readonly high?: number;
  readonly noiseFloor?: number;
};

export type GateState = {
  readonly findings: readonly GateFinding[];
  /** Whether more blocks would change nothing: something is worse for sure, or nothing can be. */
  readonly clear: boolean;
  /** Metrics that looked worse and are being measured again. */
  readonly pending: readonly string[];
  /** Whether enough was measured for the hard metrics, at least. */
  readonly told: boolean;
};

/** Blocks before a hard metric can look worse, and those that must show it again. */
export const HARD_BLOCKS = { first: 3, again: 2 } as const;
/** The same of a soft one, at least. */
export const SOFT_BLOCKS = { first: 6, again: 6 } as const;

/**
 * One-sided levels: of an alarm, of fresh blocks that confirm it, of each end of a margin, and of an interval. Chosen by simulation
 * (`gate.simulation.test.ts`): an alarm that comes late and is seldom false leaves more to be found by fewer fresh blocks.
 */
const ALARM = 0.0025;
const AGAIN = 0.05;
const EQUIVALENT = 0.05;
const INTERVAL = 0.025;
const UNSTABLE = 0.25;

type Pair = { readonly base: number; readonly head: number };

type Track = {
  readonly metric: GateMetric;
  readonly pairs: Pair[];
  /** How many pairs there were when it looked worse; absent: it has not. */
  alarmAt?: number;
  closed?: { readonly verdict: 'worse' | 'unstable'; readonly reason: string };
  found: Omit<GateFinding, 'key' | 'blocks' | 'base' | 'head'>;
};

const UNTOLD = { verdict: '~', reason: 'too few blocks', effect: undefined } as const;

/**
 * Sequential, in two steps for each metric. It **looks worse** as soon as the blocks so far say so: of a hard metric, the
 * median of the blocks' ratios beyond the limit and beyond the range of the base's own values, with every block (but one
 * in six) at half the limit or more; of a soft one, the estimate of Hodges and Lehmann beyond the limit, and its one-sided
 * 99.75 % confidence limit beyond zero, which takes nine blocks. Looking again and again raises false alarms, so an alarm decides nothing: **fresh
 * blocks alone** must say it once more (two; of a soft metric six, at 95 % and half the limit, and up to as many as raised
 * the alarm), and all blocks together that the limit was passed. What they do not say again is unstable, for good, and
 * never fails. All of it is exact: the same blocks give the same state.
 */
export class Gate {
  readonly #tracks: readonly Track[];

  constructor(metrics: readonly GateMetric[]) {
    this.#tracks = metrics.map((metric) => {
      if (!(metric.limit > 0 && metric.limit < 1))
        throw new RangeError(`${metric.key}: a limit lies between 0 and 1, not at ${metric.limit}`);
      return { metric, pairs: [], found: UNTOLD };
    });
  }

  /** Takes one more block. @throws {RangeError} for a figure that is negative or not finite. */
  add(block: GateBlock): GateState {
    for (const track of this.#tracks) {
      const { key, stored } = track.metric;
      const figures = block.get(key);
      if (figures === undefined) continue;
      const { head, base = stored?.[track.pairs.length % stored.length] } = figures;
      if (base === undefined) continue;
      for (const value of [base, head])
        if (!Number.isFinite(value) || value < 0) throw new RangeError(`${key}: ${value} cannot be compared`);
      track.pairs.push({ base, head });
    }
    for (const track of this.#tracks) (track.metric.kind === 'hard' ? lookAtHard : lookAtSoft)(track);
    return this.state();
  }

  state(): GateState {
    const findings = this.#tracks.map(({ metric, pairs, found, closed }): GateFinding => {
      const base = median(pairs.map((pair) => pair.base));
      const head = median(pairs.map((pair) => pair.head));
      return { ...found, ...closed, key: metric.key, blocks: pairs.length, base, head };
    });
    const pending = this.#tracks.flatMap(({ metric, alarmAt, closed }) =>
      alarmAt !== undefined && closed === undefined ? [metric.key] : [],
    );
    const worse = findings.some(({ verdict }) => verdict === 'worse');
    const settled = this.#tracks.every(isSettled);
    const told = this.#tracks.some(
      ({ metric, pairs }) => metric.kind === 'hard' && pairs.length >= HARD_BLOCKS.first,
    );
    return { findings, clear: worse || (settled && pending.length === 0), pending, told };
  }
}

/** By ranks, of logarithms: as large a fall is as far as a rise. */
function lookAtSoft(track: Track): void {
  if (track.closed !== undefined) return;
  const { metric, pairs, alarmAt } = track;
  const limit = Math.log1p(metric.limit);
  const whole = worseningOf(metric, pairs);
  if (whole === undefined) return;
  const figures = figuresOf(metric, whole);
  if (alarmAt !== undefined) {
    const count = pairs.length - alarmAt;
    track.found = { ...track.found, ...figures };
    if (count < SOFT_BLOCKS.again) return;
    const fresh = worseningOf(metric, pairs.slice(alarmAt));
    const seen = (fresh?.lower(AGAIN) ?? 0) > 0 && (fresh?.estimate ?? 0) >= limit / 2;
    const large = whole.estimate >= limit;
    // As many fresh blocks as raised the alarm, before it is dropped.
    if ((seen && large) || count >= Math.max(alarmAt, SOFT_BLOCKS.again))
      track.closed = conclude(track, seen, large);
    return;
  }
  if (pairs.length < SOFT_BLOCKS.first) {
    track.found = { ...UNTOLD, ...figures };
    return;
  }
  if (whole.estimate >= limit && (whole.lower(ALARM) ?? 0) > 0) {
    track.alarmAt = pairs.length;
    track.found = { verdict: 'unstable', reason: again(track, SOFT_BLOCKS.again), ...figures };
    return;
  }
  track.found = { ...softVerdict(metric, whole), ...figures };
}

function softVerdict(metric: GateMetric, whole: Shift): Pick<GateFinding, 'verdict' | 'reason'> {
  const limit = Math.log1p(metric.limit);
  if (whole.estimate <= -limit && (whole.upper(ALARM) ?? 0) < 0)
    return { verdict: 'better', reason: 'beyond the noise of these blocks' };
  const [low, high] = [whole.lower(EQUIVALENT), whole.upper(EQUIVALENT)];
  if (low !== undefined && high !== undefined && low > -limit && high < limit)
    return { verdict: 'same', reason: `shown to lie within ${percent(metric.limit)}` };
  const floor = floorOf(whole);
  if (floor !== undefined && floor > Math.log1p(UNSTABLE))
    return {
      verdict: 'unstable',
      reason: `a noise floor of ${percent(Math.expm1(floor))}, above ${percent(UNSTABLE)}`,
    };
  return { verdict: '~', reason: 'neither a worsening nor its absence is shown' };
}

/** Above zero for worse; undefined where a value is zero, which has no logarithm, or nothing was measured. */
function worseningOf(metric: GateMetric, pairs: readonly Pair[]): Shift | undefined {
  const { better, stored } = metric;
  if (pairs.length === 0 || pairs.some(({ base, head }) => base === 0 || head === 0)) return undefined;
  if (stored === undefined) return pairedShift(pairs.map((pair) => stepOf(metric, pair)));
  const sign = better === 'lower' ? 1 : -1;
  const logs = (values: readonly number[]): number[] => values.map((value) => sign * Math.log(value));
  return unpairedShift(logs(stored), logs(pairs.map(({ head }) => head)));
}

/** Of the metric itself, whichever way is worse. */
function figuresOf(
  { better }: GateMetric,
  worsening: Shift,
): Pick<GateFinding, 'effect' | 'low' | 'high' | 'noiseFloor'> {
  const sign = better === 'lower' ? 1 : -1;
  const [low, high] = [worsening.lower(INTERVAL), worsening.upper(INTERVAL)];
  const floor = floorOf(worsening);
  // A step of nothing is no negative one.
  const share = (step: number): number => Math.expm1(sign * step) + 0;
  return {
    effect: share(worsening.estimate),
    ...(low === undefined || high === undefined
      ? {}
      : { low: share(sign > 0 ? low : high), high: share(sign > 0 ? high : low) }),
    ...(floor === undefined ? {} : { noiseFloor: Math.expm1(floor) }),
  };
}

/** What two sides that are the same may seem to differ by: half of the interval's length. */
function floorOf(shift: Shift): number | undefined {
  const [low, high] = [shift.lower(INTERVAL), shift.upper(INTERVAL)];
  return low === undefined || high === undefined ? undefined : (high - low) / 2;
}

/** By ranges, without a distribution: from block to block a hard metric hardly moves. */
function lookAtHard(track: Track): void {
  if (track.closed !== undefined) return;
  const { metric, pairs, alarmAt } = track;
  const effect = effectOf(pairs);
  if (pairs.length < HARD_BLOCKS.first) {
    track.found = { ...UNTOLD, effect };
    return;
  }
  if (alarmAt !== undefined) {
    const fresh = pairs.slice(alarmAt);
    if (fresh.length < HARD_BLOCKS.again) return;
    track.found = { ...track.found, effect };
    track.closed = conclude(track, moved(metric, fresh, 1, pairs), moved(metric, pairs, 1));
    return;
  }
  if (moved(metric, pairs, 1)) {
    track.alarmAt = pairs.length;
    track.found = { verdict: 'unstable', reason: again(track, HARD_BLOCKS.again), effect };
    return;
  }
  track.found = moved(metric, pairs, -1)
    ? { verdict: 'better', reason: 'every block says so', effect }
    : { verdict: 'same', reason: `within ${percent(metric.limit)} or the base's own range`, effect };
}

/** Whether head lies beyond base, to the worse (1) or the better (−1), by more than matters and than base itself moves. */
function moved(
  metric: GateMetric,
  pairs: readonly Pair[],
  direction: 1 | -1,
  ofBase: readonly Pair[] = pairs,
): boolean {
  const limit = Math.log1p(metric.limit);
  const steps = pairs.map((pair) => direction * stepOf(metric, pair)).toSorted((a, b) => a - b);
  const middle = median(steps.map((step) => Math.max(-1e9, Math.min(1e9, step)))) ?? 0;
  const lowest = steps[Math.floor(pairs.length / 6)] ?? 0;
  if (middle < limit || lowest < limit / 2) return false;
  const bases = metric.stored ?? ofBase.map(({ base }) => base);
  const change = Math.abs(
    (median(pairs.map(({ head }) => head)) ?? 0) - (median(pairs.map(({ base }) => base)) ?? 0),
  );
  if (change < (metric.least ?? 0)) return false;
  const [smallest, largest] = [Math.min(...bases), Math.max(...bases)];
  return smallest === 0 ? change > largest : middle > Math.log(largest / smallest);
}

/** In logarithms, above zero for worse; from zero it is infinite, or none. */
function stepOf({ better }: GateMetric, { base, head }: Pair): number {
  if (base === head) return 0;
  return better === 'lower' ? Math.log(head / base) : Math.log(base / head);
}

function effectOf(pairs: readonly Pair[]): number | undefined {
  const ratios = pairs.map(({ base, head }) => head / base);
  return ratios.length > 0 && ratios.every(Number.isFinite) ? (median(ratios) ?? 1) - 1 : undefined;
}

function conclude(
  { alarmAt = 0, pairs }: Track,
  seen: boolean,
  large: boolean,
): NonNullable<Track['closed']> {
  const fresh = pairs.length - alarmAt;
  if (seen && large)
    return { verdict: 'worse', reason: `in ${alarmAt} blocks, and again in ${fresh} fresh ones` };
  const why = seen ? 'less than the limit over all' : `not again in ${fresh} fresh ones`;
  return { verdict: 'unstable', reason: `worse in ${alarmAt} blocks, ${why}` };
}

function again({ pairs }: Track, fresh: number): string {
  return `worse in ${pairs.length} blocks; ${fresh} fresh ones have yet to say it again`;
}

function isSettled({ metric, pairs, found, closed }: Track): boolean {
  if (closed !== undefined) return true;
  // A metric that this contender does not have is no reason to go on.
  if (pairs.length === 0) return true;
  return metric.kind === 'hard'
    ? pairs.length >= HARD_BLOCKS.first
    : pairs.length >= SOFT_BLOCKS.first && (found.verdict === 'same' || found.verdict === 'better');
}

function percent(share: number): string {
  return `${Number((share * 100).toPrecision(2))} %`;
}

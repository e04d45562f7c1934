// Has something become worse from base to head? Block after block, until that is clear: alarms first, then a second look.

import { judge, LEAST_REPEATS } from './judge.ts';
import type { Random } from './random.ts';
import { median } from './spread.ts';

/** A metric as the gate knows it. */
export type GateMetric = {
  /** Names it among the others. */
  readonly key: string;
  /**
   * `hard`: hardly depends on the machine, such as WAL per job; judged by its range, from three blocks on. `soft`: times and
   * rates; judged by tests, from five on.
   */
  readonly kind: 'hard' | 'soft';
  readonly better: 'higher' | 'lower';
  /** The smallest worsening that matters, as a share: 0.1 is 10 %. Between 0 and 1. */
  readonly limit: number;
  /** The smallest change that matters, in the metric's unit: of hard metrics, which may be zero; 0 unless told. */
  readonly least?: number;
  /** Soft metrics of one family are corrected for together. */
  readonly family: string;
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
/** The same of a soft one: with fewer, a second look has no power. */
export const SOFT_BLOCKS = { first: LEAST_REPEATS + 1, again: LEAST_REPEATS + 1 } as const;

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
 * in six) at half the limit or more; of a soft one, the verdict of `judge`. Looking again and again raises false alarms,
 * so an alarm decides nothing: **fresh blocks alone** must say it once more, and all blocks together that the limit was
 * passed. What they do not say again is unstable, for good, and never fails.
 */
export class Gate {
  readonly #tracks: readonly Track[];
  readonly #random: Random;
  readonly #resamples: number;

  constructor(
    metrics: readonly GateMetric[],
    options: { readonly random: Random; readonly resamples?: number },
  ) {
    this.#tracks = metrics.map((metric) => {
      if (!(metric.limit > 0 && metric.limit < 1))
        throw new RangeError(`${metric.key}: a limit lies between 0 and 1, not at ${metric.limit}`);
      return { metric, pairs: [], found: UNTOLD };
    });
    this.#random = options.random;
    this.#resamples = options.resamples ?? 2_000;
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
    for (const track of this.#tracks) if (track.metric.kind === 'hard') lookAtHard(track);
    this.#lookAtSoft();
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

  #lookAtSoft(): void {
    const families = Map.groupBy(
      this.#tracks.filter(({ metric, closed }) => metric.kind === 'soft' && closed === undefined),
      ({ metric }) => metric.family,
    );
    for (const tracks of families.values()) {
      const open = tracks.filter(({ alarmAt }) => alarmAt === undefined);
      for (const [track, found] of this.#judged(open, () => 0, 1)) {
        track.found = found;
        if (found.verdict !== 'worse') continue;
        if (track.pairs.length < SOFT_BLOCKS.first) {
          track.found = {
            ...found,
            verdict: '~',
            reason: `worse in ${track.pairs.length} blocks, too few to say so`,
          };
          continue;
        }
        track.found = { ...found, verdict: 'unstable', reason: again(track, SOFT_BLOCKS.again) };
        track.alarmAt = track.pairs.length;
      }
      const due = tracks.filter(
        ({ alarmAt, pairs }) => alarmAt !== undefined && pairs.length - alarmAt >= SOFT_BLOCKS.again,
      );
      // Half the limit: fresh blocks must show that it is there, all of them together how large it is.
      const fresh = this.#judged(due, ({ alarmAt = 0 }) => alarmAt, 0.5);
      const whole = this.#judged(due, () => 0, 1);
      for (const track of due) {
        const seen = fresh.get(track)?.verdict === 'worse';
        const all = whole.get(track);
        if (all !== undefined) track.found = all;
        const large = all !== undefined && worsening(track.metric, all.effect) >= track.metric.limit;
        track.closed = conclude(track, seen, large);
      }
    }
  }

  #judged(
    tracks: readonly Track[],
    from: (track: Track) => number,
    share: number,
  ): Map<Track, Track['found']> {
    const able = tracks.filter((track) => track.pairs.length - from(track) >= LEAST_REPEATS);
    const judgements = judge(
      able.map((track) => {
        const { key, better, limit, stored } = track.metric;
        const pairs = track.pairs.slice(from(track));
        return {
          ...{ metric: key, better, minEffect: limit * share, paired: stored === undefined },
          base: stored ?? pairs.map(({ base }) => base),
          head: pairs.map(({ head }) => head),
        };
      }),
      { random: this.#random, resamples: this.#resamples },
    );
    return new Map(
      able.map((track, i) => {
        const judgement = judgements[i];
        if (judgement === undefined) throw new Error('every track is judged');
        const { verdict, reason, effect, low, high, noiseFloor } = judgement;
        const figures = {
          effect,
          ...(low === undefined ? {} : { low }),
          ...(high === undefined ? {} : { high }),
        };
        return [
          track,
          {
            ...{ verdict: verdict === 'equivalent' ? 'same' : verdict, reason, ...figures },
            ...(noiseFloor === undefined ? {} : { noiseFloor }),
          },
        ];
      }),
    );
  }
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

function worsening({ better }: GateMetric, effect: number | undefined): number {
  if (effect === undefined) return 0;
  // A fall to 1 ÷ 1.1 is as much as a rise by a tenth.
  return better === 'lower' ? effect : 1 / (1 + effect) - 1;
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

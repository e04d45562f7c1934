// Is head better or worse than base, as good as it, or can these runs not tell?

import { bootstrapInterval, bootstrapIntervalOfTwo, type Interval } from './bootstrap.ts';
import { chooseTest, type DifferenceTest, type Groups, ratios } from './choice-of-test.ts';
import { equivalence, pairedEquivalence } from './equivalence.ts';
import { holm } from './holm.ts';
import { mannWhitney } from './mann-whitney.ts';
import { combinations } from './permutation.ts';
import { samePaired, sameUnpaired, sensitivity } from './power.ts';
import type { Random } from './random.ts';
import { median, medianInPlace } from './spread.ts';

/** The figures of one metric, one value per run. */
export type MetricSamples = {
  readonly metric: string;
  readonly better: 'higher' | 'lower';
  /** Not negative, all in one unit. */
  readonly base: readonly number[];
  readonly head: readonly number[];
  /** Whether equal places of `base` and `head` are runs of one block. */
  readonly paired?: boolean;
  /** The smallest effect worth naming of this metric, when it is another than the family's. */
  readonly minEffect?: number;
};

export type Verdict = 'better' | 'worse' | 'equivalent' | 'unstable' | '~';

/** What is concluded of one metric. Effects are head / base − 1: 0.1 is 10 % more. */
export type Judgement = {
  readonly metric: string;
  readonly verdict: Verdict;
  /** In words, which condition decided. */
  readonly reason: string;
  /** Ratio of medians − 1; of paired values the median of the blocks' ratios − 1. `undefined` without a ratio, as from zero. */
  readonly effect: number | undefined;
  /** 95 % interval of the effect. `undefined` with too few repeats, as all that follow; and with zeros. */
  readonly low: number | undefined;
  readonly high: number | undefined;
  /** Two-sided, before and after Holm's correction over the family. */
  readonly p: number | undefined;
  readonly pAdjusted: number | undefined;
  /**
   * What rises stay below in 95 of 100 cases if head were base, with this noise and these sizes: 0.25 is the noise of
   * factors up to 1.25, and down to 1 ÷ 1.25 (a fall of 20 %).
   */
  readonly noiseFloor: number | undefined;
  /**
   * The smallest worsening that would have been found four times in five: a rise where less is better, else a fall (0.2 is
   * 20 % less). `undefined` too when these sizes can find none.
   */
  readonly detectable: number | undefined;
  readonly n: { readonly base: number; readonly head: number };
  readonly test: DifferenceTest['name'] | undefined;
};

export type JudgeOptions = {
  readonly random: Random;
  /** The smallest effect worth naming, and the margin of equivalence: 0.05 (5 %) unless told; between 0 and 1. */
  readonly minEffect?: number;
  /** The chance of any false alarm in the family, and of each false claim of equivalence: 0.05 unless told. */
  readonly alpha?: number;
  /** A noise floor above this makes a metric unstable: 0.25 unless told. */
  readonly unstableAbove?: number;
  /** Of every resampling: 100 to 100,000; 4,000 unless told. */
  readonly resamples?: number;
};

/** Fewer values on a side than these are not judged: five repeats to look, ten to claim. */
export const LEAST_REPEATS = 5;

type Rules = Required<JudgeOptions> & { readonly family: number };

/**
 * Judges a family of metrics of two groups of runs. For each, in this order:
 *
 * 1. fewer than five values on a side: `~`;
 * 2. **better** or **worse** when all three hold: p, corrected by Holm over the whole family, is at most `alpha`; the
 *    interval of the effect excludes zero; the effect is at least `minEffect`, and as a factor, up or down, beyond the noise floor;
 * 3. **equivalent** when two one-sided t tests on logarithms (paired or Welch's) both reject at `alpha`, with the margin
 *    from −`minEffect` to +`minEffect`. Not corrected for the family: each claim stands for itself;
 * 4. **unstable** when the noise floor exceeds `unstableAbove`;
 * 5. else `~`.
 *
 * So a difference that stands out of the noise is named however large the noise is. What is reported are medians; the
 * statistic of the test is another one, chosen by sizes and design alone (`chooseTest` says which, and why). The interval is
 * the percentile bootstrap of the reported effect; with ten values it holds the truth in some 92 to 95 % of cases, which
 * is why it never decides alone. Everything is done on logarithms, in which a doubling is as far as a halving. A metric with
 * a zero among its values has no ratio: it is judged by the ranks of its values alone, or is equivalent when
 * all are zero. Metrics without p count in the family as if theirs were 1.
 *
 * The same `random` gives the same judgements; the draws of a metric depend on those listed before it.
 *
 * @throws {RangeError} when a value is negative or not finite, paired values are not of equal number, or an option is out
 * of range.
 */
export function judge(metrics: readonly MetricSamples[], options: JudgeOptions): Judgement[] {
  const { minEffect = 0.05, alpha = 0.05, unstableAbove = 0.25, resamples = 4_000, random } = options;
  const rules: Rules = { random, minEffect, alpha, unstableAbove, resamples, family: metrics.length };
  if (!(alpha > 0 && alpha < 1)) throw new RangeError(`alpha lies between 0 and 1, not at ${alpha}`);
  const measured = metrics.map((samples) => measure(samples, rules));
  const adjusted = holm(measured.map(({ p }) => p ?? 1));
  return measured.map((found, index) => {
    const samples = metrics[index];
    const pAdjusted = found.p === undefined ? undefined : adjusted[index];
    if (samples === undefined) throw new Error('every measurement has its samples');
    return { ...withoutTests(found), pAdjusted, ...conclude(found, samples, pAdjusted ?? 1, rules) };
  });
}

/** A judgement before the family is known, with what the conclusion needs besides. */
type Measured = Omit<Judgement, 'verdict' | 'reason' | 'pAdjusted'> & {
  readonly pEquivalent: number | undefined;
  readonly smallestP: number | undefined;
};

function withoutTests({
  pEquivalent,
  smallestP,
  ...rest
}: Measured): Omit<Measured, 'pEquivalent' | 'smallestP'> {
  return rest;
}

function measure(samples: MetricSamples, rules: Rules): Measured {
  assertSamples(samples, rules);
  const { metric, base, head, paired = false } = samples;
  const n = { base: base.length, head: head.length };
  const groups = { base: base.map(Math.log), head: head.map(Math.log) };
  const effectOf = paired
    ? (drawn: Groups): number => medianInPlace(ratios(drawn))
    : (drawn: Groups): number => medianInPlace(drawn.head) - medianInPlace(drawn.base);
  const effect = ratioIfAny(effectOf({ base: [...groups.base], head: [...groups.head] }));
  if (Math.min(n.base, n.head) < LEAST_REPEATS) return { ...NOTHING, metric, n, effect };
  if ([...base, ...head].includes(0)) return { ...NOTHING, metric, n, effect, ...ranksOf(base, head) };
  const { random, resamples, alpha, family } = rules;
  const worsening = (size: number): number => (samples.better === 'higher' ? -size : size);
  const test = chooseTest({ ...n, paired, family, alpha }, { random, resamples });
  const p = test.p(groups);
  const { estimate, low, high } = interval(groups, paired, rules);
  const { noiseFloor, detectable } = sensitivity(
    paired ? samePaired(groups, random) : sameUnpaired(groups, random),
    {
      effect: effectOf,
      shiftNeeded: test.shiftNeeded,
      least: Math.abs(Math.log1p(worsening(leastOf(samples, rules)))),
    },
    resamples,
  );
  return {
    metric,
    n,
    p,
    test: test.name,
    smallestP: test.smallestP,
    pEquivalent: pEquivalent(groups, paired, leastOf(samples, rules)),
    effect: Math.expm1(estimate),
    low: Math.expm1(low),
    high: Math.expm1(high),
    noiseFloor: Math.expm1(noiseFloor),
    detectable: detectable === undefined ? undefined : Math.abs(Math.expm1(worsening(detectable))),
  };
}

/** Without a ratio: only which values are larger. */
function ranksOf(
  base: readonly number[],
  head: readonly number[],
): Pick<Measured, 'p' | 'test' | 'smallestP'> {
  if ([...base, ...head].every((value) => value === 0)) return NOTHING;
  const smallestP = 2 / combinations(base.length + head.length, base.length);
  return { p: mannWhitney(base, head).p, test: 'ranks', smallestP };
}

const NOTHING = {
  ...{ effect: undefined, low: undefined, high: undefined, p: undefined, pEquivalent: undefined },
  ...{ noiseFloor: undefined, detectable: undefined, test: undefined, smallestP: undefined },
};

function ratioIfAny(logarithm: number): number | undefined {
  return Number.isFinite(logarithm) ? Math.expm1(logarithm) : undefined;
}

function interval(groups: Groups, paired: boolean, { random, resamples }: Rules): Interval {
  const options = { random, resamples, method: 'percentile' } as const;
  return paired
    ? bootstrapInterval(ratios(groups), medianInPlace, options)
    : bootstrapIntervalOfTwo(
        groups.base,
        groups.head,
        (b, h) => medianInPlace(h) - medianInPlace(b),
        options,
      );
}

function pEquivalent(groups: Groups, paired: boolean, least: number): number {
  const margin = { low: Math.log1p(-least), high: Math.log1p(least) };
  return paired
    ? pairedEquivalence(ratios(groups), margin).p
    : equivalence(groups.base, groups.head, margin).p;
}

function leastOf(samples: MetricSamples, rules: Rules): number {
  return samples.minEffect ?? rules.minEffect;
}

function assertSamples(samples: MetricSamples, rules: Rules): void {
  const { metric, base, head, paired = false } = samples;
  const least = leastOf(samples, rules);
  if (!(least > 0 && least < 1))
    throw new RangeError(`${metric}: minEffect lies between 0 and 1, not at ${least}`);
  if (paired && base.length !== head.length) throw new RangeError(`${metric}: a block lacks one of its runs`);
  const wrong = [...base, ...head].find((value) => !Number.isFinite(value) || value < 0);
  if (wrong !== undefined) throw new RangeError(`${metric}: ${wrong} cannot be compared by ratio`);
}

type Conclusion = { readonly verdict: Verdict; readonly reason: string };

function conclude(found: Measured, samples: MetricSamples, pAdjusted: number, rules: Rules): Conclusion {
  const { n, effect, low, high, noiseFloor, smallestP = 0, pEquivalent = 1 } = found;
  if (Math.min(n.base, n.head) < LEAST_REPEATS) {
    return {
      verdict: '~',
      reason: `too few repeats: ${n.base} v ${n.head}, of ${LEAST_REPEATS} at least on each side`,
    };
  }
  if (effect === undefined || low === undefined || high === undefined || noiseFloor === undefined)
    return concludeByRanks(samples, pAdjusted, rules);
  const least = leastOf(samples, rules);
  const doubts = [
    pAdjusted > rules.alpha &&
      `no difference shown (p = ${pAdjusted.toPrecision(2)} for ${rules.family} in all)`,
    low <= 0 && high >= 0 && 'the interval includes zero',
    Math.abs(Math.log1p(effect)) < Math.log1p(noiseFloor) &&
      `below the noise floor of ${percent(noiseFloor)}`,
    Math.abs(effect) < least && `below the ${percent(least)} worth naming`,
  ].filter((doubt) => doubt !== false);
  if (doubts.length === 0) {
    const verdict = effect > 0 === (samples.better === 'higher') ? 'better' : 'worse';
    return { verdict, reason: `beyond zero, the noise floor and the ${percent(least)} worth naming` };
  }
  if (pEquivalent <= rules.alpha)
    return { verdict: 'equivalent', reason: `shown to lie within ±${percent(least)}` };
  if (noiseFloor > rules.unstableAbove) {
    const limit = percent(rules.unstableAbove);
    return { verdict: 'unstable', reason: `a noise floor of ${percent(noiseFloor)}, above ${limit}` };
  }
  if (smallestP * rules.family > rules.alpha) {
    return {
      verdict: '~',
      reason: `too few repeats for ${rules.family} metrics: not even complete separation would do`,
    };
  }
  return { verdict: '~', reason: doubts.join('; ') };
}

function concludeByRanks(samples: MetricSamples, pAdjusted: number, rules: Rules): Conclusion {
  const { base, head, better } = samples;
  if ([...base, ...head].every((value) => value === 0))
    return { verdict: 'equivalent', reason: 'every value is zero' };
  const [from, to] = [median(base) ?? 0, median(head) ?? 0];
  const least = leastOf(samples, rules);
  const doubts = [
    pAdjusted > rules.alpha &&
      `no difference shown (p = ${pAdjusted.toPrecision(2)} for ${rules.family} in all)`,
    from === to && 'both medians are the same',
    Math.abs(to - from) < least * Math.max(from, to) && `below the ${percent(least)} worth naming`,
  ].filter((doubt) => doubt !== false);
  if (doubts.length > 0)
    return { verdict: '~', reason: ['a value of zero has no ratio', ...doubts].join('; ') };
  return {
    verdict: to > from === (better === 'higher') ? 'better' : 'worse',
    reason: 'by ranks alone: a value of zero has no ratio',
  };
}

function percent(share: number): string {
  return `${Number((share * 100).toPrecision(2))} %`;
}

// Who is faster, by how much, and how sure is that? Rounds in which each entrant drains once, in an order drawn for each round.

import { bootstrapInterval } from '../../../stats/bootstrap.ts';
import { LEAST_REPEATS } from '../../../stats/judge.ts';
import { randomStream, seeded, shuffled } from '../../../stats/random.ts';
import { median, pairedRatio, spread } from '../../../stats/spread.ts';
import type { Figure } from '../../yardstick.ts';
import { type Drained, type Drains, type Entrant, labelOf } from './drains.ts';

/** What an entrant reached, round by round. */
export interface Standing {
  readonly entrant: Entrant;
  readonly perSec: ReadonlyMap<number, number>;
  /** Of its void cells: with one of them no figure of it counts. */
  readonly problems: readonly string[];
  /** Of those that were incorrect: whoever has one has failed. */
  readonly incorrect: readonly string[];
  /** What no void cell can have been faster than, jobs/s; undefined where one has no such bound. */
  readonly voidAtMostPerSec: number | undefined;
  readonly generatorBound: boolean;
  /** Rounds whose cell was void at first, and was measured once more. */
  readonly again: number;
}

/** Each entrant once per round. What the machine does meanwhile hits all alike. */
export async function contest(
  drains: Drains,
  entrants: readonly Entrant[],
  rounds: number,
): Promise<readonly Standing[]> {
  const random = randomStream(rounds, 'order');
  const found = new Map(entrants.map((entrant) => [entrant, new Map<number, Drained>()]));
  for (let round = 0; round < rounds; round += 1) {
    for (const entrant of shuffled(entrants, random))
      found.get(entrant)?.set(round, await drains.measure(entrant, round));
  }
  return [...found].map(([entrant, drained]) => standingOf(entrant, drained));
}

/** What an entrant's rounds come to. */
export function standingOf(entrant: Entrant, drained: ReadonlyMap<number, Drained>): Standing {
  const perSec = new Map<number, number>();
  const problems = new Set<string>();
  const incorrect = new Set<string>();
  let generatorBound = false;
  let voidAtMostPerSec: number | undefined = 0;
  let again = 0;
  for (const [round, one] of drained) {
    if ('problem' in one) {
      (one.incorrect ? incorrect : problems).add(one.problem);
      const { atMostPerSec } = one;
      voidAtMostPerSec =
        atMostPerSec === undefined || voidAtMostPerSec === undefined
          ? undefined
          : Math.max(voidAtMostPerSec, atMostPerSec);
    } else {
      perSec.set(round, one.perSec);
      generatorBound ||= one.generatorBound;
      if (one.again) again += 1;
    }
  }
  return {
    entrant,
    perSec,
    problems: [...incorrect, ...problems],
    incorrect: [...incorrect],
    voidAtMostPerSec,
    generatorBound,
    again,
  };
}

/** The one with the highest median among those without a void cell. */
export function fastestOf(standings: readonly Standing[]): Standing | undefined {
  const rate = (standing: Standing): number => median([...standing.perSec.values()]) ?? 0;
  return standings
    .filter((standing) => standing.problems.length === 0 && standing.perSec.size > 0)
    .toSorted((a, b) => rate(b) - rate(a))[0];
}

/** Its rate, which nobody judges, unless it handed out a job wrongly: that misses whatever was asked. */
export function rateFigure(standing: Standing): Figure {
  const { entrant, perSec, problems, incorrect, generatorBound, again } = standing;
  const rates = spread([...perSec.values()]);
  const range =
    rates === undefined
      ? 'no valid round'
      : `median of ${rates.n} [${Math.round(rates.min).toLocaleString('en')}–${Math.round(rates.max).toLocaleString('en')}]`;
  const bound = generatorBound ? ['perhaps generator-bound'] : [];
  return {
    what: `drain, ${labelOf(entrant)}`,
    value: incorrect.length > 0 ? Number.NaN : rates?.median,
    unit: 'jobs/s',
    ...(incorrect.length > 0 ? { target: { atLeast: 0 } } : {}),
    note: [
      range,
      ...(again === 0 ? [] : [`${again} measured again, void at first`]),
      ...bound,
      ...problems,
    ].join('; '),
  };
}

/**
 * The ratio of two rates, by its median over the rounds that they share and a 95 % bootstrap interval of that, or the range of
 * fewer rounds than tell. A void cell on either side misses the target: it is no reading to be left out.
 */
export function ratioFigure(above: Standing, below: Standing, atLeast: number, ...doubts: string[]): Figure {
  const what = `${labelOf(above.entrant)} ÷ ${labelOf(below.entrant)}`;
  const target = { atLeast };
  // A rival that was held back by its load makes the ratio greater than it is.
  if (below.generatorBound) doubts.push(`perhaps generator-bound: ${labelOf(below.entrant)}`);
  const problems = [...above.problems, ...below.problems];
  if (problems.length > 0) return { what, value: Number.NaN, unit: '', target, note: problems.join('; ') };
  const ratio = pairedRatio(above.perSec, below.perSec);
  if (ratio === undefined) return { what, value: Number.NaN, unit: '', target, note: 'no round has both' };
  if (ratio.n < LEAST_REPEATS) doubts.push(`${ratio.n} rounds, and it takes ${LEAST_REPEATS} to tell`);
  const doubt = doubts.length === 0 ? {} : { doubt: doubts.join('; ') };
  const logs = [...above.perSec].flatMap(([round, rate]) => {
    const other = below.perSec.get(round);
    return other === undefined ? [] : [Math.log(rate / other)];
  });
  const note = [
    `median of ${ratio.n} rounds [${ratio.min.toFixed(2)}–${ratio.max.toFixed(2)}]`,
    ...(above.generatorBound ? [`perhaps generator-bound, and then more: ${labelOf(above.entrant)}`] : []),
    'burst of a few seconds, no lasting state',
  ].join('; ');
  const figure = { what, value: ratio.median, unit: '', target, note, ...doubt };
  if (ratio.n < LEAST_REPEATS) return ratio.n < 2 ? figure : { ...figure, interval: [ratio.min, ratio.max] };
  const { low, high } = bootstrapInterval(logs, (values) => median(values) ?? 0, {
    random: seeded(logs.length),
    method: 'percentile',
  });
  return { ...figure, interval: [Math.exp(low), Math.exp(high)] };
}

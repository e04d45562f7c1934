// What is the answer of a capacity bundle in large plain words, whichever command made it?

import type { CapacityPlan, RunResult, Search } from '../../harness/result/result.ts';
import { formatCount, formatDuration, formatNumber, formatShare, plural } from '../render/format.ts';
import type { Tone } from '../tables/table.ts';
import { coverageText, placeText, type Surface, surfaceOf } from './surface.ts';
import { askedText, LIMIT_NAMES, poorTexts, rateText, signedShare, sloText } from './words.ts';

/** A figure that stands large, with what it is and one remark. */
export type Fact = {
  readonly label: string;
  readonly value: string;
  readonly remark: string;
  readonly tone: Tone;
};

export type CapacityAnswer = {
  readonly tone: Tone;
  /** One or two words: whether it can be had, or how sure it is. */
  readonly badge: string;
  readonly text: string;
  readonly facts: readonly Fact[];
  /** Of what does not hold as predicted: stands with the answer, since it weakens it. */
  readonly doubts: readonly { readonly tone: 'bad' | 'warn'; readonly text: string }[];
};

/** The question of the bundle: its heading. */
export function capacityHeadline({ capacity, contenders }: RunResult): string {
  const { plan, search, sweep } = capacity ?? {};
  if (plan !== undefined) {
    const { ratePerSec, peakFactor, jobMs, slo, contender } = plan.question;
    const peak = peakFactor > 1 ? `, ${rateText(ratePerSec * peakFactor)} at the peak,` : '';
    return `Can ${contender} carry ${rateText(ratePerSec)} of ${askedText(jobMs)} ms each${peak} with ${sloText(slo)}?`;
  }
  if (search !== undefined) return `What rate can ${search.contender} sustain with ${sloText(search.slo)}?`;
  if (sweep !== undefined)
    return `How does ${sweep.contender} change with ${sweep.axes.map(({ name }) => name).join(', ')}?`;
  return `How much can ${contenders.join(', ') || 'the queue'} carry?`;
}

/**
 * A plan answers before a search, a search before a sweep. What was interrupted before any of them says so. Where a cell is
 * incorrect, no answer is a good one.
 */
export function answerOf(result: RunResult): CapacityAnswer {
  const answer = plainAnswer(result);
  // A plan counts them among its risks.
  const told = result.capacity?.plan?.answer.risks.some((risk) => risk.includes('poor')) === true;
  const poor = told ? [] : poorTexts(result.capacity?.predictions ?? []);
  const little = result.capacity?.plan === undefined ? littleTexts(result.capacity?.search) : [];
  const doubts = [...poor, ...little].map((text) => ({ tone: 'warn' as const, text }));
  const incorrect = result.cells.filter(({ verdict }) => verdict === 'incorrect').length;
  if (incorrect === 0) return { ...answer, doubts };
  const wrong = `${plural(incorrect, 'cell')} ${incorrect === 1 ? 'is' : 'are'} INCORRECT: jobs were lost, doubled or disordered. Find out why before anything is built on this answer.`;
  return { ...answer, tone: 'bad', doubts: [{ tone: 'bad', text: wrong }, ...doubts] };
}

/** Of a search alone: a plan counts such loads among its risks. */
function littleTexts(search: Search | undefined): string[] {
  const off = (search?.probes ?? []).flatMap(({ little }) =>
    little === undefined || little.kept ? [] : [little.error],
  );
  if (off.length === 0) return [];
  const worst = Math.max(...off.map(Math.abs));
  return [
    `In ${plural(off.length, 'probe')} that passed Little's law is up to ${formatShare(worst)} off: that load was not stable, or too short.`,
  ];
}

function plainAnswer(result: RunResult): WithoutDoubts {
  const { plan, search, cells = [] } = result.capacity ?? {};
  if (plan !== undefined) return planAnswer(plan);
  if (search !== undefined) return searchAnswer(search);
  const surface = surfaceOf(result);
  if (surface !== undefined) return sweepAnswer(surface);
  return {
    tone: 'warn',
    badge: 'NO ANSWER YET',
    text: `${plural(cells.length, 'cell')} of the measurement had finished; nothing was concluded from them. Run it again to its end.`,
    facts: [],
  };
}

type WithoutDoubts = Omit<CapacityAnswer, 'doubts'>;

/** Below so much headroom the answer is a narrow one. */
const NARROW = 0.1;

function planAnswer({ question, answer }: CapacityPlan): WithoutDoubts {
  return {
    ...standing(answer),
    text: answer.headline,
    facts: [
      {
        label: 'Peak rate asked',
        value: rateText(answer.peakPerSec),
        remark: `${rateText(question.ratePerSec)} on average × ${askedText(question.peakFactor)}`,
        tone: 'plain',
      },
      {
        label: 'Safe rate',
        value: answer.safePerSec === undefined ? 'unknown' : rateText(answer.safePerSec),
        remark:
          answer.openEnded === true
            ? 'at least: nothing failed above it'
            : answer.limitedBy === undefined
              ? 'a limit could not be told'
              : `${limitedText(answer.limitedBy)}, with these handlers`,
        tone: 'plain',
      },
      headroomFact(answer),
      usedUpFact(question, answer),
    ],
  };
}

function standing({
  possible,
  confirmed,
  undecided,
  headroom,
}: CapacityPlan['answer']): Pick<CapacityAnswer, 'tone' | 'badge'> {
  if (undecided.length > 0) return { tone: 'warn', badge: 'NOT SHOWN' };
  if (!possible) return { tone: 'bad', badge: 'NOT AS ASKED' };
  if (!confirmed) return { tone: 'warn', badge: 'POSSIBLE, NOT CONFIRMED' };
  return (headroom ?? 0) < NARROW
    ? { tone: 'warn', badge: 'POSSIBLE, NARROWLY' }
    : { tone: 'good', badge: 'POSSIBLE' };
}

function limitedText(by: keyof typeof LIMIT_NAMES): string {
  return `limited by ${by === 'slo' ? 'the SLO' : LIMIT_NAMES[by].toLowerCase()}`;
}

function headroomFact({ headroom, undecided }: CapacityPlan['answer']): Fact {
  const label = 'Headroom at the peak';
  if (headroom === undefined)
    return { label, value: 'unknown', remark: 'no safe rate is known', tone: 'plain' };
  // What was not shown is not short: the safe rate is what was shown so far.
  if (undecided.length > 0)
    return { label, value: signedShare(headroom), remark: 'by what could be shown', tone: 'warn' };
  return {
    label,
    value: signedShare(headroom),
    remark: headroom < 0 ? 'short of what is asked' : 'safe rate ÷ peak rate − 1',
    tone: headroom < 0 ? 'bad' : headroom < NARROW ? 'warn' : 'good',
  };
}

function usedUpFact(
  { later, ratePerSec }: CapacityPlan['question'],
  { usedUpOn, headroom }: CapacityPlan['answer'],
): Fact {
  const growth =
    later === undefined
      ? 'no growth was asked for'
      : `${rateText(later.ratePerSec)} on average in ${askedText(later.months)} months`;
  const noDate = later === undefined ? 'no date' : headroom === undefined ? 'unknown' : 'not foreseen';
  // The growth asked for comes to more than is safe.
  const short = later !== undefined && headroom !== undefined && later.ratePerSec / ratePerSec > 1 + headroom;
  return {
    label: 'Headroom used up on',
    value: usedUpOn ?? noDate,
    remark: growth,
    tone: short ? 'bad' : 'plain',
  };
}

const SEARCH_STATES: Readonly<Record<Search['answer']['state'], { tone: Tone; badge: string }>> = {
  bracketed: { tone: 'good', badge: 'BRACKETED' },
  'no fail': { tone: 'warn', badge: 'LIMIT NOT REACHED' },
  'no pass': { tone: 'bad', badge: 'NO RATE PASSED' },
  unmeasurable: { tone: 'warn', badge: 'NOT MEASURABLE ABOVE' },
  interrupted: { tone: 'warn', badge: 'INTERRUPTED' },
};

function searchAnswer(search: Search): WithoutDoubts {
  const { answer, probes, slo, resolution } = search;
  const { state, passPerSec, failPerSec, passConfirmed, failConfirmed, limitedBy } = answer;
  const sure = state !== 'bracketed' || (passConfirmed && failConfirmed);
  const untold = (end: 'pass' | 'fail'): string =>
    probes.some(({ outcome }) => outcome === end) ? 'the search had not come to it' : `no probe ${end}ed`;
  const by = limitedBy.length === 0 ? '' : `; it failed by ${limitedBy.join('; ')}`;
  const end = (
    label: string,
    perSec: number | undefined,
    confirmed: boolean,
    none: string,
    why = '',
  ): Fact => ({
    label,
    value: perSec === undefined ? 'not known' : rateText(perSec),
    remark:
      perSec === undefined ? none : `${confirmed ? 'confirmed by a longer load' : 'not confirmed'}${why}`,
    tone: perSec === undefined || confirmed ? 'plain' : 'warn',
  });
  const wide = tooFarApart(search);
  return {
    ...SEARCH_STATES[state],
    ...(state === 'unmeasurable' && passPerSec === undefined && failPerSec !== undefined
      ? { badge: 'NO PASS SHOWN' }
      : {}),
    ...(sure ? {} : { tone: 'warn' as const, badge: 'BRACKETED, NOT CONFIRMED' }),
    ...(wide === undefined ? {} : { tone: 'warn' as const, badge: 'BRACKETED, WIDELY' }),
    text: [answer.text, ...(wide === undefined ? [] : [wide])].join(' '),
    facts: [
      end('Highest rate that passed', passPerSec, passConfirmed, untold('pass')),
      end('Lowest rate that failed', failPerSec, failConfirmed, untold('fail'), by),
      {
        label: 'Probes',
        value: formatCount(probes.length),
        remark: `against ${sloText(slo)}, ends to come within ${formatShare(resolution)}`,
        tone: 'plain',
      },
    ],
  };
}

/** Ends that lie further apart than so many times the resolution are no close answer. */
const WIDE = 1.5;

/** How far apart the ends of a bracket are, where that is much more than was asked for. */
function tooFarApart({ answer, resolution }: Search): string | undefined {
  const { state, passPerSec = 0, failPerSec = 0, passConfirmed, failConfirmed } = answer;
  if (state !== 'bracketed' || !(passPerSec > 0)) return undefined;
  const apart = failPerSec / passPerSec - 1;
  if (!(apart > WIDE * resolution)) return undefined;
  const unsure = passConfirmed && failConfirmed ? '' : ' Not both ends are confirmed.';
  return `The ends lie ${formatShare(apart)} apart, where ${formatShare(resolution)} was asked for: rates between them could not be told.${unsure}`;
}

function sweepAnswer(surface: Surface): WithoutDoubts {
  const { best, metric } = surface;
  const coverage = coverageText(surface);
  if (best === undefined)
    return { tone: 'bad', badge: 'NO POINT MEASURED', text: `Of the grid ${coverage}.`, facts: [] };
  const value =
    metric === 'us'
      ? `${formatDuration(best.figure.median)} pickup ${surface.percentile}`
      : rateText(best.figure.median);
  const whole = surface.points.every(({ state }) => state === 'measured');
  const weak = best.durable ? '' : 'NOT DURABLE, ';
  return {
    tone: whole && best.durable ? 'good' : 'warn',
    badge: whole ? 'WHOLE GRID' : 'GRID WITH HOLES',
    text: `${metric === 'us' ? 'The shortest wait' : 'The most'}: ${value} at ${placeText(surface, best.at)}.${durabilityText(surface)}`,
    facts: [
      {
        label: metric === 'us' ? `Shortest pickup ${surface.percentile}` : 'Best throughput',
        value: metric === 'us' ? formatDuration(best.figure.median) : rateText(best.figure.median),
        remark: `${weak}${best.figure.n === 1 ? 'one repeat' : `median of ${best.figure.n} repeats`}, at ${placeText(surface, best.at)}`,
        tone: best.durable ? 'plain' : 'bad',
      },
      { label: 'Grid', value: plural(surface.points.length, 'point'), remark: coverage, tone: 'plain' },
      spreadFact(surface),
    ],
  };
}

/** What has no part in the comparison, in a sentence of its own. */
function durabilityText({ points, best }: Surface): string {
  const weak = points.filter(({ state, durable }) => state === 'measured' && !durable).length;
  if (weak === 0) return '';
  return best?.durable === true
    ? ` ${plural(weak, 'point')} NOT DURABLE ${weak === 1 ? 'has' : 'have'} no part in that: a crash would have lost settled work.`
    : ' NOT DURABLE: a crash would have lost settled work.';
}

/** How much the axes matter at all. */
function spreadFact({ points, metric }: Surface): Fact {
  const values = points.flatMap((point) => (point.state === 'measured' ? [point.figure.median] : []));
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const write = metric === 'us' ? formatDuration : rateText;
  return {
    label: 'Over the grid',
    value: low > 0 ? `${formatNumber(high / low)} ×` : '–',
    remark: `from ${write(low)} to ${write(high)}`,
    tone: 'plain',
  };
}

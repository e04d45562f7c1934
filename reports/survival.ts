// How did each contender come through each scenario: survived, degraded, failed, or was there no telling?

import { z } from 'zod';
import type { Cell, ExpectationResult, RunResult } from '../harness/result/result.ts';
import { shortReasons } from './reasons.ts';
import { type Series, seriesOf } from './series.ts';

/**
 * In the order in which a repeat decides for all: the worst of those that say something of the contender. A void one says
 * nothing, and stands for all only where there is no other.
 */
const OUTCOMES = ['void', 'survived', 'degraded', 'untold', 'failed'] as const;

export type Outcome = {
  /** `untold`: a valid cell whose expectations, or whose recovery, its figures do not tell. */
  readonly kind: (typeof OUTCOMES)[number];
  /** Settled ÷ what a queue as good as before would have settled, while the faults lasted; absent without faults. */
  readonly share: number | undefined;
  /** Seconds from the last fault's end to 95 % of the baseline. */
  readonly regainedSeconds: number | undefined;
  readonly drainSeconds: number | undefined;
  /** Jobs handed out again after their lease, as at-least-once allows. */
  readonly redelivered: number;
  /** Why it is no better; empty for one that survived. */
  readonly why: string;
};

/** The worst repeat of one contender in one scenario. */
export type Survival = {
  readonly series: Series;
  readonly outcome: Outcome;
  /** Repeats that came out as this one did, those that were void, and all. */
  readonly like: number;
  readonly void: number;
  readonly repeats: number;
};

export type SurvivalRow = {
  readonly scenario: string;
  readonly question: string;
  readonly withFaults: boolean;
  readonly cells: readonly Survival[];
};

/** While the faults lasted, this share of the baseline is no dip; `recovery.during.share` takes chance in the arrivals out. */
const NO_DIP = 0.95;

/** Who is not back within less, as at the end of a smoke test, may yet have come: that is no failure. */
const WATCHED_SECONDS = 5;

/** Of a run that has scenarios with faults, these and the others that expect something; of another run none. */
export function survivalOf(result: RunResult): SurvivalRow[] {
  const faulty = new Set([
    ...result.scenarios.filter(({ definition }) => declaresFaults(definition)).map(({ name }) => name),
    ...result.cells.filter(({ window }) => window.faults.length > 0).map(({ scenario }) => scenario),
  ]);
  if (faulty.size === 0) return [];
  const { series, ofCell } = seriesOf(result);
  const questions = new Map(result.scenarios.map(({ name, question }) => [name, question]));
  const names = new Set([...questions.keys(), ...result.cells.map(({ scenario }) => scenario)]);
  return [...names].flatMap((scenario) => {
    const own = result.cells.filter((cell) => cell.scenario === scenario);
    const cells = series.flatMap((one) => {
      const repeats = own.filter((cell) => ofCell(cell) === one);
      return worstOf(one, repeats);
    });
    if (cells.length === 0 || !(faulty.has(scenario) || own.some(saysSomething))) return [];
    return [{ scenario, question: questions.get(scenario) ?? '', withFaults: faulty.has(scenario), cells }];
  });
}

/** Of a scenario without faults, which has nothing to survive: that it expects something, or that jobs came to grief all the same. */
function saysSomething({ expectations = [], verdict }: Cell): boolean {
  return expectations.length > 0 || verdict === 'incorrect';
}

/** A void cell was hurt by nothing, and its window tells no fault: the scenario as declared does. */
function declaresFaults(definition: Readonly<Record<string, unknown>>): boolean {
  const phases = z
    .array(z.looseObject({ faults: z.array(z.unknown()).optional() }))
    .safeParse(definition['phases']);
  return phases.success && phases.data.some(({ faults = [] }) => faults.length > 0);
}

/** One, or none for a contender that was not run. */
function worstOf(series: Series, repeats: readonly Cell[]): Survival[] {
  const outcomes = repeats.map(outcomeOf);
  const [outcome] = outcomes.toSorted(worseFirst);
  if (outcome === undefined) return [];
  const count = (wanted: Outcome['kind']): number => outcomes.filter(({ kind }) => kind === wanted).length;
  return [{ series, outcome, like: count(outcome.kind), void: count('void'), repeats: repeats.length }];
}

/** Of two alike the one with the deeper dip, then the one that took longer. */
function worseFirst(x: Outcome, y: Outcome): number {
  return (
    OUTCOMES.indexOf(y.kind) - OUTCOMES.indexOf(x.kind) ||
    (x.share ?? 1) - (y.share ?? 1) ||
    (y.regainedSeconds ?? 0) - (x.regainedSeconds ?? 0)
  );
}

/** One repeat. A job that was lost outweighs an expectation, and that a recovery that did not come. */
function outcomeOf(cell: Cell): Outcome {
  const { recovery, expectations = [], verdict } = cell;
  const facts = {
    share: recovery?.during.share,
    regainedSeconds: recovery?.regainedSeconds,
    drainSeconds: recovery?.drainSeconds,
    redelivered: cell.audit.redelivered,
  };
  if (verdict === 'incorrect')
    return { ...facts, kind: 'failed', why: `incorrect: ${shortReasons(cell.reasons)}` };
  if (verdict === 'invalid') return { ...facts, kind: 'void', why: shortReasons(cell.reasons) };
  const failed = expectations.filter(({ state }) => state === 'failed');
  if (failed.length > 0)
    return { ...facts, kind: 'failed', why: `expected ${failed.map(failure).join('; ')}` };
  const seen = recovery !== undefined && recovery.observedSeconds >= 1;
  if (seen && recovery.regainedSeconds === undefined) {
    const within = `${Number(recovery.observedSeconds.toPrecision(2))} s`;
    return recovery.observedSeconds < WATCHED_SECONDS
      ? { ...facts, kind: 'untold', why: `95 % of the baseline not regained within the ${within} watched` }
      : { ...facts, kind: 'failed', why: `95 % of the baseline not regained within ${within}` };
  }
  const untold = expectations.find(({ state }) => state === 'untold');
  if (untold !== undefined)
    return { ...facts, kind: 'untold', why: `${untold.text}: ${untold.why ?? 'its figure is absent'}` };
  if (recovery === undefined && cell.window.faults.length > 0)
    return {
      ...facts,
      kind: 'untold',
      why: 'too little was measured before the first fault to tell recovery by',
    };
  if (recovery !== undefined && facts.share === undefined)
    return { ...facts, kind: 'untold', why: 'next to nothing was to be done while the faults lasted' };
  if (facts.share !== undefined && facts.share < NO_DIP) {
    return {
      ...facts,
      kind: 'degraded',
      why: seen ? '' : 'the faults lasted to the end of the load: recovery was not seen',
    };
  }
  return { ...facts, kind: 'survived', why: '' };
}

function failure({ text, found }: ExpectationResult): string {
  return found === undefined ? text : `${text}, found ${found}`;
}

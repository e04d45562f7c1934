// How long does a backlog take to be gone? The drain after an outage of the workers, said and measured.

import type { PlanAnswer, PlanQuestion, Prediction } from '../../harness/result/result.ts';
import { drainSeconds } from '../../stats/queueing.ts';
import { formatNumber, formatSeconds } from '../render/format.ts';
import { type Law, leftBeside, rateAt, settledBeside } from './law.ts';
import { type MeasuredCell, validOf } from './measured.ts';

const GOOD_WITHIN = 0.2;

/** λD ÷ (μ − λ) with μ by the law, beside what a real outage took. Absent where it did not end in time. */
export function drainPrediction(law: Law, { cell, handlers }: MeasuredCell): Prediction[] {
  const arrivalPerSec = cell.throughput?.offeredPerSec;
  const { recovery } = cell;
  const measured = recovery?.drainSeconds;
  if (arrivalPerSec === undefined || recovery === undefined || measured === undefined) return [];
  const outageSeconds = recovery.faultsToSeconds - recovery.faultsFromSeconds;
  const capacityPerSec = settledBeside(law, handlers, arrivalPerSec);
  const predicted = drainSeconds({ arrivalPerSec, capacityPerSec, outageSeconds });
  if (predicted === undefined) return [];
  return [
    {
      what: 'drain time',
      at: `after ${Number(outageSeconds.toPrecision(3))} s without workers at ${Math.round(arrivalPerSec)} jobs/s`,
      unit: 's',
      ...{ predicted, measured, error: predicted / measured - 1, goodWithin: GOOD_WITHIN },
      cells: [cell.id],
    },
  ];
}

/**
 * The highest rate whose backlog of an outage is gone in time: λ(1 + D ÷ R) ≤ μ, where μ is what is left beside λ of what so many handlers settle
 * where nothing comes, and no more than an outage in miniature showed. Absent where its backlog was not seen to go away.
 */
export function recoverablePerSec(
  law: Pick<Law, 'mayLosePerArrival'>,
  capacityPerSec: number,
  seen: SeenOutage | undefined,
  { seconds, recoverSeconds }: { readonly seconds: number; readonly recoverSeconds: number },
): number | undefined {
  const share = 1 / (1 + seconds / recoverSeconds);
  const shown = shownPerSec(seen);
  return shown && Math.min(rateAt(law, capacityPerSec, share), share * shown);
}

/** What an outage in miniature showed. */
export interface SeenOutage {
  /** What came meanwhile, jobs/s. */
  readonly arrivalPerSec: number;
  readonly outageSeconds: number;
  /** How long the load went on after it. */
  readonly observedSeconds: number;
  /** Absent where the backlog was not gone when the load ended. */
  readonly drainSeconds?: number;
  /** What was settled until then, jobs/s, where the backlog fell without being gone; absent where it was gone, or did not fall. */
  readonly settledPerSec?: number;
}

/** Of so many handlers; absent where none was measured. */
export function seenOutage(cells: readonly MeasuredCell[], handlers: number): SeenOutage | undefined {
  const measured = validOf(cells, 'outage').filter((one) => one.handlers === handlers);
  for (const { cell, load } of measured) {
    const arrivalPerSec = cell.throughput?.offeredPerSec;
    const { recovery } = cell;
    if (arrivalPerSec === undefined || recovery === undefined) continue;
    return {
      arrivalPerSec,
      outageSeconds: recovery.faultsToSeconds - recovery.faultsFromSeconds,
      observedSeconds: recovery.observedSeconds,
      ...(recovery.drainSeconds === undefined
        ? settledAfter(load, recovery.faultsToSeconds)
        : { drainSeconds: recovery.drainSeconds }),
    };
  }
  return undefined;
}

/** By the looks at the backlog from the end of the outage on. */
function settledAfter(
  load: MeasuredCell['load'],
  faultsToSeconds: number,
): Pick<SeenOutage, 'settledPerSec'> {
  const [first, ...after] = load.filter(({ t }) => t >= faultsToSeconds);
  const last = after.at(-1);
  if (first === undefined || last === undefined || last.backlog >= first.backlog) return {};
  const settled = after.reduce((sum, one) => sum + one.settled, 0);
  const seconds = after.reduce((sum, one) => sum + one.seconds, 0);
  return seconds > 0 ? { settledPerSec: settled / seconds } : {};
}

/**
 * What is settled while a backlog goes away and jobs come at a rate, jobs/s: what the law leaves beside them, and no more than the outage in miniature
 * showed, which had fewer. Absent where its backlog was not seen to fall.
 */
export function drainingPerSec(
  law: Pick<Law, 'mayLosePerArrival'>,
  capacityPerSec: number,
  seen: SeenOutage | undefined,
  arrivalPerSec: number,
): number | undefined {
  const shown = shownPerSec(seen);
  return shown && Math.min(capacityPerSec * leftBeside(law, arrivalPerSec), shown);
}

/** λ + λD ÷ (its drain), or what was settled while its backlog fell; no bound where none was tried, or the drain took no time. */
function shownPerSec(seen: SeenOutage | undefined): number | undefined {
  if (seen === undefined || seen.drainSeconds === 0) return Number.POSITIVE_INFINITY;
  const { arrivalPerSec, outageSeconds, drainSeconds: took, settledPerSec } = seen;
  return took === undefined ? settledPerSec : arrivalPerSec * (1 + outageSeconds / took);
}

/** The drain after the outage that was asked for, at the peak. */
export function drainOf(
  { outage }: PlanQuestion,
  capacityPerSec: number | undefined,
  arrivalPerSec: number,
): Pick<PlanAnswer, 'drain'> {
  if (outage === undefined || capacityPerSec === undefined) return {};
  const seconds = drainSeconds({ arrivalPerSec, capacityPerSec, outageSeconds: outage.seconds });
  return {
    drain: {
      outageSeconds: outage.seconds,
      backlogJobs: Math.round(arrivalPerSec * outage.seconds),
      ...(seconds === undefined ? {} : { drainSeconds: seconds }),
      recoverSeconds: outage.recoverSeconds,
      capacityPerSec,
    },
  };
}

/** A drain that did not end within its load, in words. */
export function drainRisks(law: Law, cells: readonly MeasuredCell[], handlers: number): string[] {
  const seen = seenOutage(cells, handlers);
  if (seen === undefined || seen.drainSeconds !== undefined) return [];
  const { arrivalPerSec, outageSeconds, observedSeconds } = seen;
  const capacityPerSec = settledBeside(law, handlers, arrivalPerSec);
  const predicted = drainSeconds({ arrivalPerSec, capacityPerSec, outageSeconds });
  const said = predicted === undefined ? '' : `, predicted ${formatSeconds(predicted)}`;
  return [
    `The drain after the outage in miniature was not over after ${formatSeconds(observedSeconds)}${said}: the model of drain time is poor.`,
  ];
}

/** By how much the outage asked for goes beyond what was seen. */
export function outageAssumption(
  { outage, ratePerSec, peakFactor }: PlanQuestion,
  cells: readonly MeasuredCell[],
): string[] {
  const [cell] = validOf(cells, 'outage');
  const seen = cell && seenOutage(cells, cell.handlers);
  if (outage === undefined || seen === undefined) return [];
  const times = (ratePerSec * peakFactor * outage.seconds) / (seen.arrivalPerSec * seen.outageSeconds);
  return [
    `The backlog of the outage asked for is ${formatNumber(times)} times the one that was seen in miniature, and is taken to go away as fast.`,
  ];
}

// Which stretch of a load do the figures cover, and how is it shown?

import { loadModel } from '../../scenarios/load-model.ts';
import { preloadedJobs, type Scenario } from '../../scenarios/scenario.ts';
import type { Load } from '../load/load.ts';
import type { FigureInput, Figures } from '../measure/figures.ts';
import type { Ledger } from '../measure/ledger.ts';
import { type FoundWarmUp, findWarmUp } from '../measure/warm-up.ts';
import type { Cell } from '../result/result.ts';
import type { CheckResult } from '../verify/checker.ts';

/**
 * Where the figures end: with the last phase; a drain ends when its last job is settled. One that left jobs behind lasted
 * to the end: a queue that stops working half-way must not look as fast as it was until then.
 */
export function lastMeasuredUs(
  load: Pick<Load, 'loadEndUs'>,
  openLoop: boolean,
  ledger: Pick<Ledger, 'settledUs' | 'histories'>,
  checked: CheckResult,
): number {
  const { inFlight, retried } = checked.jobs;
  if (openLoop || inFlight + retried + checked.audit.lost > 0) return load.loadEndUs;
  let lastSettledUs = Number.NEGATIVE_INFINITY;
  for (const us of ledger.settledUs) if (us > lastSettledUs) lastSettledUs = us;
  // Jobs that were tried again ended with another settle than their first.
  for (const { settles } of ledger.histories.values())
    for (const { answeredUs } of settles) if (answeredUs > lastSettledUs) lastSettledUs = answeredUs;
  // One microsecond more, as the end of a stretch lies outside it.
  return Math.min(load.loadEndUs, lastSettledUs + 1);
}

/** The measured phases without the warm-up. */
export function measuredStretches(
  scenario: Scenario,
  load: Pick<Load, 'startUs'>,
  warmupSeconds: number,
  lastUs: number,
): FigureInput['measured'] {
  const warmUs = load.startUs + warmupSeconds * 1e6;
  let fromUs = load.startUs;
  return scenario.phases.flatMap((phase) => {
    const stretch = {
      fromUs: Math.max(fromUs, warmUs),
      toUs: Math.min(fromUs + phase.seconds * 1e6, lastUs),
    };
    fromUs += phase.seconds * 1e6;
    return phase.measured && stretch.toUs > stretch.fromUs ? [stretch] : [];
  });
}

/** Looked for where the load itself is level: in a drain, and where the first phase has one rate. */
export function warmUpOf(
  scenario: Scenario,
  load: Pick<Load, 'startUs'>,
  openLoop: boolean,
  ledger: Ledger,
  lastUs: number,
): FoundWarmUp {
  const [first] = scenario.phases;
  const floorSeconds = scenario.warmupSeconds;
  const model = first?.arrival?.model;
  const level =
    scenario.preload.delayed === undefined &&
    (model === 'poisson' || model === 'uniform' || (model === undefined && !openLoop));
  if (first === undefined || !first.measured || !level)
    return { seconds: floorSeconds, floorSeconds, capSeconds: floorSeconds, found: true };
  const untilUs = Math.min(load.startUs + first.seconds * 1e6, lastUs);
  const preloaded = preloadedJobs(scenario);
  return findWarmUp({
    ...{ ledger, startUs: load.startUs, untilUs, openLoop, preloaded, floorSeconds },
    ...(scenario.warmupCapSeconds === undefined ? {} : { capSeconds: scenario.warmupCapSeconds }),
  });
}

/** What is to be said of a warm-up that did not end. */
export function warmUpNote({ found, capSeconds }: FoundWarmUp): string[] {
  if (found) return [];
  return [
    `no steady part was found before ${capSeconds.toFixed(1)} s, where the search ends: what is measured may still be warming up, or has no lasting rate; a longer --duration tells`,
  ];
}

/** Two checkpoints of the default five minutes: who measured for less knows nothing of checkpoints and vacuum. */
const STEADY_STATE_SECONDS = 600;

/** When what happened, and whether what was measured of it was long enough to be called a steady state. */
export function windowOf(
  scenario: Scenario,
  load: Pick<Load, 'startUs' | 'endUs' | 'faults'>,
  warmUp: FoundWarmUp,
  found: Figures | undefined,
): Cell['window'] {
  let from = 0;
  return {
    loadModel: loadModel(scenario),
    kind: (found?.measuredSeconds ?? 0) >= STEADY_STATE_SECONDS ? 'steady-state' : 'burst',
    warmupSeconds: warmUp.seconds,
    warmUp: { floorSeconds: warmUp.floorSeconds, capSeconds: warmUp.capSeconds, found: warmUp.found },
    measuredSeconds: found?.measuredSeconds ?? 0,
    totalSeconds: (load.endUs - load.startUs) / 1e6,
    phases: scenario.phases.map((phase) => {
      const row = {
        label: phase.label,
        fromSeconds: from,
        toSeconds: from + phase.seconds,
        measured: phase.measured,
      };
      from += phase.seconds;
      return row;
    }),
    faults: load.faults.map((fault) => ({
      label: fault.label,
      atSeconds: (fault.atUs - load.startUs) / 1e6,
    })),
  };
}

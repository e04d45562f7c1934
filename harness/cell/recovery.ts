// What does a cell tell of its phases, and of how the queue came through its faults?

import { type Scenario, scheduledFaults, totalSeconds } from '../../scenarios/scenario.ts';
import type { Load } from '../load/load.ts';
import { Course } from '../measure/course.ts';
import type { FigureInput, Stretch } from '../measure/figures.ts';
import { type PhaseStretch, phaseFigures } from '../measure/phases.ts';
import { recoveryOf } from '../measure/recovery.ts';
import type { Cell } from '../result/result.ts';

type FaultyLoad = Pick<Load, 'startUs' | 'loadEndUs' | 'faults'>;

/** `phases`, and with faults `recovery`, or a note that says why it is untold. */
export interface Told {
  readonly phases: NonNullable<Cell['phases']>;
  readonly recovery: Cell['recovery'];
  readonly notes: readonly string[];
}

/** `lastUs` is where the figures end, as `lastMeasuredUs` has it; `warmupSeconds` were left out. */
export function tellPhases(
  scenario: Scenario,
  load: FaultyLoad,
  input: FigureInput,
  warmupSeconds: number,
  lastUs: number,
): Told {
  const course = new Course(input);
  const phases = phaseFigures(input, phaseStretches(scenario, load.startUs, warmupSeconds, lastUs), course);
  const faults = faultsOf(scenario, load);
  if (faults === undefined) return { phases, recovery: undefined, notes: [] };
  const found = recoveryOf({
    course,
    arrivals: !input.openLoop ? 'none' : input.closedLoop === true ? 'from clients' : 'scheduled',
    measured: input.measured,
    faults: { fromUs: faults.fromUs, toUs: Math.min(faults.toUs, lastUs) },
    startUs: load.startUs,
    loadEndUs: lastUs,
  });
  if ('untold' in found)
    return { phases, recovery: undefined, notes: [`recovery is not told: ${found.untold}`] };
  return { phases, recovery: found, notes: [] };
}

/** All phases, measured or not, less the warm-up. */
function phaseStretches(
  scenario: Scenario,
  startUs: number,
  warmupSeconds: number,
  lastUs: number,
): PhaseStretch[] {
  let from = startUs;
  return scenario.phases.map(({ label, seconds }) => {
    const stretch = {
      fromUs: Math.max(from, startUs + warmupSeconds * 1e6),
      toUs: Math.min(from + seconds * 1e6, lastUs),
    };
    from += seconds * 1e6;
    return { label, stretch: stretch.toUs > stretch.fromUs ? stretch : undefined };
  });
}

/**
 * From the first fault's instant to the last one's end, as they were applied. One that was to last until the load ends is taken
 * back behind it: then there is no time after the faults.
 */
function faultsOf(scenario: Scenario, { faults, loadEndUs }: FaultyLoad): Stretch | undefined {
  if (faults.length === 0) return undefined;
  const instants = faults.map(({ atUs }) => atUs);
  const total = totalSeconds(scenario);
  const toTheEnd = scheduledFaults(scenario).some(
    ({ atSeconds, forSeconds = 0 }) => atSeconds + forSeconds >= total - 1e-9,
  );
  return { fromUs: Math.min(...instants), toUs: toTheEnd ? loadEndUs : Math.max(...instants) };
}

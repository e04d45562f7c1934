// Which figures does each phase of a load give? The same arithmetic as the cell's own, on the phase's stretch.

import type { PhaseFigures } from '../result/recovery.ts';
import type { Course } from './course.ts';
import { type FigureInput, pickupOf, type Stretch } from './figures.ts';
import { LatencyHistogram } from './histogram.ts';

/** A phase, and what of it counts: absent when the warm-up, or the end of a drain, takes all of it. */
export interface PhaseStretch {
  readonly label: string;
  readonly stretch: Stretch | undefined;
}

/**
 * Figures per phase. Settled jobs belong to the phase in which they were settled; offered jobs and their pickup to the one in
 * which they were **intended**, as in the figures of the cell: a job that waits from a fault into the phase behind it is the
 * fault's harm, and must not make the recovery look bad or the fault look harmless.
 */
export function phaseFigures(
  input: FigureInput,
  phases: readonly PhaseStretch[],
  course: Course,
): PhaseFigures[] {
  const arrivals = input.openLoop || input.dueFrom !== undefined ? arrivalsOf(input, phases) : undefined;
  return phases.map(({ label, stretch }, i) => {
    if (stretch === undefined) return { label, seconds: 0 };
    const seconds = (stretch.toUs - stretch.fromUs) / 1e6;
    const own = arrivals?.[i];
    const pickupUs = own?.pickup.percentiles();
    return {
      label,
      seconds,
      ...(own === undefined || !input.openLoop ? {} : { offeredPerSec: own.offered / seconds }),
      settledPerSec: course.settled(stretch) / seconds,
      ...(pickupUs === undefined ? {} : { pickupUs }),
      backlogMax: course.backlog.max(stretch),
    };
  });
}

/** Jobs by the phase in which they were intended, in one pass; those of the preload that were due at one instant, by that. */
function arrivalsOf(input: FigureInput, phases: readonly PhaseStretch[]) {
  const { ledger } = input;
  const found = phases.map(() => ({ offered: 0, pickup: new LatencyHistogram() }));
  for (let key = input.dueFrom ?? input.preloaded; key < ledger.size; key += 1) {
    const us = key < input.preloaded ? ledger.eligibleUs(key) : (ledger.intendedUs[key] ?? Number.NaN);
    const own = found[phases.findIndex(({ stretch: s }) => s !== undefined && us >= s.fromUs && us < s.toUs)];
    if (own === undefined) continue;
    if (!Number.isNaN(ledger.sentUs[key] ?? Number.NaN)) own.offered += 1;
    const pickup = pickupOf(input, key);
    if (pickup === undefined) continue;
    if (pickup.claimedUs === undefined) own.pickup.recordUnfinished(pickup.us);
    else own.pickup.record(pickup.us);
  }
  return found;
}

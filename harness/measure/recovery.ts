// What did the faults of a scenario cost, and how soon was the queue as good as before them?

import type { Recovery } from '../result/recovery.ts';
import type { Course } from './course.ts';
import type { Stretch } from './figures.ts';

export interface RecoveryInput {
  readonly course: Course;
  /** Whether jobs arrive during the load, and whether they do so on a schedule: then no more can be settled than is due. */
  readonly arrivals: 'scheduled' | 'from clients' | 'none';
  /** Measured phases, less the warm-up. */
  readonly measured: readonly Stretch[];
  /** From the first fault's instant to the last one's end, as applied. */
  readonly faults: Stretch;
  /** Of the load: what instants in the result count from. */
  readonly startUs: number;
  /** When the load ended, or a drain's backlog. */
  readonly loadEndUs: number;
}

/** Share of the baseline that counts as regained. */
const REGAINED_SHARE = 0.95;
/** Of a baseline. So few jobs tell a rate to within 14 %, where they come by chance. */
const LEAST = { seconds: 0.5, jobs: 50 } as const;
/** Of jobs that a stretch had for the queue: of fewer a single one would be more than a tenth, and no share is told. */
const LEAST_TO_DO = 10;
const SECOND = 1e6;
const STEP = SECOND / 10;
/** Standard deviations of a Poisson count by which the head of a window may lie behind. */
const DEVIATIONS = 2;

/**
 * The **baseline** is settled jobs/s over what was measured before the first fault, the warm-up left out: half a second
 * of it and 50 jobs at least, else there is no telling.
 *
 * No queue settles more than there is to do, and at 100 Poisson arrivals/s every tenth second has less than 87. So the measure
 * of a stretch is what a queue as good as before would have settled in it: with a schedule the smaller of `baseline × length` and
 * the jobs that were due in it, sent or not, with what was waiting at its start beyond the largest backlog of the baseline;
 * from clients, and in a drain, `baseline × length`.
 *
 * **During** is from the first fault's instant to the last one's end, one second at least; its share is settled ÷ measure, and absent where that
 * is less than ten jobs: a queue that had nothing to do withstood nothing. For the same reason such a stretch behind the faults
 * counts as not observed.
 *
 * **Regained** is the first instant, in steps of 0.1 s from the last fault's end, from which on
 * - within one second at least 95 % of the measure is settled;
 * - no tenth of that second sees the queue further behind 95 % of the measure so far than two standard deviations of a Poisson
 *   count of it, so that a burst at the end of a second does not date recovery back to its start; and
 * - over all that is left of the load at least 95 % of the measure is settled, so that a burst that soon ends is no recovery.
 *
 * **Drained** is the first instant from the last fault's end at which no more is still to be done than ever was in the baseline: the backlog,
 * and what was due and is still on its way to it, as after an outage that kept producers waiting. A drain has none, as it has no
 * peak. Both are looked for while the load goes on, and absent where they did not come.
 */
export function recoveryOf(input: RecoveryInput): Recovery | { readonly untold: string } {
  const { course, faults, loadEndUs, arrivals } = input;
  const before = input.measured
    .map(({ fromUs, toUs }) => ({ fromUs, toUs: Math.min(toUs, faults.fromUs) }))
    .filter(({ fromUs, toUs }) => toUs > fromUs);
  const seconds = before.reduce((sum, stretch) => sum + lengthOf(stretch), 0);
  const settled = before.reduce((sum, stretch) => sum + course.settled(stretch), 0);
  if (seconds < LEAST.seconds || settled < LEAST.jobs)
    return {
      untold: `${settled} jobs were settled in the ${seconds.toFixed(1)} s that were measured before the first fault, fewer than the ${LEAST.jobs} in ${LEAST.seconds} s that a baseline takes`,
    };
  const backlogMax = Math.max(...before.map((stretch) => course.backlog.max(stretch)));
  const measure = measureOf(input, settled / seconds, backlogMax);
  const during = {
    fromUs: faults.fromUs,
    toUs: Math.min(loadEndUs, Math.max(faults.toUs, faults.fromUs + SECOND)),
  };
  const after = { fromUs: Math.min(faults.toUs, loadEndUs), toUs: loadEndUs };
  const observed = measure(after) >= LEAST_TO_DO;
  const regainedUs = observed ? regained(input, after, measure) : undefined;
  const owedMax = Math.max(...before.map((stretch) => course.owed.max(stretch)));
  const drainedUs = arrivals === 'none' ? undefined : course.owed.firstAtMost(owedMax, after);
  const wanted = measure(during);
  return {
    faultsFromSeconds: (faults.fromUs - input.startUs) / SECOND,
    faultsToSeconds: (after.fromUs - input.startUs) / SECOND,
    baseline: {
      settledPerSec: settled / seconds,
      seconds,
      ...(arrivals === 'none' ? {} : { backlogMax }),
    },
    during: {
      settledPerSec: course.settled(during) / lengthOf(during),
      seconds: lengthOf(during),
      ...(wanted < LEAST_TO_DO ? {} : { share: course.settled(during) / wanted }),
    },
    observedSeconds: observed ? lengthOf(after) : 0,
    ...(regainedUs === undefined ? {} : { regainedSeconds: tenths(regainedUs - after.fromUs) }),
    ...(drainedUs === undefined ? {} : { drainSeconds: (drainedUs - after.fromUs) / SECOND }),
    ...(arrivals === 'none'
      ? {}
      : { backlogPeak: course.backlog.max({ fromUs: faults.fromUs, toUs: loadEndUs }) }),
  };
}

type Measure = (stretch: Stretch) => number;

/** How many jobs a queue as good as before the faults would have settled in a stretch. */
function measureOf({ course, arrivals }: RecoveryInput, perSec: number, backlogMax: number): Measure {
  return (stretch) => {
    const most = perSec * lengthOf(stretch);
    if (arrivals !== 'scheduled') return most;
    return Math.min(most, course.due(stretch) + Math.max(0, course.backlog.at(stretch.fromUs) - backlogMax));
  };
}

function regained({ course }: RecoveryInput, after: Stretch, measure: Measure): number | undefined {
  const enough = (stretch: Stretch, deviations: number): boolean => {
    const wanted = measure(stretch);
    return course.settled(stretch) >= REGAINED_SHARE * wanted - deviations * Math.sqrt(wanted);
  };
  for (let step = 0; after.fromUs + step * STEP + SECOND <= after.toUs; step += 1) {
    const fromUs = after.fromUs + step * STEP;
    const until = (toUs: number) => ({ fromUs, toUs });
    if (!enough(until(fromUs + SECOND), 0) || !enough(until(after.toUs), 0)) continue;
    const heads = Array.from({ length: 9 }, (_, i) => until(fromUs + (i + 1) * STEP));
    if (heads.every((head) => enough(head, DEVIATIONS))) return fromUs;
  }
  return undefined;
}

function lengthOf({ fromUs, toUs }: Stretch): number {
  return Math.max(0, toUs - fromUs) / SECOND;
}

function tenths(us: number): number {
  return Math.round(us / STEP) / 10;
}

// What does a transaction that stays open cost? Each job done leaves dead rows, which claims then walk over.

import type { Law } from './law.ts';
import type { MeasuredCell } from './measured.ts';
import { UTILISATION_MAX } from './pickup.ts';

/** Seconds per job when `jobs` were done since the snapshot was taken: `perJob` + `perDead` × jobs. */
export interface BloatLaw {
  readonly perJobSeconds: number;
  /** Upper end of what was seen, two standard errors above: 0 only where the load became faster beyond doubt. */
  readonly perDeadSeconds: number;
  /** Whether any slowing can be told from noise. */
  readonly slows: boolean;
  /** Done beside the snapshot while it was measured: no more than this is known from having been seen. */
  readonly seenJobs: number;
}

/** So many stretches at least, each of as many jobs. */
const STRETCHES = 12;

/** A closed load beside a snapshot: by least squares over stretches of as many jobs each. Absent where it was too short. */
export function bloatLaw({ cell, load }: MeasuredCell): BloatLaw | undefined {
  const within = load.filter(({ t }) => t > cell.window.warmupSeconds && t <= cell.window.totalSeconds);
  const total = within.reduce((sum, { settled }) => sum + settled, 0);
  const before = load
    .filter(({ t }) => t <= cell.window.warmupSeconds)
    .reduce((sum, { settled }) => sum + settled, 0);
  const points = stretches(within, before, total / STRETCHES);
  if (points.length < STRETCHES / 2) return undefined;
  const mean = (of: (point: Point) => number): number =>
    points.reduce((sum, point) => sum + of(point), 0) / points.length;
  const [jobs, seconds] = [mean((p) => p.jobs), mean((p) => p.secondsPerJob)];
  const spread = mean((p) => (p.jobs - jobs) ** 2);
  const slope = spread === 0 ? 0 : mean((p) => (p.jobs - jobs) * (p.secondsPerJob - seconds)) / spread;
  const residual = mean((p) => (p.secondsPerJob - seconds - slope * (p.jobs - jobs)) ** 2);
  const error = Math.sqrt(residual / spread / Math.max(1, points.length - 2));
  // Less than two standard errors may be noise; but as much as two more may be there.
  const slows = slope > 2 * error;
  return {
    perJobSeconds: slows ? Math.max(1e-9, seconds - slope * jobs) : seconds,
    perDeadSeconds: Math.max(0, slope + 2 * error),
    slows,
    seenJobs: before + total,
  };
}

interface Point {
  /** Done before the middle of the stretch. */
  readonly jobs: number;
  readonly secondsPerJob: number;
}

function stretches(
  samples: readonly { readonly settled: number; readonly seconds: number }[],
  before: number,
  jobsEach: number,
): Point[] {
  const points: Point[] = [];
  let done = before;
  let [jobs, seconds] = [0, 0];
  for (const sample of samples) {
    jobs += sample.settled;
    seconds += sample.seconds;
    if (jobs < jobsEach || jobs === 0) continue;
    points.push({ jobs: done + jobs / 2, secondsPerJob: seconds / jobs });
    done += jobs;
    [jobs, seconds] = [0, 0];
  }
  return points;
}

/**
 * The highest rate that is still carried when a snapshot has been held for `heldSeconds`, with handlers no more busy than an SLO allows, since it
 * is to hold meanwhile, and with what arrivals take of them: r·(a + b·r·T) = u·(1 − k·r), so b·T·r² + (a + u·k)·r − u = 0.
 */
export function survivablePerSec(
  { perJobSeconds, perDeadSeconds: b }: BloatLaw,
  heldSeconds: number,
  { mayLosePerArrival = 0 }: Pick<Law, 'mayLosePerArrival'> = {},
): number {
  const a = perJobSeconds + UTILISATION_MAX * mayLosePerArrival;
  const bt = b * heldSeconds;
  if (bt === 0) return UTILISATION_MAX / a;
  return (-a + Math.sqrt(a ** 2 + 4 * bt * UTILISATION_MAX)) / (2 * bt);
}

/** So many times the jobs beside which it was seen: beyond, a straight line is a guess. */
const REACH = 5;

/** The highest rate whose jobs beside one snapshot are near enough to what was seen, jobs/s. */
export function reachPerSec({ seenJobs }: BloatLaw, heldSeconds: number): number {
  return (REACH * seenJobs) / heldSeconds;
}

// What does a rate cost the server? Costs per job, as they were measured, over a day.

import type { PlanAnswer } from '../../harness/result/result.ts';
import { type MeasuredCell, validOf } from './measured.ts';

const DAY_SECONDS = 86_400;
/** CPU time per job is told within this factor of a rate that was measured. */
const CPU_WITHIN = 2;

/** By the open load whose rate was nearest, enqueue, claim and settle together. */
export function costsOf(
  cells: readonly MeasuredCell[],
  ratePerSec: number,
  backlogJobs: number | undefined,
): PlanAnswer['costs'] {
  const open = validOf(cells, 'light', 'probe', 'check').filter(({ cell }) => cell.cost !== undefined);
  const distance = ({ cell }: MeasuredCell): number =>
    Math.abs(Math.log((cell.throughput?.offeredPerSec ?? 1) / ratePerSec));
  const [nearest] = open.toSorted((x, y) => distance(x) - distance(y));
  const cost = nearest?.cell.cost;
  const perJob = bytesPerWaitingJob(cells);
  return {
    ...(cost?.walBytesPerJob === undefined
      ? {}
      : {
          walBytesPerJob: cost.walBytesPerJob,
          walBytesPerDay: cost.walBytesPerJob * ratePerSec * DAY_SECONDS,
        }),
    ...(cost?.commitsPerJob === undefined ? {} : { commitsPerSec: cost.commitsPerJob * ratePerSec }),
    ...(perJob === undefined || backlogJobs === undefined
      ? {}
      : { diskBytesOfBacklog: perJob * backlogJobs }),
    // A server that idles has costs of its own, which a job of few has to bear and one of many has not.
    ...(nearest === undefined ||
    cost?.serverCpuUsPerJob === undefined ||
    distance(nearest) > Math.log(CPU_WITHIN)
      ? {}
      : {
          serverCpuSecondsPer1000Jobs: (cost.serverCpuUsPerJob * 1_000) / 1e6,
          serverCores: (cost.serverCpuUsPerJob * ratePerSec) / 1e6,
        }),
  };
}

/** Of the largest backlog that was made for a closed load: tables, indexes and TOAST, whatever the queue keeps beside it included. */
function bytesPerWaitingJob(cells: readonly MeasuredCell[]): number | undefined {
  const backlog = ({ cell }: MeasuredCell): number => Number(cell.parameters['preloadJobs'] ?? 0);
  const [largest] = validOf(cells, 'closed', 'held back', 'bloat').toSorted(
    (x, y) => backlog(y) - backlog(x),
  );
  const before = largest?.cell.telemetry?.storage.filter(({ when }) => when === 'before') ?? [];
  if (largest === undefined || before.length === 0 || backlog(largest) === 0) return undefined;
  return before.reduce((sum, { bytes }) => sum + bytes, 0) / backlog(largest);
}

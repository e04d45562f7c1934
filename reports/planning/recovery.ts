// How long does a backlog take to be gone? The drain after an outage of the workers, said and measured.

import type { Prediction } from '../../harness/result/result.ts';
import { drainSeconds } from '../../stats/queueing.ts';
import { uslAt } from '../../stats/usl.ts';
import type { MeasuredCell } from './measured.ts';
import type { Law } from './scaling.ts';

const GOOD_WITHIN = 0.2;

/** λD ÷ (μ − λ) with μ by the law, beside what a real outage took. Absent where it did not end in time. */
export function drainPrediction(law: Law, { cell, handlers }: MeasuredCell): Prediction[] {
  const arrivalPerSec = cell.throughput?.offeredPerSec;
  const { recovery } = cell;
  const measured = recovery?.drainSeconds;
  if (arrivalPerSec === undefined || recovery === undefined || measured === undefined) return [];
  const outageSeconds = recovery.faultsToSeconds - recovery.faultsFromSeconds;
  const predicted = drainSeconds({ arrivalPerSec, capacityPerSec: uslAt(law.fit, handlers), outageSeconds });
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

/** The highest rate whose backlog of an outage is gone in time: λ(1 + D ÷ R) ≤ μ. */
export function recoverablePerSec(
  capacityPerSec: number,
  { seconds, recoverSeconds }: { readonly seconds: number; readonly recoverSeconds: number },
): number {
  return capacityPerSec / (1 + seconds / recoverSeconds);
}

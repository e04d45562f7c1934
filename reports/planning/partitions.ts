// What would the queue carry over several databases? By the law of one, and as measured with all of them at once.

import type { PlanAnswer, PlanQuestion } from '../../harness/result/result.ts';
import { evidenceOf, type ProbeEvidence } from '../capacity/evidence.ts';
import { judgeProbe } from '../capacity/probe.ts';
import type { MeasuredCell } from './measured.ts';

/** What was measured over all databases at once; `why` where it did not hold, or cannot be told to have held. */
export type Together =
  | { readonly databases: number; readonly perSec: number }
  | { readonly databases: number; readonly why: string; readonly failed: boolean };

const COUNTS = [1, 2, 4, 8];

/** `perSec` is what one is safe with. */
export function partitionsOf(
  perSec: number | undefined,
  together: Together | undefined,
): PlanAnswer['partitions'] {
  if (perSec === undefined || perSec === 0) return [];
  const held = together !== undefined && 'perSec' in together ? together : undefined;
  const counts = [...new Set([...COUNTS, ...(together === undefined ? [] : [together.databases])])];
  return counts
    .sort((x, y) => x - y)
    .map((databases) => ({
      databases,
      perSec: databases * perSec,
      ...(held?.databases === databases ? { measuredPerSec: held.perSec } : {}),
    }));
}

/** The sum counts only where every one of them held, judged as a probe is. Absent where there was one database. */
export function heldTogether(cells: readonly MeasuredCell[], slo: PlanQuestion['slo']): Together | undefined {
  const all = cells.filter(({ purpose }) => purpose === 'partition');
  const databases = all.length;
  if (databases === 0) return undefined;
  if (slo.some(({ of }) => of !== 'pickup'))
    return { databases, failed: false, why: 'the SLO is not of pickup alone, and no more is told of them' };
  let perSec = 0;
  for (const one of all) {
    const { outcome, why } = judgeProbe(evidenceIn(one, slo), slo);
    if (outcome !== 'pass')
      return {
        databases,
        failed: outcome === 'fail',
        why: `${one.cell.id}: ${outcome}, ${why[0] ?? 'no reason'}`,
      };
    perSec += one.cell.throughput?.settledPerSec ?? 0;
  }
  return { databases, perSec };
}

/** All of its pickups count as of one second, and so of one sub-window: a bundle has no more of them at hand. */
function evidenceIn({ cell, load, pickup }: MeasuredCell, slo: PlanQuestion['slo']): ProbeEvidence {
  const { warmupSeconds: startSeconds, measuredSeconds: lengthSeconds } = cell.window;
  const ratePerSec = cell.throughput?.offeredPerSec ?? 0;
  const intervals =
    pickup === undefined ? [] : [{ tag: 'pickup', startSeconds, lengthSeconds, histogram: pickup }];
  return evidenceOf({ cell, ratePerSec, load, server: [], intervals }, slo);
}

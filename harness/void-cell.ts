// What stands in the bundle for a cell that could not be measured at all?

import { loadModel, totalSeconds } from '../scenarios/scenario.ts';
import type { CellOutcome } from './cell.ts';
import type { CellPlan } from './cell-plan.ts';
import type { ContractClass } from './result.ts';

/** An invalid cell without figures, with the reason. */
export function voidCell(plan: CellPlan, contractClass: ContractClass, reason: string): CellOutcome {
  const none = {
    offered: 0,
    enqueued: 0,
    settled: 0,
    retried: 0,
    deadLettered: 0,
    skipped: 0,
    failed: 0,
    inFlight: 0,
  };
  return {
    samples: [],
    histogramLog: '',
    cell: {
      id: plan.id,
      block: plan.block,
      order: plan.order,
      repeat: plan.repeat,
      scenario: plan.scenario.name,
      parameters: {},
      contender: {
        name: plan.contender.name,
        class: contractClass,
        batch: plan.contender.axes.batch ?? 1,
        effective: {},
      },
      verdict: 'invalid',
      reasons: [reason],
      notes: [],
      window: {
        loadModel: loadModel(plan.scenario),
        kind: 'burst',
        warmupSeconds: plan.scenario.warmupSeconds,
        measuredSeconds: 0,
        totalSeconds: totalSeconds(plan.scenario),
        phases: [],
        faults: [],
      },
      jobs: none,
      audit: {
        lost: 0,
        duplicateClaims: 0,
        duplicateSettlements: 0,
        unexpected: 0,
        recovered: 0,
        orderViolations: 0,
        priorityInversions: 0,
        staleSettles: 0,
        acceptedStaleSettles: 0,
        settledButPresent: 0,
        redelivered: 0,
      },
      generator: { generatorBound: false, peakRssBytes: 0 },
    },
  };
}

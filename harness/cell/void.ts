// What stands in the bundle for a cell that could not be measured at all?

import { loadModel } from '../../scenarios/load-model.ts';
import { totalSeconds } from '../../scenarios/scenario.ts';
import type { Cell, ContractClass } from '../result/result.ts';
import { emptyAudit, emptyJobs } from '../verify/audit.ts';
import { withExpectations } from './expectations.ts';
import type { CellPlan } from './plan.ts';
import type { CellOutcome } from './result.ts';

/** An invalid cell without figures, with the reason. */
export function voidCell(plan: CellPlan, contractClass: ContractClass, reason: string): CellOutcome {
  const cell: Cell = {
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
    jobs: emptyJobs(),
    audit: emptyAudit(),
    generator: { generatorBound: false, peakRssBytes: 0 },
  };
  return { samples: [], plans: [], histogramLog: '', cell: withExpectations(cell, plan.scenario) };
}

// Which costs of a cell do its faults run up themselves?

import { type Fault, type Scenario, scheduledFaults } from '../../scenarios/scenario.ts';
import type { CostName, SharedCosts } from '../telemetry/shared-costs.ts';

const WAL: readonly CostName[] = ['walBytes', 'walFpiBytes'];
/** New sessions commit once as they start, read catalogs and cost a process. */
const OF_SESSIONS: readonly CostName[] = ['commits', 'buffers', 'serverCpuUs'];

/**
 * By faults that write, commit or keep a processor busy on the cell's server. What they make the queue spend is not meant: that
 * a checkpoint makes it log whole pages anew is the queue's own WAL.
 */
const COSTS: Partial<Readonly<Record<Fault['fault'], readonly CostName[]>>> = {
  'prepared-transaction': [...WAL, 'commits'],
  // It looks for new tables once a second, and alters each.
  'starved-autovacuum': [...WAL, 'commits'],
  'terminate-backends': OF_SESSIONS,
  'exhaust-connections': OF_SESSIONS,
  'notify-storm': [...WAL, ...OF_SESSIONS],
  'idle-listeners': OF_SESSIONS,
  'checkpoint-storm': ['commits', 'serverCpuUs'],
  // To stop, to start and to recover is work of its own.
  'restart-server': ['serverCpuUs'],
};

/** For `withoutShared`. */
export function costsOfFaults(scenario: Pick<Scenario, 'phases'>): SharedCosts[] {
  return scheduledFaults(scenario).flatMap((fault) => {
    // Each reader commits as it ends; of those that are held to the end of the fault there is one.
    if (fault.fault === 'held-xmin' && fault.kind === 'staggered')
      return [{ by: fault.fault, costs: ['commits'] }];
    const costs = COSTS[fault.fault];
    return costs === undefined ? [] : [{ by: fault.fault, costs }];
  });
}

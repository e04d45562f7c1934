// Which workload was declared? A scenario as the bundle keeps it, for whoever must know that two were the same.

import { createHash } from 'node:crypto';
import type { Scenario } from '../../scenarios/scenario.ts';
import type { RunResult } from '../result/result.ts';

/**
 * The scenario with every default filled in, and rates that are shares as shares. The jobs of a trace, of which there may be
 * a million, are stated by their number, the last one's instant and a digest.
 */
export function declaredOf(scenario: Scenario): RunResult['scenarios'][number]['definition'] {
  return {
    ...scenario,
    phases: scenario.phases.map((phase) => {
      if (phase.arrival?.model !== 'trace' || phase.arrival.jobs === undefined) return phase;
      const { jobs, ...arrival } = phase.arrival;
      const sha256 = createHash('sha256').update(JSON.stringify(jobs)).digest('hex');
      return {
        ...phase,
        arrival: { ...arrival, trace: { jobs: jobs.length, lastAt: jobs.at(-1)?.at, sha256 } },
      };
    }),
  };
}

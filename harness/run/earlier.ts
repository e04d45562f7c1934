// How does a run go on from an earlier part of itself?

import type { Environment, RunResult } from '../result/result.ts';

/** The bundle as the earlier part left it, to be gone on with. */
export function continued(earlier: RunResult, environment: Environment): RunResult {
  const { lostServers: _lost, ...rest } = earlier;
  return { ...rest, complete: false, environment: inParts(earlier, environment) };
}

/** What was read in the later part speaks for all where it cannot have changed; what is of one part alone is absent. */
export function inParts(earlier: RunResult | undefined, environment: Environment): Environment {
  if (earlier === undefined) return environment;
  const { stealShare: _steal, loadAverageAtStart: _load, ...rest } = environment;
  const { nullCeilings, missing } = earlier.environment;
  const note = 'stealShare, loadAverageAtStart: the run was interrupted and went on later';
  const known = { ...nullCeilings, ...environment.nullCeilings };
  return {
    ...rest,
    ...(Object.keys(known).length === 0 ? {} : { nullCeilings: known }),
    missing: [...new Set([...missing, ...environment.missing, note])],
  };
}

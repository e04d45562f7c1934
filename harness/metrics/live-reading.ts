// What have the agents of one load told, all together?

import type { AgentProcess } from '../load/agents.ts';
import { addLatencies, emptyLatencies } from './buckets.ts';
import type { LiveReading } from './live-metrics.ts';

/**
 * The sum of what each agent told of one instant of its own, so that its counts and its latencies agree. `preloaded` is
 * undefined until the load begins: its jobs are offered then.
 */
export function liveReading(
  agents: readonly Pick<AgentProcess, 'told'>[],
  preloaded: number | undefined,
): LiveReading {
  const jobs = { offered: preloaded ?? 0, enqueued: preloaded ?? 0, claimed: 0, settled: 0 };
  const latencies = emptyLatencies();
  for (const { told } of agents) {
    if (told === undefined) continue;
    jobs.offered += told.counters.sent;
    jobs.enqueued += told.counters.enqueued;
    jobs.claimed += told.counters.claimedJobs;
    jobs.settled += told.counters.finished;
    addLatencies(latencies, told.latencies);
  }
  return { begun: preloaded !== undefined, jobs, latencies };
}

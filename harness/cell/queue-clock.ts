// How does the queue's clock go, against which it holds when a job is due?

import type { Scenario } from '../../scenarios/scenario.ts';
import type { Contender } from '../contender.ts';
import { nowUs } from '../load/clock.ts';
import { hasDelays, type QueueClock, readQueueClock } from '../load/delays.ts';

export function asksDelays({ job, preload }: Scenario): boolean {
  return hasDelays(job.delays) || preload.delayed !== undefined;
}

/** Undefined where no job is delayed. */
export async function queueClock(scenario: Scenario, { delay }: Contender): Promise<QueueClock | undefined> {
  if (delay === undefined || !asksDelays(scenario)) return undefined;
  return await readQueueClock(() => delay.queueClockUs(), nowUs);
}

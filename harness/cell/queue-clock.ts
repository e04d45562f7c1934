// How does the queue's clock go, against which it holds when a job is due?

import type { Contender } from '../contender.ts';
import { CannotMeasure } from '../errors.ts';
import { nowUs } from '../load/clock.ts';
import { hasDelays, type QueueClock, readQueueClock } from '../load/delays.ts';
import type { CellPlan } from './plan.ts';

/** Reads it, when jobs are delayed; throws CannotMeasure where the contender cannot delay any. */
export async function delayClock(plan: CellPlan, contender: Contender): Promise<QueueClock | undefined> {
  const { job, preload } = plan.scenario;
  if (!hasDelays(job.delays) && preload.delayed === undefined) return undefined;
  const { delay } = contender;
  if (delay === undefined) {
    throw new CannotMeasure(
      `${plan.contender.name} cannot delay jobs, and ${plan.scenario.name} has delays: leave the one or the other out`,
      contender.class,
    );
  }
  return await readQueueClock(() => delay.queueClockUs(), nowUs);
}

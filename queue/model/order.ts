// Did a claim hand out the jobs that go first?

import assert from 'node:assert/strict';
import type { Guarantees } from '../strategy.ts';
import type { ModelJob } from './job.ts';

/** `ready`: all jobs of the queue that were ready before the claim, those that it `claimed` among them. */
export function judgeOrder(
  order: Guarantees['order'],
  claimed: readonly ModelJob[],
  ready: readonly ModelJob[],
): void {
  if (order === 'none') return;
  const priority = ({ spec }: ModelJob): number => (order === 'enqueue' ? 0 : spec.priority);
  const before = (a: ModelJob, b: ModelJob): boolean =>
    priority(a) !== priority(b) ? priority(a) < priority(b) : a.plain && b.plain && a.order < b.order;
  for (const [i, job] of claimed.entries()) {
    const next = claimed[i + 1];
    assert(next === undefined || !before(next, job), `job ${job.id} came before job ${next?.id}`);
  }
  for (const left of ready.filter((job) => job.plain && !claimed.includes(job)))
    for (const job of claimed)
      assert(
        !before(left, job),
        `job ${job.id} was handed out, and job ${left.id}, which goes first, was not`,
      );
}

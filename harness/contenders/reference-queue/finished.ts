// How do jobs come to lie among the finished ones, without having been worked on?

import { createWorker, type Driver, type Queue } from '../../../queue/index.ts';
import { QUEUE } from './jobs.ts';

const CHUNK = 100_000;

/**
 * Writes down so many jobs as completed a moment ago, by plain SQL: to have them enqueued and worked off would fill and bloat
 * the tables of the strategy as well, which is another question. Ids are below those of any job. Rejects with the driver's error.
 */
export async function writeFinished(driver: Driver, queue: Queue, jobs: number): Promise<void> {
  // A worker of a queue that keeps finished jobs makes the partition of the day as it starts; one that stops has waited for it.
  await createWorker(queue, { queue: QUEUE, handler: () => undefined }).stop({ deadlineMs: 0 });
  for (let from = 1; from <= jobs; from += CHUNK) {
    await driver.query({
      text: `
INSERT INTO ${queue.context.tables.finished} (finished_at, started_at, job_id, attempt, priority, outcome, worker, queue)
SELECT clock_timestamp(), clock_timestamp(), -number, 1, 0, 'completed', 'preload', $1
FROM generate_series($2::bigint, $3::bigint) AS number`,
      values: [QUEUE, from, Math.min(jobs, from + CHUNK - 1)],
    });
  }
}

// Does no window of time see more starts than the rate, over all workers of all processes, and is the rate used?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testDatabase } from '../../testing/database.ts';
import { limitedProcess } from '../../testing/limited-processes.ts';
import { createQueue, pgDriver, type Rate } from '../index.ts';
import { type Run, windowsOver } from './player.ts';

const MINUTE_MS = 60_000;
/** Of what the rate allows. */
const USED_MIN = 0.95;

/** The share of what the rate allows within the time from the first start to the last. */
function shareUsed(runs: readonly Run[], { jobs, periodMs }: Rate): number {
  const starts = runs.map(({ startedMs }) => startedMs);
  const spanMs = Math.max(...starts) - Math.min(...starts);
  // The last ones have their period still before them.
  return (runs.length - jobs) / ((spanMs / periodMs) * jobs);
}

test('exact for a minute, by eight workers of two processes and two drivers, with a queue to each limit', async (t) => {
  const database = await testDatabase(t);
  const rates: Readonly<Record<string, Rate>> = {
    'fifty a second': { jobs: 50, periodMs: 1000 },
    'seven a quarter': { jobs: 7, periodMs: 250 },
    'one a second': { jobs: 1, periodMs: 1000 },
  };
  await using driver = pgDriver({ ...database.settings, max: 2 });
  await using queue = createQueue({ driver, schema: 'rates', wakeup: 'poll' });
  await queue.install();
  for (const [name, rate] of Object.entries(rates)) await queue.limits.set(name, { rate });
  const children = (['pg', 'postgres'] as const).map((library, n) =>
    limitedProcess(
      {
        ...{ connectionString: database.url, driver: library, schema: 'rates', queues: Object.keys(rates) },
        ...{ workers: 4, concurrency: 5, workMs: 20, leaseMs: 30_000 },
        ...{ forMs: MINUTE_MS, firstId: n * 1_000_000 },
      },
      t,
    ),
  );
  const said = await Promise.all(children.map((child) => child.said));
  const lagMs = Math.max(...said.map((one) => one.lagMs));
  for (const [name, rate] of Object.entries(rates)) {
    const runs = said.flatMap((one) => one.runs[name] ?? []);
    const over = windowsOver(runs, rate.jobs, rate.periodMs);
    assert.deepEqual(over, [], `${name}: windows with more than ${rate.jobs} starts`);
    const used = shareUsed(runs, rate);
    t.diagnostic(
      `${name}: ${runs.length} starts, ${(used * 100).toFixed(1)} % used, timers ${lagMs.toFixed(1)} ms late`,
    );
    // A process that the system wakes late starts its jobs late, and its tokens come back as late.
    assert(used * (1 + lagMs / rate.periodMs) >= USED_MIN, `${name}: ${used} of the rate was used`);
  }
});

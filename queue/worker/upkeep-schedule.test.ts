// Is upkeep that failed due again as it was, and not a whole round later?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Database } from '../drivers/driver.ts';
import { UpkeepSchedule } from './upkeep-schedule.ts';

const db: Database = { query: () => Promise.reject(new Error('nobody asks')) };

test('a run that failed is due again at once, and is the whole of it', async () => {
  const asked: boolean[] = [];
  let away = true;
  const schedule = new UpkeepSchedule(
    {
      everyMs: 60_000,
      async run(_, early) {
        asked.push(early === true);
        if (away) throw new Error('the server is away');
        return { ready: true };
      },
    },
    0,
  );
  await assert.rejects(schedule.runWhenDue(db), /away/);
  assert.ok(schedule.dueMs <= performance.now());
  const untilMs = performance.now() + 5;
  schedule.postpone(untilMs);
  assert.equal(schedule.dueMs, untilMs);
  while (performance.now() < untilMs);
  away = false;
  assert.equal(await schedule.runWhenDue(db), true);
  assert.deepEqual(asked, [false, false]);
  assert.ok(schedule.dueMs > performance.now() + 30_000);
});

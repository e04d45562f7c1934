// Is each count of the audit either a fault that voids a cell, or allowed, and listed as such?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { emptyAudit, emptyJobs, FAULTS, violations } from './audit.ts';

test('the listed faults, and no other counts, void a cell that promises an order', () => {
  const counts = Object.keys(emptyAudit());
  const faults = counts.filter((count) => {
    const jobs = { ...emptyJobs(), offered: count === 'lost' ? 1 : 0 };
    const promises = { order: 'priority-then-enqueue', lease: 'timed' } as const;
    return violations({ ...emptyAudit(), [count]: 1 }, jobs, promises).length > 0;
  });
  assert.deepEqual([...FAULTS].sort(), faults.sort());
});

// Is the recovery of a cell the time from "ready again" to the first whole second at the rate before?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { recoveryOf } from './restart.ts';

/** Of half seconds with so many settled jobs each, the server away from 2.1 to 2.4 s. */
function cell(settled: readonly number[]) {
  const samples = settled.map((count, i) => ({
    ...{ kind: 'load' as const, cell: 'x', seconds: 0.5, t: (i + 1) / 2 },
    ...{ enqueued: count, claimed: count, settled: count, backlog: 0 },
  }));
  const seconds = settled.length / 2;
  const window = {
    faults: [
      { label: 'restart-server (immediate)', atSeconds: 2.1 },
      { label: 'restart-server ends', atSeconds: 2.4 },
    ],
    phases: [{ label: 'all', fromSeconds: 0, toSeconds: seconds, measured: true }],
  };
  return { cell: { window }, samples };
}

test('it begins with the first bucket after the server was ready, and lasts until a second reaches 95 %', () => {
  const before = [50, 50, 50, 50];
  const back = recoveryOf(cell([...before, 10, 50, 50, 50]), 0, 2, 100);
  assert.equal(back?.seconds.toFixed(2), '0.10');
  assert.equal(back?.beforePerSec, 100);
  assert.equal(back?.awaySeconds.toFixed(2), '0.30');
  const late = recoveryOf(cell([...before, 0, 0, 20, 60, 44, 51, 44]), 0, 2, 100);
  assert.equal(
    late?.seconds.toFixed(2),
    '1.10',
    'jobs of half a second alone are not the rate of a whole one',
  );
  assert.equal(recoveryOf(cell([...before, 0, 0, 20, 60, 34, 51, 43]), 0, 2, 100), undefined, 'never');
  // What piled up at the start and was worked off is not the rate to come back to.
  assert.equal(recoveryOf(cell([20, 80, 80, 60, 0, 48, 48]), 0, 2, 100)?.beforePerSec, 100);
});

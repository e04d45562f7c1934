// Is a failure excused by an outage of the scenario's own making, and by nothing else?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AppliedFault } from './applied.ts';
import { meetsOutage, type Outage, outagesOf } from './outages.ts';

const MS = 1_000;
const END_US = 10_000 * MS;
const begins = (fault: AppliedFault['fault'], ms: number, label: string = fault): AppliedFault => ({
  ...{ fault, what: 'begins', label },
  atUs: ms * MS,
});
const ends = (fault: AppliedFault['fault'], ms: number): AppliedFault => ({
  ...{ fault, what: 'ends', label: `${fault} ends` },
  atUs: ms * MS,
});

test('an outage lasts from its fault to the end of that, or of the load; where connections break at once, an instant', () => {
  assert.deepEqual(
    outagesOf(
      [
        begins('held-xmin', 500, 'held-xmin by a reader'),
        begins('restart-server', 1_000, 'restart-server (immediate)'),
        ends('held-xmin', 1_100),
        ends('restart-server', 1_500),
        begins('reset-connections', 2_000),
        begins('restart-server', 3_000, 'restart-server (fast)'),
        ends('restart-server', 3_200),
        begins('cut-network', 4_000),
      ],
      END_US,
    ),
    [
      { fault: 'restart-server', fromUs: 1_000 * MS, toUs: 1_500 * MS },
      { fault: 'reset-connections', fromUs: 2_000 * MS, toUs: 2_000 * MS },
      { fault: 'restart-server', fromUs: 3_000 * MS, toUs: 3_200 * MS },
      { fault: 'cut-network', fromUs: 4_000 * MS, toUs: END_US },
    ],
  );
  assert.deepEqual(
    outagesOf([begins('kill-worker', 1), begins('stall-worker', 2), ends('stall-worker', 3)], END_US),
    [],
  );
});

test('who was on the way while it lasted has met it; who came after it has not', () => {
  const outages: Outage[] = [{ fault: 'restart-server', fromUs: 1_000 * MS, toUs: 1_500 * MS }];
  const meets = (intendedMs: number, untilMs: number) => meetsOutage(outages, intendedMs * MS, untilMs * MS);
  assert.equal(meets(900, 999), false, 'over before it');
  assert.equal(meets(900, 1_001), true, 'cut off');
  assert.equal(meets(1_200, 1_201), true, 'refused');
  assert.equal(meets(1_400, 9_000), true, 'waited in vain');
  assert.equal(meets(1_550, 1_560), true, 'on a connection of which nobody had heard yet that it was gone');
  assert.equal(meets(1_700, 1_800), false, 'the system was back, and refused it');
  assert.equal(meetsOutage([], 0, END_US), false);
});

// Does Little's law tell a stable load from one whose backlog was counted wrong?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openLoad } from '../../cli/capacity/loads.ts';
import { CellSequence } from '../../harness/run/plan.ts';
import { CONTENDER, LINEAR, patternFor } from '../../testing/synthetic/capacity-world.ts';
import { simulateCell } from '../../testing/synthetic/simulated-cell.ts';
import { measuredNow } from '../planning/measured.ts';
import { littleCheck } from './little.ts';

test('Little’s law holds in a stable load, and a backlog that was counted wrong shows', async () => {
  const crew = { agents: 1, sessions: 8, concurrency: 1 };
  const scenario = openLoad(await patternFor(), { ratePerSec: 140, seconds: 90, crew });
  const { plan } = new CellSequence(1).next(scenario, CONTENDER);
  const load = measuredNow({ purpose: 'probe', handlers: 8 }, simulateCell(LINEAR, plan));
  const kept = littleCheck(load);
  assert.equal(kept?.kept, true, `${kept?.error}`);
  const wrong = { ...load, load: load.load.map((one) => ({ ...one, backlog: 2 * one.backlog })) };
  assert.equal(littleCheck(wrong)?.kept, false);
  assert.equal(littleCheck({ ...load, load: [] }), undefined);
});

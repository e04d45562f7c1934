// Is every cell of a question told once, with its purpose, and what was found with it?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { voidCell } from '../../harness/cell/void.ts';
import { CellSequence } from '../../harness/run/plan.ts';
import { CONTENDER, drive, patternFor } from '../../testing/synthetic/capacity-world.ts';
import { CapacityLog } from './capacity-log.ts';
import { openLoad } from './loads.ts';

const crew = { agents: 1, sessions: 2, concurrency: 3 };

test('a cell counts once it is measured; what is found later takes the place of what was found before', async () => {
  const log = new CapacityLog(new CellSequence(9));
  const scenario = openLoad(await patternFor(), { ratePerSec: 5, seconds: 2, crew });
  const cells = function* () {
    yield* log.cell(scenario, CONTENDER, crew, 'light');
    assert.equal(log.finished, 1);
    const { cell } = yield* log.cell(scenario, CONTENDER, crew, 'check');
    return cell.id;
  };
  const seen: number[] = [];
  const { plans, found } = drive(cells(), (plan) => {
    seen.push(log.finished);
    return voidCell(plan, 'job-queue', 'not measured');
  });
  assert.deepEqual(seen, [0, 1], 'a cell under way is none');
  assert.deepEqual(
    plans.map(({ repeat, order }) => [repeat, order]),
    [
      [1, 0],
      [2, 1],
    ],
  );
  assert.equal(found, plans[1]?.id);
  assert.deepEqual(
    plans.map(({ contender }) => contender.axes.concurrency),
    [3, 3],
  );
  const entries = [
    { id: plans[0]?.id, purpose: 'light', handlers: 6 },
    { id: plans[1]?.id, purpose: 'check', handlers: 6 },
  ];
  assert.deepEqual(log.value(), { cells: entries });
  log.found({ predictions: [], scaling: { contender: 'a', points: [] } });
  log.found({ scaling: { contender: 'b', points: [] } });
  assert.deepEqual(log.value(), { cells: entries, predictions: [], scaling: { contender: 'b', points: [] } });
  assert.notEqual(log.value().cells, log.value().cells, 'what was told may be changed by nobody');
});

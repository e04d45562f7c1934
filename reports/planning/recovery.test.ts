// Is a drain foretold as it comes, and the rate that is recovered from in time?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openLoad } from '../../cli/capacity/loads.ts';
import { CellSequence } from '../../harness/run/plan.ts';
import { drainSeconds } from '../../stats/queueing.ts';
import { uslAt } from '../../stats/usl.ts';
import { CONTENDER, LINEAR, LINEAR_LAW, patternFor } from '../../testing/synthetic/capacity-world.ts';
import { simulateCell } from '../../testing/synthetic/simulated-cell.ts';
import { measuredNow } from './measured.ts';
import { drainingPerSec, drainPrediction, drainRisks, recoverablePerSec, seenOutage } from './recovery.ts';

const law = LINEAR_LAW;
const crew = { agents: 1, sessions: 8, concurrency: 1 };

test('the drain after an outage of 20 s is foretold within 20 %, over 20 seeds', async () => {
  const pattern = await patternFor();
  const fault = { fault: 'stall-worker', afterSeconds: 4, forSeconds: 20 } as const;
  const load = openLoad(pattern, { ratePerSec: 95, seconds: 65, crew, fault });
  for (let seed = 1; seed <= 20; seed += 1) {
    const { plan } = new CellSequence(seed).next(load, CONTENDER);
    const cell = measuredNow({ purpose: 'outage', handlers: 8 }, simulateCell(LINEAR, plan));
    const [prediction, ...more] = drainPrediction(law, cell);
    assert.deepEqual(more, []);
    assert.ok(prediction !== undefined, `seed ${seed}`);
    assert.ok(
      Math.abs(prediction.error) <= 0.2,
      `seed ${seed}: ${prediction.predicted}, not ${prediction.measured}`,
    );
    assert.deepEqual(prediction.cells, [cell.cell.id]);
    const { recovery: _recovery, ...without } = cell.cell;
    assert.deepEqual(drainPrediction(law, { ...cell, cell: without }), []);
  }
});

test('at the highest rate that is recovered from in time, the drain takes just so long', () => {
  for (const seconds of [1, 60, 3_600])
    for (const recoverSeconds of [1, 600, 7_200]) {
      const arrivalPerSec = recoverablePerSec(law, 1_000, undefined, { seconds, recoverSeconds }) ?? 0;
      const drain = drainSeconds({ arrivalPerSec, capacityPerSec: 1_000, outageSeconds: seconds }) ?? 0;
      assert.ok(Math.abs(drain / recoverSeconds - 1) < 1e-9, `${seconds}, ${recoverSeconds}: ${drain}`);
    }
});

test('a drain is counted on no faster than one was seen, and where none ended by what was settled while the backlog fell', async () => {
  const pattern = await patternFor();
  const fault = { fault: 'stall-worker', afterSeconds: 4, forSeconds: 20 } as const;
  const outageOf = (seconds: number) => {
    const load = openLoad(pattern, { ratePerSec: 95, seconds, crew, fault });
    const { plan } = new CellSequence(1).next(load, CONTENDER);
    return [measuredNow({ purpose: 'outage', handlers: 8 }, simulateCell(LINEAR, plan))];
  };
  const ended = outageOf(65);
  const seen = seenOutage(ended, 8);
  assert.ok(seen?.drainSeconds !== undefined);
  const shown = seen.arrivalPerSec * (1 + seen.outageSeconds / seen.drainSeconds);
  assert.ok(Math.abs(shown / uslAt(LINEAR, 8) - 1) < 0.1, `${shown}`);
  assert.equal(drainingPerSec(law, 1_000, seen, 95), shown);
  assert.equal(drainingPerSec(law, 100, seen, 95), 100, 'nor faster than the law has it');
  assert.equal(drainingPerSec(law, 100, undefined, 95), 100);
  assert.equal(seenOutage(ended, 4), undefined, 'other handlers');
  assert.deepEqual(drainRisks(law, ended, 8), []);
  const cut = outageOf(28);
  const unended = seenOutage(cut, 8);
  assert.ok(unended !== undefined && unended.drainSeconds === undefined);
  const fell = drainingPerSec(law, 1_000, unended, 95) ?? 0;
  assert.ok(Math.abs(fell / uslAt(LINEAR, 8) - 1) < 0.15, `${fell}: every handler had a job`);
  assert.equal(drainingPerSec(law, 150, unended, 95), 150);
  const stayed = cut.map((one) => ({ ...one, load: one.load.map((look) => ({ ...look, backlog: 900 })) }));
  assert.equal(drainingPerSec(law, 1_000, seenOutage(stayed, 8), 95), undefined);
  assert.match(
    drainRisks(law, cut, 8).join(),
    /^The drain after the outage in miniature was not over after [\d.]+ s, predicted [\d.]+ s: the model of drain time is poor\.$/,
  );
});

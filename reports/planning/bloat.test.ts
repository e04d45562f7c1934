// Is the cost of dead rows found in the course of a load, and not where there is none?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { closedLoad } from '../../cli/capacity/loads.ts';
import { CellSequence } from '../../harness/run/plan.ts';
import { CONTENDER, patternFor } from '../../testing/synthetic/capacity-world.ts';
import { simulateCell } from '../../testing/synthetic/simulated-cell.ts';
import { bloatLaw, reachPerSec, survivablePerSec } from './bloat.ts';
import { measuredNow } from './measured.ts';

const crew = { agents: 1, sessions: 8, concurrency: 1 };
const pattern = await patternFor();

/** A closed load beside a snapshot that is held from its start. */
function held(perDeadSeconds: number, seed: number, seconds = 20) {
  const fault = { fault: 'held-xmin', afterSeconds: 0 } as const;
  const scenario = closedLoad(pattern, { crew, seconds, backlog: 100_000, fault });
  const law = { lambdaPerSec: 125, sigma: 0, kappa: 0, claimSeconds: 0.001, perDeadSeconds };
  const { plan } = new CellSequence(seed).next(scenario, CONTENDER);
  return measuredNow({ purpose: 'bloat', handlers: 8 }, simulateCell(law, plan));
}

test('found again from a load with noise, and no less than it is, over 20 seeds', () => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const law = bloatLaw(held(2e-7, seed));
    assert.ok(law?.slows === true);
    assert.ok(Math.abs(law.perDeadSeconds / 2e-7 - 1) < 0.4, `seed ${seed}: ${law.perDeadSeconds}`);
    assert.ok(law.perDeadSeconds > 0.95 * 2e-7, `seed ${seed}: ${law.perDeadSeconds}`);
    assert.ok(Math.abs(law.perJobSeconds / 1e-3 - 1) < 0.2, `seed ${seed}: ${law.perJobSeconds}`);
    assert.ok(law.seenJobs > 5_000);
  }
});

test('where there is none, noise is told for what it is, and what may hide in it is counted', () => {
  let [slows, none] = [0, 0];
  for (let seed = 1; seed <= 40; seed += 1) {
    const law = bloatLaw(held(0, seed));
    assert.ok(law !== undefined);
    assert.ok(Math.abs(law.perJobSeconds / 1e-3 - 1) < 0.05);
    assert.ok(survivablePerSec(law, 20) <= 0.8 / law.perJobSeconds);
    if (law.slows) slows += 1;
    if (law.perDeadSeconds === 0) none += 1;
  }
  // Two standard errors, to one side: 1 in 40, and with few points somewhat more.
  assert.ok(slows <= 6, `${slows} of 40`);
  assert.ok(none <= 6, `${none} of 40`);
});

test('no word of more than five times the jobs that were done beside a snapshot', () => {
  const law = { perJobSeconds: 0.001, perDeadSeconds: 0, slows: false, seenJobs: 1_000 };
  assert.equal(reachPerSec(law, 50), 100);
});

test('a load that was too short tells nothing', () => {
  assert.equal(bloatLaw(held(0, 1, 2)), undefined);
});

test('the rate that is survived solves its equation: four fifths of what can be done when all of them are dead', () => {
  for (const perDeadSeconds of [1e-10, 1e-8, 1e-6])
    for (const heldSeconds of [1, 600, 86_400]) {
      const law = { perJobSeconds: 0.001, perDeadSeconds, slows: true, seenJobs: 1 };
      const perSec = survivablePerSec(law, heldSeconds);
      const carried = 0.8 / (law.perJobSeconds + perDeadSeconds * perSec * heldSeconds);
      assert.ok(Math.abs(perSec / carried - 1) < 1e-9, `${perSec} and ${carried}`);
      assert.ok(perSec > 0 && perSec < 1_000);
    }
});

// Does a plan foretell the pickup of a queue whose law is known, from its own cells in virtual time?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Prediction, Slo } from '../../harness/result/result.ts';
import { planOf } from '../../reports/planning/answer.ts';
import type { MeasuredCell } from '../../reports/planning/measured.ts';
import { erlangC } from '../../stats/queueing.ts';
import { uslAt } from '../../stats/usl.ts';
import { planned, question } from '../../testing/synthetic/capacity-world.ts';
import { waitQuantile } from '../../testing/synthetic/queue-law.ts';
import type { SimulatedContender } from '../../testing/synthetic/simulated-cell.ts';

const SEEDS = 20;
const GOOD_WITHIN = 0.2;
/** 16 servers at half their capacity: 1 in 100 waits at all, and p99 is where that share passes 1 %. */
const WAITS_AT_LEAST = 0.05;

/** Loads as the check is one, whose p99 is that of theory: the error of a prediction is then the plan's alone. */
function theoryChecks(law: SimulatedContender, like: MeasuredCell): MeasuredCell[] {
  const { handlers, cell } = like;
  const capacity = uslAt(law, handlers);
  return [0.4, 0.6, 0.75].flatMap((busy) => {
    const arrivalPerSec = busy * capacity;
    const theory = { servers: handlers, servicePerSec: capacity / handlers, arrivalPerSec };
    if (erlangC(theory) < WAITS_AT_LEAST) return [];
    const us = 1e6 * (waitQuantile(theory, 0.99) + law.claimSeconds);
    const pickup = { count: 1e6, min: us, mean: us, max: us, p99: us };
    const parameters = { ratePerSec: arrivalPerSec };
    return [{ ...like, cell: { ...cell, id: `${busy}`, parameters, latencyUs: { pickup } } }];
  });
}

/** What the plan of one seed says of them. */
async function foretold(ratePerSec: number, law: SimulatedContender, seed: number): Promise<Prediction[]> {
  const jobs = { jobMs: 5, handler: { time: 'exponential', meanMs: 5 } };
  // Of an SLO of pickup the plan would look for the highest rate by the model as well, at length.
  const slo: Slo[] = [{ of: 'response', percentile: 99, limitUs: 1e6, text: 'response.p99 < 1 s' }];
  const { input } = await planned(question({ ratePerSec, ...jobs, slo }), { seed, law, search: false });
  const last = input.cells.at(-1);
  assert.equal(last?.purpose, 'check');
  const cells = [...input.cells.slice(0, -1), ...theoryChecks(law, last)];
  const { predictions = [], plan } = planOf({ ...input, cells });
  assert.equal(
    plan?.answer.recommended?.handlers,
    last.handlers,
    'others were measured than are recommended',
  );
  return predictions.filter(({ what }) => what === 'pickup p99');
}

for (const { ratePerSec, sigma } of [
  { ratePerSec: 80, sigma: 0 },
  { ratePerSec: 300, sigma: 0 },
  { ratePerSec: 1_200, sigma: 0.01 },
])
  test(`a question of ${ratePerSec} jobs/s: p99 of pickup within 20 % of theory, over ${SEEDS} seeds`, async (t) => {
    const law = { lambdaPerSec: 180, sigma, kappa: 0, claimSeconds: 0.001 };
    const errors: number[] = [];
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const said = await foretold(ratePerSec, law, seed);
      assert.ok(said.length > 0, `seed ${seed}: nothing was foretold`);
      for (const { error, at } of said) {
        errors.push(error);
        assert.ok(Math.abs(error) <= GOOD_WITHIN, `seed ${seed}, at ${at}: ${error}`);
      }
    }
    const worst = Math.max(...errors.map(Math.abs));
    t.diagnostic(`${errors.length} predictions, the worst off by ${(100 * worst).toFixed(1)} %`);
  });

// Is what claiming takes by itself told apart from waiting, and is each prediction beside what was measured?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openLoad } from '../../cli/capacity/loads.ts';
import { CellSequence } from '../../harness/run/plan.ts';
import { uslAt } from '../../stats/usl.ts';
import { CONTENDER, LINEAR, patternFor } from '../../testing/synthetic/capacity-world.ts';
import { waitQuantile } from '../../testing/synthetic/queue-law.ts';
import { simulateCell } from '../../testing/synthetic/simulated-cell.ts';
import { measuredNow } from './measured.ts';
import { baseOf, claimsAhead, littleChecks, pickupPredictions, pickupSeconds } from './pickup.ts';

const law = {
  fit: { ...LINEAR, relativeError: 0 },
  saidUpTo: 32,
  lowPerSec: (n: number) => uslAt(LINEAR, n),
};
const pattern = await patternFor();

function open(sessions: number, ratePerSec: number, seconds: number, seed = 1) {
  const crew = { agents: 1, sessions, concurrency: 1 };
  const { plan } = new CellSequence(seed).next(openLoad(pattern, { ratePerSec, seconds, crew }), CONTENDER);
  return measuredNow({ purpose: 'light', handlers: sessions }, simulateCell(LINEAR, plan));
}

test('jobs that waited in the light load are no part of what claiming takes', () => {
  // One handler, two fifths busy: two fifths of the jobs wait, and some of them for a tenth of a second.
  const light = open(1, 10, 300);
  const base = baseOf(law, light);
  assert.ok(base !== undefined && light.pickup !== undefined);
  assert.ok(light.pickup.getValueAtPercentile(95) > 50_000, 'the light load did wait');
  const tenth = base[Math.floor(base.length * 0.9)] ?? 0;
  assert.ok(tenth < 0.01, `${tenth}`);
  assert.deepEqual(
    base,
    base.toSorted((x, y) => x - y),
  );
  assert.equal(baseOf(law, { ...light, pickup: undefined }), undefined);
});

test('a percentile of pickup is that of theory behind the claim, and there is none where handlers do not keep up', () => {
  for (const handlers of [1, 2, 8])
    for (const busy of [0.5, 0.7, 0.9]) {
      const servicePerSec = LINEAR.lambdaPerSec;
      const arrivalPerSec = busy * handlers * servicePerSec;
      const theory = 0.002 + waitQuantile({ servers: handlers, servicePerSec, arrivalPerSec }, 0.99);
      const said =
        pickupSeconds({ law, handlers, base: [0.002], serviceScv: 1, ahead: false }, arrivalPerSec, 99) ?? 0;
      assert.ok(Math.abs(said / theory - 1) < 0.01, `${handlers}, ${busy}: ${said}, not ${theory}`);
    }
  const crowd = { law, handlers: 2, base: [0.002], serviceScv: 1, ahead: false };
  assert.equal(pickupSeconds(crowd, 2 * LINEAR.lambdaPerSec, 99), undefined);
});

test('foretold is the highest percentile that the load could tell, below 80 % busy and of these handlers alone', () => {
  const crowd = { law, handlers: 8, base: [0.001], serviceScv: 1, ahead: false };
  const [long] = pickupPredictions(crowd, [open(8, 140, 90)]);
  assert.equal(long?.what, 'pickup p99');
  assert.ok(long.error === long.predicted / long.measured - 1);
  assert.equal(pickupPredictions(crowd, [open(8, 140, 20)])[0]?.what, 'pickup p95');
  assert.deepEqual(pickupPredictions(crowd, [open(8, 140, 2)]), [], 'too few jobs for any');
  assert.deepEqual(pickupPredictions(crowd, [open(4, 60, 60)]), [], 'other handlers');
  assert.deepEqual(pickupPredictions(crowd, [open(8, 165, 60)]), [], 'too busy');
});

test('Little’s law holds in a stable load, and a backlog that was counted wrong shows', () => {
  const cell = open(8, 140, 90);
  const [kept] = littleChecks([cell]);
  assert.equal(kept?.kept, true, `${kept?.error}`);
  const wrong = { ...cell, load: cell.load.map((one) => ({ ...one, backlog: 2 * one.backlog })) };
  assert.equal(littleChecks([wrong])[0]?.kept, false);
  assert.deepEqual(littleChecks([{ ...cell, load: [] }]), []);
});

test('where workers claim ahead of their handlers, pickup is the claim alone: all of the light load is base, and no wait is added', () => {
  const cell = open(1, 10, 300);
  const ahead = { ...cell.cell, contender: { ...cell.cell.contender, declared: { prefetch: 500 } } };
  assert.equal(claimsAhead(cell.cell), false);
  assert.equal(claimsAhead(ahead), true);
  const [whole, cut] = [baseOf(law, { ...cell, cell: ahead }), baseOf(law, cell)].map((base) => base?.at(-1));
  assert.ok((whole ?? 0) > 5 * (cut ?? 1), `${whole}, not ${cut}`);
  const idle = { ...ahead, parameters: { ...ahead.parameters, handlerMs: 0 } };
  assert.equal(claimsAhead(idle), false, 'jobs that take no time wait for nobody');
  const crowd = { law, handlers: 8, base: [0.002], serviceScv: 1, ahead: true };
  assert.equal(pickupSeconds(crowd, 0.75 * 8 * LINEAR.lambdaPerSec, 99), 0.002);
  assert.equal(pickupSeconds(crowd, 8 * LINEAR.lambdaPerSec, 99), undefined, 'more than the handlers settle');
  const [foretold] = pickupPredictions(crowd, [open(8, 140, 90)]);
  assert.equal(foretold?.predicted, 2_000);
});

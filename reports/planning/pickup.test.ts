// Is what claiming takes by itself told apart from waiting, and is each prediction beside what was measured?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openLoad } from '../../cli/capacity/loads.ts';
import { CellSequence } from '../../harness/run/plan.ts';
import { CONTENDER, LINEAR, LINEAR_LAW, patternFor } from '../../testing/synthetic/capacity-world.ts';
import { waitQuantile } from '../../testing/synthetic/queue-law.ts';
import { simulateCell } from '../../testing/synthetic/simulated-cell.ts';
import { measuredNow } from './measured.ts';
import { aheadJobs, baseOf, claimsAhead, littleChecks, pickupPredictions, pickupSeconds } from './pickup.ts';

const law = LINEAR_LAW;
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
        pickupSeconds({ law, handlers, base: [0.002], serviceScv: 1, aheadJobs: 0 }, arrivalPerSec, 99) ?? 0;
      assert.ok(Math.abs(said / theory - 1) < 0.01, `${handlers}, ${busy}: ${said}, not ${theory}`);
    }
  const crowd = { law, handlers: 2, base: [0.002], serviceScv: 1, aheadJobs: 0 };
  assert.equal(pickupSeconds(crowd, 2 * LINEAR.lambdaPerSec, 99), undefined);
});

test('foretold is the highest percentile that the load could tell, below 80 % busy and of these handlers alone', () => {
  const crowd = { law, handlers: 8, base: [0.001], serviceScv: 1, aheadJobs: 0 };
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

test('what sessions hold ahead is claimed before a handler is free: fewer jobs wait to be picked up, or hardly any', () => {
  const cell = open(1, 10, 300);
  const declaring = (batch: number, prefetch: number) => ({
    ...cell.cell,
    contender: {
      ...cell.cell.contender,
      declared: { batch, prefetch, workerConnections: 8, concurrency: 4 },
    },
  });
  const held = [declaring(1, 0), declaring(10, 1), declaring(500, 500), declaring(100, 200)].map(aheadJobs);
  assert.deepEqual(held, [0, 0, 8, 808]);
  const told = [declaring(1, 0), declaring(10, 0), declaring(500, 500)].map(claimsAhead);
  assert.deepEqual(told, [false, true, true]);
  const idle = { ...declaring(500, 500), parameters: { ...cell.cell.parameters, handlerMs: 0 } };
  assert.equal(claimsAhead(idle), false, 'jobs that take no time wait for nobody');
  const [whole, cut] = [declaring(100, 200), cell.cell].map((one) =>
    baseOf(law, { ...cell, cell: one })?.at(-1),
  );
  assert.ok((whole ?? 0) > 5 * (cut ?? 1), `${whole}, not ${cut}`);
  const servicePerSec = LINEAR.lambdaPerSec;
  const crowd = { law, handlers: 8, base: [0.002], serviceScv: 1, aheadJobs: 3 };
  const arrivalPerSec = 0.75 * 8 * servicePerSec;
  // Of M/M/c: as long as beyond its 99th percentile among those that find three more in line.
  const share = 1 - 0.01 / 0.75 ** 3;
  const theory = 0.002 + waitQuantile({ servers: 8, servicePerSec, arrivalPerSec }, share);
  assert.ok(Math.abs((pickupSeconds(crowd, arrivalPerSec, 99) ?? 0) / theory - 1) < 0.01);
  assert.equal(pickupSeconds({ ...crowd, aheadJobs: 808 }, arrivalPerSec, 99), 0.002);
  assert.equal(pickupSeconds(crowd, 8 * servicePerSec, 99), undefined, 'more than the handlers settle');
});

// Is what arrivals take of the handlers found, and nothing where they take nothing?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { uslAt } from '../../stats/usl.ts';
import { LINEAR, planned, question } from '../../testing/synthetic/capacity-world.ts';
import { planOf } from './answer.ts';
import { besidePrediction, lostToArrivals } from './arrivals.ts';
import { leftBeside, settledBeside } from './law.ts';
import type { MeasuredCell } from './measured.ts';
import { scalingOf } from './scaling.ts';

const LOST = 0.002;
const asked = question({ ratePerSec: 100, outage: { seconds: 60, recoverSeconds: 120 } });
const lossy = await planned(asked, { law: { ...LINEAR, lostPerArrival: LOST } });
const exact = { ...LINEAR, relativeError: 0 };
const lawError = (): number => 0.02;

function only(purpose: MeasuredCell['purpose']): MeasuredCell[] {
  return lossy.input.cells.filter((one) => one.purpose === purpose);
}

test('handlers that settle less while jobs come: the loss is found, and handlers, limits and drain count with it', async () => {
  const { law } = scalingOf('skip-locked', lossy.input.cells, 1);
  assert.ok(law !== undefined);
  assert.ok(Math.abs(settledBeside(law, 8, 100) / (0.8 * uslAt(LINEAR, 8)) - 1) < 0.1);
  const plain = planOf((await planned(asked)).input).plan?.answer;
  const { predictions = [], plan } = planOf(lossy.input);
  const handlers = plan?.answer.recommended?.handlers ?? 0;
  assert.ok(handlers > (plain?.recommended?.handlers ?? 99), 'more handlers');
  const recovery = plan?.answer.limits.find(({ by }) => by === 'recovery')?.perSec ?? 0;
  // So many jobs come again beside those that the outage left, by the law that was simulated.
  const settled = uslAt(LINEAR, handlers) * (1 - LOST * recovery);
  assert.ok(Math.abs((recovery * 1.5) / settled - 1) < 0.15, `${recovery}`);
  assert.ok((plan?.answer.drain?.capacityPerSec ?? 1e9) < 0.9 * uslAt(LINEAR, handlers));
  const beside = predictions.find(({ at }) => at.endsWith('coming'));
  // At twice the rate of the catch-up loads half is lost: without it the error would be 100 %.
  assert.ok(beside !== undefined && Math.abs(beside.error) < 0.3, JSON.stringify(beside));
});

test('by catch-up loads alone, two of them, whatever the probes say', () => {
  assert.equal(only('catch-up').length, 2);
  const found = lostToArrivals(exact, only('catch-up'), lawError);
  assert.ok(found !== undefined && Math.abs(found.lostPerArrival / LOST - 1) < 0.3, JSON.stringify(found));
  assert.equal(found.mayLosePerArrival, found.lostPerArrival);
  assert.equal(lostToArrivals(exact, only('probe'), lawError), undefined);
  const idle = only('catch-up').map((one) => ({
    ...one,
    load: one.load.map((look) => ({ ...look, backlog: 3 })),
  }));
  assert.equal(lostToArrivals(exact, idle, lawError), undefined, 'handlers without a job');
});

test('what may be chance is not believed, and is counted with in limits', () => {
  const unsure = lostToArrivals(exact, only('catch-up'), () => 0.2);
  assert.equal(unsure?.lostPerArrival, 0);
  assert.ok(Math.abs(leftBeside(unsure ?? {}, 100) - 0.8) < 0.07);
});

test('a load that its generator alone voided counts, with what its stalls may have cost; one that fell by something else does not', () => {
  const voided = (reason: string): MeasuredCell[] =>
    only('catch-up').map((one) => {
      const generator = { ...one.cell.generator, stalledShare: 0.05 };
      return { ...one, cell: { ...one.cell, verdict: 'invalid' as const, reasons: [reason], generator } };
    });
  const valid = lostToArrivals(exact, only('catch-up'), lawError);
  const excused = lostToArrivals(exact, voided('generator: worker agent 1 stood still'), lawError);
  const [{ cell } = { cell: undefined }] = only('catch-up');
  const byStalls = 0.1 / (cell?.throughput?.offeredPerSec ?? 0);
  assert.ok(valid !== undefined && excused !== undefined);
  assert.ok(Math.abs(valid.mayLosePerArrival - byStalls - excused.mayLosePerArrival) < byStalls * 0.1);
  assert.equal(lostToArrivals(exact, voided('the server failed'), lawError), undefined);
});

test('where arrivals take nothing, next to nothing is lost', async () => {
  for (const seed of [1, 2, 3, 4, 5, 6]) {
    const { input } = await planned(asked, { seed });
    const { law } = scalingOf('skip-locked', input.cells, seed);
    assert.equal(law?.lostPerArrival, 0, `seed ${seed}`);
    assert.ok(law.mayLosePerArrival !== undefined && law.mayLosePerArrival * 100 < 0.08, `seed ${seed}`);
  }
});

test('nothing is foretold of handlers that no probe kept busy', () => {
  const { law } = scalingOf('skip-locked', lossy.input.cells, 1);
  assert.ok(law !== undefined);
  assert.deepEqual(besidePrediction(law, only('light')), []);
});

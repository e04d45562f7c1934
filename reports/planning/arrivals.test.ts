// Is what arrivals take of the handlers found, and nothing where they take nothing?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LINEAR, planned, question } from '../../testing/synthetic/capacity-world.ts';
import { planOf } from './answer.ts';
import { lostPerArrival } from './arrivals.ts';
import { settledBeside } from './law.ts';
import { scalingOf } from './scaling.ts';

const LOST = 0.002;
const asked = question({ ratePerSec: 100, outage: { seconds: 60, recoverSeconds: 120 } });

test('handlers that settle less while jobs come: the loss is found, and handlers, limits and drain count with it', async () => {
  const lossy = await planned(asked, { law: { ...LINEAR, lostPerArrival: LOST } });
  const { law } = scalingOf('skip-locked', lossy.input.cells, 1);
  assert.ok(law?.lostPerArrival !== undefined);
  assert.ok(Math.abs(law.lostPerArrival / LOST - 1) < 0.35, `${law.lostPerArrival}`);
  const settled = settledBeside(law, 8, 100) / settledBeside({ ...law, lostPerArrival: 0 }, 8, 100);
  assert.ok(Math.abs(settled - 0.8) < 0.07, `${settled}`);

  const plain = planOf((await planned(asked)).input).plan?.answer;
  const answer = planOf(lossy.input).plan?.answer;
  assert.ok((answer?.recommended?.handlers ?? 0) > (plain?.recommended?.handlers ?? 99), 'more handlers');
  const { drain, limits } = answer ?? {};
  const recovery = limits?.find(({ by }) => by === 'recovery')?.perSec ?? 0;
  // The rate at which so many are recovered from in time, by the law that was simulated.
  const handlers = answer?.recommended?.handlers ?? 0;
  const capacity = settledBeside({ ...law, lostPerArrival: 0 }, handlers, 0);
  assert.ok(Math.abs((recovery * 1.5) / (capacity * (1 - LOST * recovery)) - 1) < 0.15, `${recovery}`);
  assert.ok((drain?.capacityPerSec ?? 0) < capacity * 0.9, `${drain?.capacityPerSec} of ${capacity}`);
});

test('where arrivals take nothing, nothing is lost: chance is no loss', async () => {
  for (const seed of [1, 2, 3, 4, 5, 6]) {
    const { input } = await planned(asked, { seed });
    const { law } = scalingOf('skip-locked', input.cells, seed);
    assert.ok(law?.lostPerArrival !== undefined && law.lostPerArrival * 100 < 0.06, `${law?.lostPerArrival}`);
  }
});

test('loads that left handlers idle say nothing of it', async () => {
  const { input } = await planned(asked, { law: { ...LINEAR, lostPerArrival: LOST }, search: false });
  const { law } = scalingOf('skip-locked', input.cells, 1);
  const idle = input.cells.filter(({ purpose }) => purpose !== 'catch-up');
  assert.ok(law !== undefined);
  assert.equal(lostPerArrival(law.fit, idle), undefined);
});

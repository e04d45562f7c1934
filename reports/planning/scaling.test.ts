// Is the law fitted to closed loads, tried on those held back, and refused where there are too few?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { uslAt } from '../../stats/usl.ts';
import { planned, question } from '../../testing/synthetic/capacity-world.ts';
import { handlersInDoubt, scalingOf } from './scaling.ts';

const LAW = { lambdaPerSec: 400, sigma: 0.03, kappa: 0.0005, claimSeconds: 0.001 };
const { input } = await planned(question({ ratePerSec: 900, jobMs: 2 }), { law: LAW, search: false });
const closed = input.cells.filter(({ purpose }) => purpose === 'closed' || purpose === 'held back');

test('the law of a simulated contender is found again, and holds where it was not fitted', () => {
  const { scaling, law, predictions } = scalingOf('skip-locked', input.cells, 1);
  assert.ok(law !== undefined && scaling?.fit !== undefined);
  const most = Math.max(...closed.map(({ handlers }) => handlers));
  assert.equal(law.saidUpTo, 2 * most);
  for (let n = 1; n <= most; n += 1)
    assert.ok(Math.abs(uslAt(law.fit, n) / uslAt(LAW, n) - 1) < 0.05, `${n} handlers`);
  assert.equal(scaling.fit.quality, 'good');
  assert.equal(predictions.length, 2);
  for (const { what, error, cells } of predictions) {
    assert.equal(what, 'throughput');
    assert.ok(Math.abs(error) < 0.1);
    assert.equal(cells.length, 2);
  }
});

test('points held back are told, and no word of them is in the fit', () => {
  const spoilt = closed.map((one) =>
    one.purpose === 'held back' ? { ...one, cell: { ...one.cell, throughput: { settledPerSec: 1 } } } : one,
  );
  const { scaling, law, predictions } = scalingOf('skip-locked', spoilt, 1);
  assert.deepEqual(law?.fit, scalingOf('skip-locked', closed, 1).law?.fit);
  assert.equal(scaling?.points.filter(({ heldBack }) => heldBack).length, 4);
  assert.equal(scaling?.fit?.quality, 'poor', 'a law that fails where it is tried is said to be poor');
  assert.ok(predictions.every(({ error, goodWithin }) => error > goodWithin));
});

test('the band holds the law, and ends where nothing more is said', () => {
  const { scaling } = scalingOf('skip-locked', closed, 1);
  const { band = [], saidUpTo } = scaling?.fit ?? {};
  assert.equal(band[0]?.handlers, 1);
  assert.equal(band.at(-1)?.handlers, saidUpTo);
  for (const { low, perSec, high, handlers } of band)
    assert.ok(low <= perSec && perSec <= high, `${handlers}`);
  assert.deepEqual(scalingOf('skip-locked', closed, 1).scaling, scaling, 'the same cells give the same band');
});

test('refused with a reason where there are too few levels, or no single handler; silent where there is nothing', () => {
  assert.match(scalingOf('x', closed.slice(0, 4), 1).scaling?.refused ?? '', /at least 6 different N/);
  const several = closed.filter(({ handlers }) => handlers > 1);
  assert.match(scalingOf('x', several, 1).scaling?.refused ?? '', /N = 1/);
  assert.equal(scalingOf('x', several, 1).law, undefined);
  assert.deepEqual(scalingOf('x', [], 1), { predictions: [] });
});

test('the lower edge is that of the band, also between its points', () => {
  const { scaling, law } = scalingOf('skip-locked', closed, 1);
  const { band = [], saidUpTo = 0 } = scaling?.fit ?? {};
  for (const { handlers, low } of band) assert.equal(law?.lowPerSec(handlers), low);
  for (let n = 1; n <= saidUpTo; n += 1) {
    const low = law?.lowPerSec(n) ?? 0;
    assert.ok(low > 0 && law !== undefined && low <= uslAt(law.fit, n) * 1.001, `${n} handlers: ${low}`);
  }
});

test('a law that was not tried at two levels is not said to be good', () => {
  const fitted = closed.filter(({ purpose }) => purpose === 'closed');
  assert.equal(scalingOf('skip-locked', fitted, 1).scaling?.fit?.quality, 'untried');
  const [one] = closed.filter(({ purpose }) => purpose === 'held back');
  assert.ok(one !== undefined);
  assert.equal(scalingOf('skip-locked', [...fitted, one], 1).scaling?.fit?.quality, 'untried');
  const spoilt = { ...one, cell: { ...one.cell, throughput: { settledPerSec: 1 } } };
  assert.equal(scalingOf('skip-locked', [...fitted, spoilt], 1).scaling?.fit?.quality, 'poor');
});

test('repeats that are far apart want a third, and one that two others disagree with is not fitted', () => {
  const levels = [1, 2, 4, 8, 16, 32];
  const [template] = closed;
  assert.ok(template !== undefined);
  const at = (handlers: number, perSec: number, repeat: number) => ({
    ...{ ...template, purpose: 'closed' as const, handlers },
    cell: { ...template.cell, id: `closed-${handlers}.${repeat}`, throughput: { settledPerSec: perSec } },
  });
  const twice = levels.flatMap((n) => [at(n, uslAt(LAW, n), 1), at(n, uslAt(LAW, n) * 1.02, 2)]);
  assert.deepEqual(handlersInDoubt(twice), [], 'as near as they are');
  const stalled = twice.map((one) => (one.cell.id === 'closed-2.2' ? at(2, uslAt(LAW, 2) * 0.6, 2) : one));
  assert.deepEqual(handlersInDoubt(stalled), [2]);
  const bent = scalingOf('x', stalled, 1);
  const third = [...stalled, at(2, uslAt(LAW, 2), 3)];
  assert.deepEqual(handlersInDoubt(third), [], 'a third is enough');
  const { law, scaling } = scalingOf('x', third, 1);
  assert.equal(scaling?.points.length, 13, 'all are told');
  assert.deepEqual(
    scaling?.points.filter(({ setAside }) => setAside).map(({ cell }) => cell),
    ['closed-2.2'],
  );
  const scattered = [...stalled, at(2, uslAt(LAW, 2) * 0.8, 3)];
  assert.ok(
    scalingOf('x', scattered, 1).scaling?.points.every(({ setAside }) => !setAside),
    'where no two agree, all are fitted',
  );
  assert.ok(law !== undefined && bent.law !== undefined);
  for (const n of levels) assert.ok(Math.abs(uslAt(law.fit, n) / uslAt(LAW, n) - 1) < 0.03, `${n} handlers`);
  assert.ok(Math.abs(uslAt(bent.law.fit, 2) / uslAt(LAW, 2) - 1) > 0.05, 'without it the law is bent');
});

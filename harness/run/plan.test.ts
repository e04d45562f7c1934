// Does every pair meet once per block, in an order that only the seed decides?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ratesOf } from '../../scenarios/arrival.ts';
import { arrivalsOf, type Scenario, scenarioSchema } from '../../scenarios/scenario.ts';
import type { ContenderSpec } from '../contender.ts';
import { UsageError } from '../errors.ts';
import { type PlannedCell, planCells, resolveRates, rowsOf } from './plan.ts';

type Rate = number | { readonly share: number; readonly of: string };

function scenario(name: string, ...rates: readonly Rate[]): Scenario {
  const phases = rates.map((ratePerSec, i) => ({
    label: `${i}`,
    seconds: 1,
    arrival: { model: 'poisson', ratePerSec },
  }));
  const drain = { label: 'drain', seconds: 1 };
  return scenarioSchema.parse({
    name,
    question: 'Which order?',
    preload: { ready: rates.length === 0 ? 10 : 0 },
    phases: rates.length === 0 ? [drain] : phases,
  });
}

function contenders(...names: readonly string[]): ContenderSpec[] {
  return names.map((name) => ({ name, source: { kind: 'built-in', name: 'null' }, axes: {} }));
}

const pairOf = ({ plan }: PlannedCell): string => `${plan.scenario.name} × ${plan.contender.name}`;

function planned(scenarios: readonly Scenario[], repeats: number, seed = 1) {
  return planCells({ scenarios, contenders: contenders('a', 'b', 'c'), repeats, seed });
}

test('every pair once per block, blocks one after another, places in running order', () => {
  const cells = planned([scenario('one'), scenario('two', 5)], 7);
  assert.equal(cells.length, 42);
  assert.deepEqual(
    cells.map((c) => c.plan.order),
    Array.from({ length: 42 }, (_, i) => i),
  );
  for (let block = 0; block < 7; block += 1) {
    const inBlock = cells.slice(block * 6, block * 6 + 6);
    assert.ok(inBlock.every((c) => c.plan.block === block && c.plan.repeat === block + 1));
    assert.deepEqual(inBlock.map(pairOf).sort(), [
      'one × a',
      'one × b',
      'one × c',
      'two × a',
      'two × b',
      'two × c',
    ]);
  }
  assert.equal(new Set(cells.map((c) => c.plan.id)).size, 42);
});

test('the seed decides the order of each block, and each block has its own', () => {
  const orders = (seed: number): string[] => {
    const cells = planned([scenario('one'), scenario('two', 5)], 5, seed).map(pairOf);
    return Array.from({ length: 5 }, (_, block) => cells.slice(block * 6, block * 6 + 6).join());
  };
  assert.deepEqual(orders(1), orders(1));
  assert.notDeepEqual(orders(1), orders(2));
  assert.ok(new Set(orders(1)).size > 1, 'an order that is the same in every block favours somebody');
});

test('over many blocks every contender is first equally often', () => {
  const cells = planned([scenario('one')], 3_000, 42);
  const first = new Map<string, number>();
  for (const { plan } of cells.filter((c) => c.plan.order % 3 === 0))
    first.set(plan.contender.name, (first.get(plan.contender.name) ?? 0) + 1);
  for (const [name, count] of first)
    assert.ok(Math.abs(count - 1_000) < 4 * 26, `${name} ${count} times, seed 42`);
});

test('all contenders of a block face the same arrivals: one seed for all', () => {
  assert.deepEqual(new Set(planned([scenario('one', 5)], 3, 77).map((c) => c.plan.seed)), new Set([77]));
});

test('what takes its rate from another scenario comes after all blocks of that one', () => {
  const cells = planned(
    [
      scenario('third', { share: 1, of: 'second' }),
      scenario('second', 9, { share: 0.7, of: 'first' }),
      scenario('first'),
      scenario('free', 3),
    ],
    2,
  );
  assert.equal(cells.length, 24);
  const last = (name: string): number => cells.findLastIndex((c) => c.plan.scenario.name === name);
  const first = (name: string): number => cells.findIndex((c) => c.plan.scenario.name === name);
  assert.ok(last('first') < first('second'));
  assert.ok(last('second') < first('third'));
  assert.equal(new Set(cells.map((c) => c.plan.block)).size, 6);
  assert.deepEqual(
    cells.map((c) => c.plan.block),
    cells.map((c) => c.plan.block).toSorted((x, y) => x - y),
  );
  assert.deepEqual(cells.find((c) => c.plan.scenario.name === 'second')?.needs, ['first']);
});

test('a rate out of a scenario that is not run, and rates in a circle, are told in one line', () => {
  const refused = (scenarios: readonly Scenario[], said: RegExp): void =>
    assert.throws(
      () => planned(scenarios, 1),
      (error) => error instanceof UsageError && said.test(error.message) && !error.message.includes('\n'),
    );
  refused(
    [scenario('steady', { share: 0.7, of: 'drain' })],
    /steady takes its rate from drain, which is not in this run: add --scenario drain/,
  );
  refused([scenario('x', { share: 1, of: 'y' }), scenario('y', { share: 1, of: 'x' })], /in a circle/);
  refused([scenario('x', { share: 1, of: 'x' })], /in a circle/);
});

test('contenders of like names have cells of their own', () => {
  const cells = planCells({
    scenarios: [scenario('one')],
    contenders: contenders('batch?batch=5', 'batch&batch=5', `./${'x'.repeat(99)}.ts`),
    repeats: 2,
    seed: 1,
  });
  const ids = cells.map((c) => c.plan.id);
  assert.equal(new Set(ids).size, 6);
  for (const id of ids) assert.match(id, /^[A-Za-z0-9.-]+$/, 'it names files too');
});

test('a share becomes jobs per second of the same contender', () => {
  const [cell] = planned([scenario('one'), scenario('two', 8, { share: 0.7, of: 'one' })], 1).filter(
    (c) => c.plan.scenario.name === 'two' && c.plan.contender.name === 'b',
  );
  assert.ok(cell !== undefined);
  const asked: string[] = [];
  const plan = resolveRates(cell.plan, (of, contender) => {
    asked.push(`${of} × ${contender}`);
    return 1_000;
  });
  assert.ok('scenario' in plan);
  assert.deepEqual(asked, ['one × b']);
  assert.deepEqual(arrivalsOf(plan.scenario).flatMap(ratesOf), [8, 700]);
  assert.deepEqual({ ...plan, scenario: undefined }, { ...cell.plan, scenario: undefined });
  assert.deepEqual(arrivalsOf(cell.plan.scenario).flatMap(ratesOf)[1], { share: 0.7, of: 'one' });
});

test('a share of what was never measured gives a reason, not a rate', () => {
  const cell = planned([scenario('one'), scenario('two', { share: 0.7, of: 'one' })], 1).at(-1);
  assert.ok(cell !== undefined);
  const plan = resolveRates(cell.plan, () => undefined);
  assert.ok('unresolved' in plan);
  assert.match(plan.unresolved, /share of one, which has no valid cell of/);
});

test('with several servers every contender meets every scenario on each of them once per block', () => {
  const servers = ['14', '18'];
  const cells = planCells({
    scenarios: [scenario('one'), scenario('two', 5)],
    contenders: contenders('a', 'b'),
    servers,
    repeats: 5,
    seed: 9,
  });
  assert.equal(cells.length, 2 * 2 * 2 * 5);
  const orders = new Set<string>();
  for (let block = 0; block < 5; block += 1) {
    const inBlock = cells.slice(block * 8, block * 8 + 8);
    assert.ok(inBlock.every(({ plan }) => plan.block === block && plan.seed === 9));
    orders.add(inBlock.map(({ plan }) => plan.server).join());
    assert.deepEqual(
      inBlock.map(({ plan }) => `${pairOf({ plan, needs: [] })} (${plan.server})`).sort(),
      ['one', 'two'].flatMap((name) =>
        ['a', 'b'].flatMap((who) => servers.map((on) => `${name} × ${who} on ${on} (${on})`)),
      ),
    );
  }
  assert.ok(orders.size > 1, 'versions that alternate in the same way in every block favour one of them');
  assert.equal(new Set(cells.map(({ plan }) => plan.id)).size, cells.length);
  for (const { plan } of cells) assert.match(plan.id, /^[A-Za-z0-9.-]+$/);
});

test('rows go by contender, then by server; with one server the name stays as it was', () => {
  const both = rowsOf({ contenders: contenders('a', 'a#2'), servers: ['18', '14'] });
  assert.deepEqual(
    both.map(({ contender, asked, server }) => [contender.name, asked, server]),
    [
      ['a on 18', 'a', '18'],
      ['a on 14', 'a', '14'],
      ['a#2 on 18', 'a#2', '18'],
      ['a#2 on 14', 'a#2', '14'],
    ],
  );
  assert.deepEqual(rowsOf({ contenders: contenders('a') }), [{ contender: contenders('a')[0], asked: 'a' }]);
});

test('a share refers to the same contender on the same server', () => {
  const cells = planCells({
    scenarios: [scenario('one'), scenario('two', { share: 0.5, of: 'one' })],
    contenders: contenders('a', 'b'),
    servers: ['14', '18'],
    repeats: 1,
    seed: 1,
  });
  const cell = cells.find(({ plan }) => plan.scenario.name === 'two' && plan.contender.name === 'b on 18');
  assert.ok(cell);
  const asked: string[] = [];
  const plan = resolveRates(cell.plan, (of, contender) => {
    asked.push(`${of} × ${contender}`);
    return 400;
  });
  assert.deepEqual(asked, ['one × b on 18']);
  assert.ok('scenario' in plan);
  assert.deepEqual(arrivalsOf(plan.scenario).flatMap(ratesOf), [200]);
  assert.equal(plan.server, '18');
});

// Do the yardsticks of the gate call a check caught, missed or false as it is?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BAD } from '../examples/guarded/pulls.ts';
import { checkDocument } from '../reports/check/check.ts';
import { syntheticCheck, withCost } from '../reports/check/testing-check.ts';
import { type Bench, standingOf } from './yardstick.ts';
import type { Checked, Checks } from './yardsticks/gate/checks.ts';
import { planted } from './yardsticks/gate/planted.ts';
import { same } from './yardsticks/gate/same.ts';
import { simulated } from './yardsticks/gate/simulated.ts';

const bench = (only: string): Bench => ({
  ...{ signal: new AbortController().signal, rounds: 1, only: [only], smoke: true },
  say: () => undefined,
});

/** Checks that are not measured: each gives what is told of it. */
function told(checked: Partial<Checked>, results: Checks['same'] = []): Checks {
  return { same: results, check: async () => ({ code: 0, seconds: 1, ...checked }) } as unknown as Checks;
}

test('a regression is caught by its metric and its cause, and by nothing less', async (t) => {
  const [pull] = BAD.filter(({ name }) => name === 'wider-row');
  assert.ok(pull);
  const bundle = await syntheticCheck(t, {
    blocks: 5,
    amend: (cell, side) => (side === 'head' ? withCost(cell, 'walBytesPerJob', 1.5) : cell),
  });
  const document = checkDocument(bundle);
  const cause = { contender: 'it', what: 'schema' as const, text: 'new: column jobs.origin text' };
  const standing = async (checked: Partial<Checked>) =>
    standingOf(
      (await planted(told(checked)).run(bench(pull.name)))[0] ?? { what: '', value: undefined, unit: '' },
    );
  assert.equal(await standing({ code: 99, document: { ...document, causes: [cause] } }), 'reached');
  assert.equal(await standing({ code: 99, document }), 'missed');
  assert.equal(await standing({ code: 99, document: { ...document, causes: [cause], rows: [] } }), 'missed');
  assert.equal(await standing({ code: 0, document: { ...document, causes: [cause] } }), 'missed');
  const late = { ...document, causes: [cause], usedSeconds: 481 };
  const figures = await planted(told({ code: 99, document: late })).run(bench(pull.name));
  assert.equal(standingOf(figures.at(-1) ?? { what: '', value: undefined, unit: '' }), 'missed');
});

test('one false failure is one too many', async (t) => {
  const document = checkDocument(await syntheticCheck(t, { blocks: 5 }));
  const [passed] = await same(told({ document })).run(bench(''));
  const [failed] = await same(told({ document, code: 99 })).run(bench(''));
  assert.deepEqual(
    [passed, failed].map((figure) => figure && standingOf(figure)),
    ['reached', 'missed'],
  );
});

test('simulated checks are made of recorded blocks, and too few of them tell nothing', async (t) => {
  const { result } = await syntheticCheck(t, { blocks: 12, noise: 0.01 });
  const [figure] = await simulated(told({}, [result])).run(bench(''));
  assert.equal(figure?.value, 0);
  const few = { ...result, cells: result.cells.filter(({ block }) => block < 4) };
  const [open] = await simulated(told({}, [few])).run(bench(''));
  assert.equal(open?.value, undefined);
});

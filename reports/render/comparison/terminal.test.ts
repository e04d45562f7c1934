// Does a comparison on a terminal name the sides, the metrics and how its effects are made?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Cell } from '../../../harness/result/result.ts';
import { compareBundles, comparisonTerminal } from '../../compare/index.ts';
import { comparedBundle, request } from '../../compare/testing-bundle.ts';
import { comparisonLines } from './terminal.ts';

const style = { colour: false, width: 100 };

test('the title counts the repeats of each side, and the table says what an effect is', async (t) => {
  const lost = (cell: Cell): Cell =>
    cell.contender.name === 'a' && cell.repeat > 1
      ? { ...cell, verdict: 'invalid', reasons: ['because'] }
      : cell;
  const { dir } = await comparedBundle(t, { factors: { a: 1, b: 1 }, repeats: 2, amend: lost });
  const document = await compareBundles(request(dir));
  assert.match(comparisonTerminal(document, style), /^drain: b against a \(base 1, head 2 repeats\)$/m);
  assert.equal(
    comparisonLines(document.comparisons, style).replaceAll(/\s+/g, ' '),
    '= No verdicts on differences: a side has 1 valid repeat, too few to tell; --repeats 5 to look, 10 to claim.',
  );
  const whole = await comparedBundle(t, { factors: { a: 1, b: 0.5 }, repeats: 5 });
  const text = comparisonTerminal(await compareBundles(request(whole.dir)), style);
  assert.match(text, /\nEffect: median of the ratios within blocks, as “× base” in the report; base/);
  for (const line of text.split('\n')) assert.ok(line.length <= 100, line);
});

test('a noisy metric is named with its noise floor, and none of it runs away', async (t) => {
  const noisy = (cell: Cell): Cell =>
    cell.throughput === undefined
      ? cell
      : {
          ...cell,
          throughput: { ...cell.throughput, settledPerSec: 10 ** (cell.repeat % 5) * (cell.block + 1) },
        };
  const { dir } = await comparedBundle(t, {
    factors: { a: 1, b: 1 },
    repeats: 6,
    amend: (cell) => (cell.contender.name === 'b' ? noisy(cell) : cell),
  });
  const text = comparisonTerminal(await compareBundles(request(dir)), style);
  assert.match(text, /^ {2}Settled: a noise floor of ×\d+, above 25 %$/m);
  assert.doesNotMatch(text, /\d{4,} %/);
});

// Does the one line on a pair say no more than its metrics do?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Comparison } from '../../harness/result/result.ts';
import {
  comparedPairs,
  comparisonTable,
  effectNote,
  effectText,
  intervalText,
  pairVerdict,
  repeatsText,
  shareText,
  unstableLines,
} from './comparison.ts';

const side = (contender: string): Comparison['base'] => ({ runId: 'r', contender, repeats: 5, median: 2 });

const tested = (verdict: Comparison['verdict'], metric: string): Comparison => ({
  ...untested('it is so', metric),
  verdict,
  effect: 0.1,
  pAdjusted: 0.5,
});

const untested = (reason: string, metric: string): Comparison => ({
  scenario: 'drain',
  metric,
  family: 'performance',
  unit: 'jobs/s',
  better: 'higher',
  base: side('a'),
  head: side('b'),
  design: 'paired',
  verdict: '~',
  reason,
  minEffect: 0.05,
});

function verdictOf(...rows: Comparison[]) {
  const [pair] = comparedPairs(rows);
  assert.ok(pair !== undefined);
  return { ...pairVerdict(pair), notes: comparisonTable(pair).notes.join('\n') };
}

const [WAL, COMMITS] = ['cost.walBytesPerJob', 'cost.commitsPerJob'];

test('repeats that do not tell find no absence of a difference', () => {
  const nothing = verdictOf(tested('~', WAL), tested('unstable', COMMITS));
  assert.equal(nothing.short, 'no verdict');
  assert.match(
    nothing.text,
    /^no verdict: of 2 metrics tested, these repeats show neither a difference nor its absence \(1 unstable\)$/,
  );
  const few = verdictOf(untested('too few repeats', WAL), untested('too few repeats', COMMITS));
  assert.equal(few.text, 'no verdict: too few repeats');
  assert.match(few.notes, /^Not judged: all metrics \(too few repeats\)\.$/m);
  const mixed = verdictOf(tested('~', WAL), untested('a value of zero has no ratio', COMMITS));
  assert.equal(mixed.short, 'no verdict');
  assert.match(mixed.text, /not judged: Commits \(a value of zero has no ratio\)$/);
});

test('an equivalence is one, and a metric that was not judged stands beside every summary', () => {
  const zero = untested('a value of zero has no ratio', COMMITS);
  const equal = verdictOf(tested('equivalent', WAL), zero);
  assert.equal(
    equal.text,
    'no difference found (1 of 2 metrics equivalent); not judged: Commits (a value of zero has no ratio)',
  );
  const worse = verdictOf(tested('worse', WAL), zero);
  assert.equal(worse.short, 'worse in 1 of 2 metrics');
  assert.match(worse.text, /^worse in WAL \+10\s%; not judged: Commits \(a value of zero has no ratio\)$/);
  assert.match(worse.notes, /^Not judged: Commits \(a value of zero has no ratio\)\.$/m);
});

function pairOf(...rows: Comparison[]) {
  const [pair] = comparedPairs(rows);
  assert.ok(pair !== undefined);
  return pair;
}

test('how an effect is made is said, and how it stands to the report’s × base', () => {
  const row = tested('~', WAL);
  const paired = 'Effect: median of the ratios within blocks, as “× base” in the report';
  const plainly = 'base and head are medians over all repeats.';
  assert.ok(verdictOf(row).notes.includes(`\n${paired}; ${plainly}\n`));
  const six = { base: { ...side('a'), repeats: 6 }, head: { ...side('b'), repeats: 6 } };
  assert.equal(effectNote(pairOf({ ...row, ...six })), `${paired}; ${plainly}`);
  const unpaired: Comparison = { ...row, design: 'unpaired' };
  const how = 'Effect: ratio of the medians of logarithms; base and head are plain medians';
  assert.equal(
    effectNote(pairOf(unpaired)),
    `${how}. “× base” in the report is the median of ratios of the blocks that have both.`,
  );
  assert.equal(effectNote(pairOf({ ...unpaired, head: { ...side('a'), runId: 's' } })), `${how}.`);
  assert.equal(
    effectNote(pairOf({ ...unpaired, ...six, head: { ...side('a'), runId: 's' } })),
    `${how}, so another mean of the middle two.`,
  );
  assert.equal(effectNote(pairOf(untested('too few', WAL))), undefined);
});

test('what a metric is too noisy by is told with its name, alike ones together', () => {
  const noisy = { reason: 'a noise floor of 26000 %, above 25 %' };
  const pair = pairOf(
    { ...tested('unstable', WAL), ...noisy },
    { ...tested('unstable', COMMITS), ...noisy },
    { ...tested('unstable', 'cost.buffersPerJob'), reason: 'a noise floor of 40 %, above 25 %' },
    tested('~', 'cost.roundTripsPerJob'),
  );
  assert.deepEqual(unstableLines(pair), [
    'WAL, Commits: a noise floor of ×260, above 25 %',
    'Buffers: a noise floor of 40 %, above 25 %',
  ]);
});

test('above 1000 % a percentage is a factor', () => {
  assert.equal(effectText({ effect: 11.5 }), '×12.5');
  assert.equal(effectText({ effect: 9.5 }), '+950\u202f%');
  assert.equal(effectText({ effect: -0.5 }), '−50\u202f%');
  assert.equal(intervalText({ low: 0.5, high: 11.5 }), '[+50\u202f% … ×12.5]');
  assert.equal(shareText(260), '×261');
  assert.equal(shareText(0.5), '50.0\u202f%');
});

test('the repeats of each side are told by name', () => {
  const row = tested('~', WAL);
  const of = (base: number, head: number): string =>
    repeatsText(
      pairOf({ ...row, base: { ...row.base, repeats: base }, head: { ...row.head, repeats: head } }),
    );
  assert.equal(of(1, 2), 'base 1, head 2 repeats');
  assert.equal(of(2, 1), 'base 2, head 1 repeat');
});

// Does the one line on a pair say no more than its metrics do?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Comparison } from '../../harness/result.ts';
import { comparedPairs, comparisonTable, pairVerdict } from './comparison.ts';

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

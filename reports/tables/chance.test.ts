// Is a reader of many comparisons told what chance alone would name, and of what was not tested nothing?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Comparison } from '../../harness/result/result.ts';
import { chanceNote } from './chance.ts';

const side = (contender: string) => ({ runId: 'r', contender, repeats: 5, median: 1 });

function row(head: string, family: Comparison['family'], metric: string, tested = true): Comparison {
  return {
    ...{ scenario: 'drain', metric, family, unit: 'x', better: 'higher', base: side('a'), head: side(head) },
    ...{ design: 'paired', verdict: '~', reason: '', minEffect: 0.05 },
    ...(tested ? { pAdjusted: 1 } : {}),
  };
}

const pairs = (count: number, tested = true): Comparison[] =>
  Array.from({ length: count }, (_, i) => [
    row(`h${i}`, 'performance', 'x', tested),
    row(`h${i}`, 'performance', 'y', tested),
    row(`h${i}`, 'cost', 'z', tested),
  ]).flat();

test('more than a handful of pairs: how many there are, and what chance would name', () => {
  assert.equal(
    chanceNote(pairs(20)),
    '20 pairs are judged in 40 families of metrics, each at 0.05 for itself: if nothing differed, chance could still name a difference in up to 2 of them.',
  );
  assert.match(chanceNote(pairs(6)) ?? '', /^6 pairs .* 12 families .* up to 0\.6 of them\.$/);
});

test('a handful needs no such words, nor do pairs that no test was made of', () => {
  assert.equal(chanceNote(pairs(5)), undefined);
  assert.equal(chanceNote(pairs(20, false)), undefined);
  assert.equal(chanceNote([...pairs(5), ...pairs(20, false).slice(15)]), undefined);
});

// Does what `list` prints fit the terminal, and does its JSON tell a contender's axes?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CONTENDERS } from '../../harness/contenders/index.ts';
import { contenderRow } from '../contender-row.ts';
import { listText } from './list.ts';

for (const width of [60, 80, 100])
  test(`no line is longer than a terminal of ${width} columns, and none ends in blanks`, () => {
    const lines = listText(width).split('\n');
    assert.deepEqual(
      lines.filter((line) => line.length > width || line.endsWith(' ')),
      [],
    );
    assert.ok(Math.max(...lines.map((line) => line.length)) > width - 10, 'the width is made use of');
  });

test('nothing is cut off: every word of a contender is printed', () => {
  const words = new Set(listText(60).split(/\s+/));
  for (const { name, text } of CONTENDERS.map(contenderRow))
    for (const word of [name, ...text.split(/\s+/)]) assert.ok(words.has(word), `${name}: ${word}`);
});

test('a contender names the axes that it leaves open, and says why others are fixed', () => {
  const rows = new Map(CONTENDERS.map((definition) => [definition.name, contenderRow(definition)]));
  assert.equal(rows.get('skip-locked')?.text.includes('axes'), false);
  assert.deepEqual(rows.get('null')?.axes, ['batch']);
  assert.match(rows.get('null')?.text ?? '', /\[null\]\naxes: batch$/);
  const advisory = rows.get('advisory');
  assert.match(advisory?.text ?? '', /\[job-queue\]\nwithout leaseMs$/);
  assert.equal(advisory?.class, 'job-queue');
  assert.deepEqual(Object.keys(advisory?.fixed ?? {}), ['leaseMs']);
  assert.equal(
    advisory?.axes.some((axis) => axis === 'leaseMs'),
    false,
  );
});

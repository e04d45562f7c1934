// Does a sweep measure the points that its axes ask for, and is every mistake in them answered?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UsageError } from '../../harness/errors.ts';
import { gridOf, parseAxes, placeKey } from './grid.ts';

function valuesOf(text: string): readonly (number | string)[] | undefined {
  return parseAxes([text])[0]?.values;
}

test('lists, ranges that double, and ranges of so many values', () => {
  assert.deepEqual(valuesOf('workers=4,1,2'), [1, 2, 4], 'numbers rise');
  assert.deepEqual(valuesOf('connections=1..64'), [1, 2, 4, 8, 16, 32, 64]);
  assert.deepEqual(valuesOf('connections=3..20'), [3, 6, 12, 20], 'the end is always there');
  assert.deepEqual(valuesOf('batch=1..500:6'), [1, 3, 12, 42, 144, 500]);
  assert.deepEqual(valuesOf('concurrency=1..3:10'), [1, 2, 3], 'a whole number stands there once');
  assert.deepEqual(valuesOf('job-ms=0.5..8'), [0.5, 1, 2, 4, 8]);
  assert.deepEqual(valuesOf('job-ms = 0, 2.5'), [0, 2.5]);
  assert.deepEqual(valuesOf('depth=1000..1000000:4'), [1000, 10000, 100000, 1000000]);
  assert.deepEqual(valuesOf('wakeup=poll,coalesced'), ['poll', 'coalesced']);
  assert.deepEqual(valuesOf('set.shared_buffers=128MB,1GB'), ['128MB', '1GB']);
  assert.deepEqual(
    parseAxes(['connections=1..4', 'batch=1,2']).map(({ range }) => range),
    [true, false],
    'only between the values of a range may others be put',
  );
});

test('the grid is all combinations, and a place is the same in any order of its axes', () => {
  const grid = gridOf(parseAxes(['workers=1,2', 'settle=each,batched']));
  assert.deepEqual(grid, [
    { workers: 1, settle: 'each' },
    { workers: 1, settle: 'batched' },
    { workers: 2, settle: 'each' },
    { workers: 2, settle: 'batched' },
  ]);
  assert.equal(placeKey({ a: 1, b: 'x' }), placeKey({ b: 'x', a: 1 }));
  assert.notEqual(placeKey({ a: 1 }), placeKey({ a: '1' }));
});

for (const [text, said] of [
  ['wrokers=1', /no such axis; did you mean workers\?/],
  ['shared_buffers=1GB', /no such axis.*set\.shared_buffers/],
  ['workers', /give name=values/],
  ['workers=', /give name=values/],
  ['workers=1,,2', /between its commas is empty/],
  ['workers=1,x', /"x" is no number/],
  ['workers=1..64', /workers: 64 is no whole number from 1 to 16 .*raise connections or concurrency/],
  ['connections=1.5', /no whole number from 1 to 64/],
  ['batch=1,1', /1 stands there twice/],
  ['batch=8..1', /rises at equal ratios/],
  ['depth=0..100', /from more than 0/],
  ['batch=1..9:1', /:1 is no number of values/],
  ['wakeup=poll..notify', /words, which have no range/],
  ['payload=10', /payload: 10 is no whole number from 48/],
  ['set.Bad-name=1', /set\.NAME=value/],
] as const)
  test(`--axis ${text} is answered in one line`, () => {
    assert.throws(
      () => parseAxes([text]),
      (error) => error instanceof UsageError && said.test(error.message) && !error.message.includes('\n'),
    );
  });

test('no axis, an axis given twice, too large a grid, too many servers', () => {
  assert.throws(() => parseAxes([]), /needs an axis/);
  assert.throws(() => parseAxes(['batch=1', 'batch=2']), /given twice/);
  assert.throws(
    () => parseAxes(['depth=1..1000000:21', 'batch=100..5000:20']),
    /420 points are more than the 400/,
  );
  assert.throws(
    () => parseAxes(['set.work_mem=1MB,2MB,4MB', 'set.shared_buffers=1MB,2MB,4MB']),
    /need 9 servers at once/,
  );
});

// Are lengths of time read as they are meant, and told in words that can be read back?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InvalidArgumentError } from 'commander';
import fc from 'fast-check';
import { durationBetween, inWords } from './duration.ts';

const read = durationBetween(1, 604_800);

test('seconds, minutes, hours and days', () => {
  const cases: readonly (readonly [string, number])[] = [
    ['30s', 30],
    ['10m', 600],
    ['10 min', 600],
    ['1.5h', 5_400],
    [' 2d ', 172_800],
  ];
  for (const [text, seconds] of cases) assert.equal(read(text), seconds, text);
});

test('what is no length of time, or out of range, is refused with what would be right', () => {
  for (const text of ['', 'm', '-5m', '5 weeks', '1e3', 'NaN', '5mm', '0x10', 'constructor', '1constructor'])
    assert.throws(() => read(text), InvalidArgumentError, text);
  assert.throws(() => read('30'), /give a unit: 30s, 10m/);
  assert.throws(() => read('half an hour'), /give a length of time, such as 30s, 10m or 1.5h/);
  assert.throws(() => read('0.5s'), /from 1 s to 7 d/);
  assert.throws(() => read('8d'), /from 1 s to 7 d/);
});

test('a length in words is the same length, to three digits', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 604_800 }), (seconds) => {
      const back = durationBetween(0, 1e9)(inWords(seconds));
      assert.ok(Math.abs(back / seconds - 1) < 0.006, `${seconds}: ${inWords(seconds)}`);
    }),
  );
});

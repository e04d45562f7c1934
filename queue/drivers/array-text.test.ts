// Does a list survive its way through PostgreSQL's text form of an array?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { arrayText, parseArrayText } from './array-text.ts';

const text = (value: unknown) => (value === null ? null : String(value));
const asIs = (value: string) => value;

test('lists of any texts come back as they went', () => {
  const letters = ['a', '"', '\\', ',', '{', '}', ' ', '\n', 'NULL', 'ü', '😀', '', '[0:1]='];
  for (const a of letters)
    for (const b of [...letters, null]) {
      for (const list of [
        [a],
        [`${a}${b}`],
        [a, b],
        [b, `${b}${a}${b}`, a],
        [
          [a, b],
          [b, a],
        ],
      ])
        assert.deepEqual(parseArrayText(arrayText(list, text), asIs), list);
    }
});

test('what the server writes without quotes is read as well', () => {
  assert.deepEqual(parseArrayText('{}', asIs), []);
  assert.deepEqual(parseArrayText('{1,NULL,-3}', Number), [1, null, -3]);
  assert.deepEqual(parseArrayText('[-1:0][2:3]={{1,2},{3,4}}', Number), [
    [1, 2],
    [3, 4],
  ]);
});

test('what is no array is refused, and ends', () => {
  for (const wrong of ['', 'a', '{', '{a', '{"a}', '{a}}', '{,}', '{a,,b}', '{"a"', '[0:1]'])
    assert.throws(() => parseArrayText(wrong, asIs), /the server sent an array/, wrong);
});

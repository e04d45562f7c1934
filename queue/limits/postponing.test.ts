// Do jobs that are put off come back soon where they are few, and slowly where they are many?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Postponing } from './postponing.ts';

/** In the middle of what is drawn. */
const middle = () => 0.5;

test('a few come back in about a second, many in line, and none after more than a minute', () => {
  const postponing = new Postponing(middle);
  assert.equal(postponing.delayMs('a', 0), 1000);
  const delays = Array.from({ length: 2000 }, () => postponing.delayMs('a', 0));
  assert(Math.abs((delays.at(-1) ?? 0) - 21_000) < 100, `the last in ${delays.at(-1)} ms`);
  for (let n = 0; n < 10_000; n += 1) postponing.delayMs('a', 0);
  assert.equal(postponing.delayMs('a', 0), 40_000);
  assert.equal(new Postponing(() => 1).delayMs('a', 0), 1500);
});

test('a key with a few jobs does not wait for those of another', () => {
  const postponing = new Postponing(middle);
  for (let n = 0; n < 5000; n += 1) postponing.delayMs('crowd', 0);
  assert.equal(postponing.delayMs('few', 0), 1000);
});

test('many keys with a few jobs each share what comes back', () => {
  const postponing = new Postponing(middle);
  let lastMs = 0;
  for (let round = 0; round < 3; round += 1)
    for (let key = 0; key < 12_000; key += 1) lastMs = postponing.delayMs(`k${key % 10_500}`, 0);
  assert(lastMs > 20_000, `${lastMs}`);
});

test('a line that has come back is forgotten', () => {
  const postponing = new Postponing(middle);
  for (let n = 0; n < 3000; n += 1) postponing.delayMs('a', 0);
  assert(postponing.delayMs('a', 5000) > 20_000);
  assert.equal(postponing.delayMs('a', 60_000), 1000);
});

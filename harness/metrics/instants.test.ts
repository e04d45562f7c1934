// Is each job's instant its own, wherever its key lies, and gone when it is forgotten?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Instants } from './instants.ts';

test('far keys, near keys, in any order', () => {
  const instants = new Instants();
  const keys = [1_000_000, 0, 4_095, 4_096, 8_191, 999_999, 50_000];
  for (const [i, key] of keys.entries()) instants.set(key, i + 0.5);
  for (const [i, key] of keys.entries()) assert.equal(instants.get(key), i + 0.5, `${key}`);
  for (const none of [1, 4_097, 20_000, 2_000_000]) assert.ok(Number.isNaN(instants.get(none)), `${none}`);
  instants.set(0, 7);
  instants.set(4_096, Number.NaN);
  assert.equal(instants.get(0), 7);
  assert.ok(Number.isNaN(instants.get(4_096)));
});

test('a key that no job of a cell has is not kept, nor does it take memory', () => {
  const instants = new Instants();
  instants.set(0xffff_ffff, 5);
  instants.set(3, Number.NaN);
  assert.ok(Number.isNaN(instants.get(0xffff_ffff)));
  assert.ok(Number.isNaN(instants.get(3)));
});

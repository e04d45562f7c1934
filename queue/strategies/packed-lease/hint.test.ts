// Does the hint step back often enough, and not oftener than it can afford?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Hint, START } from './hint.ts';

const at = (id: string, priority = 0) => ({ priority, id });

test('walks begin behind the last job, and from the start once in 100 ms while that is cheap', () => {
  let nowMs = 0;
  const hint = new Hint(() => nowMs);
  const first = hint.begin('q');
  assert.equal(first.from, START);
  nowMs = 1;
  hint.end(first, at('9'));
  hint.end(hint.begin('q'), at('10'));
  assert.deepEqual(hint.begin('q').from, at('10'));
  nowMs = 100;
  assert.deepEqual(hint.begin('q').from, at('10'));
  nowMs = 101;
  assert.equal(hint.begin('q').from, START);
});

test('a slow walk from the start takes a tenth of the time at most, until that means half a second', () => {
  for (const [walkMs, pauseMs] of [
    [30, 300],
    [80, 500],
  ] as const) {
    let nowMs = 0;
    const hint = new Hint(() => nowMs);
    const walk = hint.begin('q');
    nowMs = walkMs;
    hint.end(walk, at('1'));
    nowMs = walkMs + pauseMs - 1;
    assert.notEqual(hint.begin('q').from, START);
    nowMs += 1;
    assert.equal(hint.begin('q').from, START);
  }
});

test('something more urgent leaves the hint where it was; a late job at its priority draws it back', () => {
  const hint = new Hint(() => 0);
  hint.end(hint.begin('q'), at('50'));
  hint.end(hint.begin('q'), at('70', -3));
  assert.deepEqual(hint.begin('q').from, at('50'));
  hint.end(hint.beginAgain(), at('20'));
  assert.deepEqual(hint.begin('q').from, at('20'));
  hint.end(hint.begin('q'), at('5', 1));
  assert.deepEqual(hint.begin('q').from, at('5', 1));
  assert.equal(hint.begin('other').from, START);
});

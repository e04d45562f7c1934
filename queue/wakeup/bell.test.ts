// Is no signal lost between an empty claim and the wait?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Bell } from './bell.ts';
import { jittered } from './jitter.ts';

/** Long enough to fail a test that waits for it. */
const LONG_MS = 60_000;
const never = new AbortController().signal;

/** Whether a promise is settled once pending callbacks have run. */
async function isSettled(promise: Promise<void>): Promise<boolean> {
  let settled = false;
  void promise.then(() => {
    settled = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  return settled;
}

test('a stroke between noting the count and waiting ends the wait at once', async () => {
  const bell = new Bell();
  const { strokes } = bell;
  bell.ring();
  assert(await isSettled(bell.wait(strokes, LONG_MS, never)));
  assert.equal(bell.waiting, 0);
});

test('a stroke wakes one, the last to come; passing on wakes the next', async () => {
  const bell = new Bell();
  const first = bell.wait(bell.strokes, LONG_MS, never);
  const second = bell.wait(bell.strokes, LONG_MS, never);
  bell.ring();
  assert(await isSettled(second));
  assert(!(await isSettled(first)));
  bell.pass();
  assert(await isSettled(first));
});

test('passing on is no stroke: who is at work need not claim again for it', async () => {
  const bell = new Bell();
  const { strokes } = bell;
  bell.pass();
  const abort = new AbortController();
  const waiting = bell.wait(strokes, LONG_MS, abort.signal);
  assert(!(await isSettled(waiting)));
  abort.abort();
  assert(await isSettled(waiting));
  assert.equal(bell.waiting, 0);
});

test('a wait ends by itself', async () => {
  const bell = new Bell();
  await bell.wait(bell.strokes, 1, never);
  assert.equal(bell.waiting, 0);
});

test('jitter spans half to one and a half of the wait', () => {
  assert.deepEqual(
    [0, 0.5, 1].map((uniform) => jittered(100, uniform)),
    [50, 100, 150],
  );
});

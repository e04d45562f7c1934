// Who is let through the gate, and does nobody wait beside a free place?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as later } from 'node:timers/promises';
import { ClaimGate, claimsAtOnce } from './claim-gate.ts';

test('by default large batches pass four at a time, small ones by the number of their jobs', () => {
  assert.deepEqual([1, 10, 16, 100, 2_000].map(claimsAtOnce), [400, 40, 25, 4, 4]);
});

/** A gate that is full, and the sessions that are called, in order; each enters when it is. */
function fullGate(limit: number) {
  const gate = new ClaimGate(limit);
  for (let i = 0; i < limit; i += 1) assert(gate.enter());
  assert(!gate.enter());
  const called: string[] = [];
  const session =
    (name: string, enters = true) =>
    () => {
      called.push(name);
      if (enters) assert(gate.enter(), `${name} was called to a full gate`);
    };
  return { gate, called, session };
}

test('outcomes go first in their order, of the others the last to come; a place is given once', async () => {
  const { gate, called, session } = fullGate(2);
  gate.wait(session('early'), false);
  gate.wait(session('late'), false);
  gate.wait(session('done first'), true);
  gate.wait(session('done second'), true);
  for (const _ of [1, 2]) gate.leave();
  await later();
  await later();
  assert.deepEqual(called, ['done first', 'done second']);
  for (const _ of [1, 2]) gate.leave();
  await later();
  await later();
  assert.deepEqual(called.slice(2), ['late', 'early']);
  assert(!gate.enter());
});

test('who has done its jobs at once enters again before those that wait', async () => {
  const { gate, called, session } = fullGate(1);
  gate.wait(session('idle'), false);
  gate.leave();
  await Promise.resolve();
  assert(gate.enter());
  await later();
  await later();
  assert.deepEqual(called, []);
  gate.leave();
  await later();
  await later();
  assert.deepEqual(called, ['idle']);
});

test('nobody enters before those that wait with outcomes, who had just left least of all', async () => {
  const { gate, called, session } = fullGate(1);
  gate.wait(session('done'), true);
  gate.leave();
  assert(!gate.enter());
  gate.wait(session('left'), true);
  await later();
  await later();
  assert.deepEqual(called, ['done']);
  gate.leave();
  await later();
  await later();
  assert.deepEqual(called, ['done', 'left']);
});

test('one that is called and wants no claim any more leaves its place to the next', async () => {
  const { gate, called, session } = fullGate(1);
  gate.wait(session('stopped', false), true);
  gate.wait(session('stopped too', false), false);
  gate.wait(session('idle'), true);
  gate.leave();
  await later();
  await later();
  assert.deepEqual(called, ['stopped', 'idle']);
});

test('a session that has outcomes by now waits among those', async () => {
  const { gate, called, session } = fullGate(1);
  const one = session('one');
  gate.wait(one, false);
  gate.wait(session('two'), false);
  gate.wait(one, true);
  gate.leave();
  await later();
  await later();
  assert.deepEqual(called, ['one']);
});

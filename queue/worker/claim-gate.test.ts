// Who is let through the gate, and does nobody wait beside a free place?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as later } from 'node:timers/promises';
import { ClaimGate, claimsAtOnce } from './claim-gate.ts';

test('by default large batches pass four at a time, small ones by the number of their jobs', () => {
  assert.deepEqual([1, 10, 16, 100, 2_000].map(claimsAtOnce), [400, 40, 25, 4, 4]);
});

/**
 * A gate that is full, and the sessions that are called, in order; each enters when it is. `end` ends the oldest claims that
 * are under way, and `afterCalls` waits until whoever is to be called was.
 */
function fullGate(limit: number) {
  const gate = new ClaimGate(limit);
  const underWay: (() => Promise<void>)[] = [];
  const enter = (): boolean => {
    if (!gate.enter()) return false;
    const { promise, resolve } = Promise.withResolvers<void>();
    const passed = gate.passing(() => promise);
    underWay.push(() => {
      resolve();
      return passed;
    });
    return true;
  };
  for (let i = 0; i < limit; i += 1) assert(enter());
  assert(!enter());
  const end = async (claims = 1): Promise<void> => {
    for (const endOne of underWay.splice(0, claims)) await endOne();
  };
  const called: string[] = [];
  const session =
    (name: string, enters = true) =>
    () => {
      called.push(name);
      if (enters) assert(enter(), `${name} was called to a full gate`);
    };
  return { gate, enter, end, called, session };
}

async function afterCalls(): Promise<void> {
  await later();
  await later();
}

test('outcomes go first in their order, of the others the last to come; a place is given once', async () => {
  const { gate, enter, end, called, session } = fullGate(2);
  gate.wait(session('early'), false);
  gate.wait(session('late'), false);
  gate.wait(session('done first'), true);
  gate.wait(session('done second'), true);
  await end(2);
  await afterCalls();
  assert.deepEqual(called, ['done first', 'done second']);
  await end(2);
  await afterCalls();
  assert.deepEqual(called.slice(2), ['late', 'early']);
  assert(!enter());
});

test('who has done its jobs at once enters again before those that wait', async () => {
  const { gate, enter, end, called, session } = fullGate(1);
  gate.wait(session('idle'), false);
  await end();
  assert(enter());
  await afterCalls();
  assert.deepEqual(called, []);
  await end();
  await afterCalls();
  assert.deepEqual(called, ['idle']);
});

test('nobody enters before those that wait with outcomes, who had just left least of all', async () => {
  const { gate, enter, end, called, session } = fullGate(1);
  gate.wait(session('done'), true);
  await end();
  assert(!enter());
  gate.wait(session('left'), true);
  await afterCalls();
  assert.deepEqual(called, ['done']);
  await end();
  await afterCalls();
  assert.deepEqual(called, ['done', 'left']);
});

test('one that is called and wants no claim any more leaves its place to the next', async () => {
  const { gate, end, called, session } = fullGate(1);
  gate.wait(session('stopped', false), true);
  gate.wait(session('stopped too', false), false);
  gate.wait(session('idle'), true);
  await end();
  await afterCalls();
  assert.deepEqual(called, ['stopped', 'idle']);
});

test('a session that has outcomes by now waits among those', async () => {
  const { gate, end, called, session } = fullGate(1);
  const one = session('one');
  gate.wait(one, false);
  gate.wait(session('two'), false);
  gate.wait(one, true);
  await end();
  await afterCalls();
  assert.deepEqual(called, ['one']);
});

test('a claim that fails gives its place back, also one that fails before it has begun', async () => {
  const gate = new ClaimGate(1);
  for (const failing of [
    () => Promise.reject(new Error('planted')),
    () => {
      throw new Error('planted');
    },
  ]) {
    assert(gate.enter());
    await assert.rejects(gate.passing(failing), /planted/);
  }
  assert(gate.enter());
});

// Are handlers spread so that none is missing and none is over?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crewOf, handlersOf, roundHandlers, sessionsMaxFor } from './crew.ts';

test('workers × sessions × handlers of each make up the number, over eight sessions at most', () => {
  for (let handlers = 1; handlers <= 512; handlers += 1) {
    const crew = crewOf(handlers);
    assert.equal(handlersOf(crew), handlers);
    assert.ok(crew.sessions <= 8 && crew.sessions >= 1);
    assert.ok(Number.isInteger(crew.concurrency));
  }
  assert.deepEqual(crewOf(24), { agents: 1, sessions: 8, concurrency: 3 });
  assert.deepEqual(crewOf(7), { agents: 1, sessions: 7, concurrency: 1 });
  assert.deepEqual(crewOf(24, 4), { agents: 1, sessions: 4, concurrency: 6 });
});

test('a rounded number divides well, is near, and upwards no less than asked', () => {
  for (let wanted = 0.1; wanted < 300; wanted += 0.7)
    for (const up of [false, true]) {
      const handlers = roundHandlers(wanted, up);
      assert.ok(handlers >= 1 && Number.isInteger(handlers));
      assert.ok(handlers <= 8 || handlers % 8 === 0, `${handlers}`);
      assert.ok(Math.abs(handlers - wanted) < 8);
      if (up) assert.ok(handlers >= wanted, `${handlers} for ${wanted}`);
    }
});

test('few connections leave fewer sessions, each with more handlers', () => {
  assert.deepEqual([undefined, 40, 11, 7, 3].map(sessionsMaxFor), [8, 8, 8, 4, 1]);
  assert.deepEqual(crewOf(16, sessionsMaxFor(7)), { agents: 1, sessions: 4, concurrency: 4 });
});

// Is a worker patient with a server that is away, and back soon after it?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Backoff } from './backoff.ts';

test('waits double from 50 ms and end at 2 s, however long the outage; half of each is drawn', () => {
  for (const [drawn, share] of [
    [0, 0.5],
    [1, 1],
  ] as const) {
    const backoff = new Backoff(() => drawn);
    const waits = Array.from({ length: 40 }, () => backoff.drawMs());
    assert.deepEqual(
      waits.slice(0, 7),
      [50, 100, 200, 400, 800, 1_600, 2_000].map((ms) => ms * share),
    );
    assert.equal(Math.max(...waits), 2_000 * share);
    backoff.reset();
    assert.equal(backoff.drawMs(), 50 * share);
  }
});

// Does every yardstick of the queue's limits run end to end, and leave its verdict to figures?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Bench } from '../../yardstick.ts';
import { contestants } from './contestants.ts';
import { limits } from './limits.ts';

/** Beside other tests the machine may be too busy for a valid cell, whose figure is then missed with the reason. */
const BUSY = /void: .*invalid: .*generator/;

function benchOf(said: string[] = []): Bench {
  return {
    signal: AbortSignal.timeout(150_000),
    rounds: 1,
    smoke: true,
    say: (line) => void said.push(line),
  };
}

for (const yardstick of limits) {
  test(`${yardstick.name} runs in its short form`, async (t) => {
    const figures = await yardstick.run(benchOf());
    assert.ok(figures.length > 0);
    for (const { what, value, note } of figures) {
      const said = `${what}: ${value} (${note})`;
      t.diagnostic(said);
      if (value === undefined) assert.equal(note, 'CLAIMBENCH_FULL=1 measures it', said);
      else if (Number.isNaN(value)) assert.match(note ?? '', BUSY, said);
      else assert.ok(value >= 0 && value < Number.POSITIVE_INFINITY, said);
    }
  });
}

test('a strategy that is not built in is said and left out', () => {
  const said: string[] = [];
  const found = contestants(benchOf(said), ['batch', 'no-such-strategy']);
  assert.deepEqual(
    found.map(({ strategyName }) => strategyName),
    ['batch'],
  );
  assert.deepEqual(said, ['not built in, and left out: no-such-strategy']);
});

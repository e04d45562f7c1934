// Are a stretch's figures those of its own seconds, and is a void round no reading to be left out?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LOG_HEAD, Samples } from '../../../harness/measure/samples.ts';
import type { Sample } from '../../../harness/result/result.ts';
import { standingOf } from '../../yardstick.ts';
import { Rounds, stretchOf } from './cells.ts';

test('a stretch holds the jobs settled and picked up in its seconds, and no others', () => {
  const recorded = new Samples(0, 10e6);
  // 100 a second: of 2 ms in the first five seconds, and of 8 ms from then on.
  for (let i = 0; i < 1_000; i += 1) recorded.record('pickup', i < 500 ? 2_000 : 8_000, i * 10_000);
  recorded.record('response', 60_000, 1e6);
  const samples = Array.from({ length: 20 }, (_, i): Sample => {
    const settled = i < 10 ? 50 : 25;
    const counts = { enqueued: 0, claimed: 0, settled, backlog: 0 };
    return { kind: 'load', cell: 'x', t: (i + 1) / 2, seconds: 0.5, ...counts };
  });
  const outcome = { samples, histogramLog: LOG_HEAD + recorded.lines().join('\n') };
  const first = stretchOf(outcome, 1, 5);
  assert.deepEqual([first.settledPerSec, first.pickups], [100, 400]);
  assert.ok(Math.abs(first.pickupP99Ms - 2) < 0.01, `${first.pickupP99Ms}`);
  const last = stretchOf(outcome, 5, 10);
  assert.deepEqual([last.settledPerSec, last.pickups], [50, 500]);
  assert.ok(Math.abs(last.pickupP50Ms - 8) < 0.01, `${last.pickupP50Ms}`);
  assert.ok(Number.isNaN(stretchOf(outcome, 20, 30).pickupP99Ms), 'nothing was picked up there');
});

test('one void round makes the figure no number, and its reason is told once', () => {
  const rounds = new Rounds();
  for (const value of [3, 1, 2]) rounds.add(value);
  assert.deepEqual(rounds.reading(), { value: 2, note: 'median of 3 [1–3]', interval: [1, 3] });
  rounds.failed('incorrect: 1 job was lost');
  rounds.failed('incorrect: 1 job was lost');
  const { value, note } = rounds.reading();
  assert.ok(Number.isNaN(value));
  assert.equal(note, 'median of 3 [1–3]; void: incorrect: 1 job was lost');
  assert.ok(Number.isNaN(new Rounds().reading().value), 'no round at all');
});

test('a target is reached when each round reaches it, and by no single round', () => {
  const standing = (...values: readonly number[]): string => {
    const rounds = new Rounds();
    for (const value of values) rounds.add(value);
    return standingOf({ what: 'x', unit: '', target: { atLeast: 2 }, ...rounds.reading() });
  };
  assert.deepEqual(
    [standing(2, 3, 4), standing(1, 3, 4), standing(1, 1.5), standing(9), standing(1)],
    ['reached', 'open', 'missed', 'open', 'missed'],
  );
});

test('a cell that was measured again is told of', () => {
  const rounds = new Rounds();
  rounds.add(1, true);
  rounds.add(1);
  assert.match(rounds.reading().note, /1 measured again, void at first/);
});

// Does the gate fail for what fresh blocks show again, and for nothing else?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Gate, type GateMetric, type GateState, HARD_BLOCKS, SOFT_BLOCKS } from './gate.ts';
import { seeded } from './random.ts';

const WAL: GateMetric = { key: 'wal', kind: 'hard', better: 'lower', limit: 0.05 };
const RATE: GateMetric = { key: 'rate', kind: 'soft', better: 'higher', limit: 0.1 };

type Pair = readonly [base: number | undefined, head: number];

/** The state after each block of one metric. */
function states(metric: GateMetric, pairs: readonly Pair[]): GateState[] {
  const gate = new Gate([metric]);
  return pairs.map(([base, head]) =>
    gate.add(new Map([[metric.key, { ...(base === undefined ? {} : { base }), head }]])),
  );
}

const verdicts = (metric: GateMetric, pairs: readonly Pair[]) =>
  states(metric, pairs).map(({ findings }) => findings[0]?.verdict);

const same: Pair = [100, 100.1];
const worse: Pair = [100, 107];
const repeat = (pair: Pair, times: number): Pair[] => Array.from({ length: times }, () => pair);
/** A little noise, the same for every run. */
const noisy = (base: number, head: number, count: number, noise: number): Pair[] => {
  const random = seeded(8);
  const luck = () => 1 + noise * (random() + random() - 1);
  return Array.from({ length: count }, () => [base * luck(), head * luck()] as const);
};

test('hard: an alarm after three blocks, a verdict after two fresh ones', () => {
  assert.deepEqual(verdicts(WAL, repeat(worse, 6)), ['~', '~', 'unstable', 'unstable', 'worse', 'worse']);
  const found = states(WAL, repeat(worse, 5));
  assert.deepEqual(
    found.map(({ clear }) => clear),
    [false, false, false, false, true],
  );
  assert.deepEqual(found[2]?.pending, ['wal']);
  assert.equal(HARD_BLOCKS.first + HARD_BLOCKS.again, 5);
});

test('hard: what fresh blocks do not show is unstable for good, and never fails', () => {
  const found = verdicts(WAL, [...repeat(worse, 3), same, same, ...repeat(worse, 6)]);
  assert.equal(found.at(4), 'unstable');
  assert.equal(found.at(-1), 'unstable');
});

test('hard: one block that stands out is nothing', () => {
  assert.equal(verdicts(WAL, [same, [100, 160], same, same, same, same, same]).at(-1), 'same');
});

test('hard: a change within the limit, within the range of the base, or too small to matter, is nothing', () => {
  assert.equal(verdicts(WAL, repeat([100, 104.9], 6)).at(-1), 'same');
  const wide: Pair[] = [90, 100, 110, 95, 105, 100].map((base) => [base, base * 1.1] as const);
  assert.equal(verdicts(WAL, wide).at(-1), 'same');
  assert.equal(verdicts({ ...WAL, least: 10 }, repeat(worse, 6)).at(-1), 'same');
  assert.equal(verdicts({ ...WAL, least: 5 }, repeat(worse, 6)).at(-1), 'worse');
});

test('hard: from zero to something, from zero to zero, and to zero', () => {
  assert.equal(verdicts({ ...WAL, least: 0.5 }, repeat([0, 1], 5)).at(-1), 'worse');
  assert.equal(states(WAL, repeat([0, 1], 5)).at(-1)?.findings[0]?.effect, undefined);
  assert.equal(verdicts({ ...WAL, least: 0.5 }, repeat([0, 0.1], 5)).at(-1), 'same');
  assert.equal(verdicts(WAL, repeat([0, 0], 5)).at(-1), 'same');
  assert.equal(verdicts(WAL, repeat([1, 0], 5)).at(-1), 'better');
});

test('hard: more may be better', () => {
  const hot: GateMetric = { ...WAL, better: 'higher' };
  assert.equal(verdicts(hot, repeat([1, 0.5], 5)).at(-1), 'worse');
  assert.equal(verdicts(hot, repeat([0.5, 1], 5)).at(-1), 'better');
});

test('soft: fewer jobs a second, seen again by fresh blocks alone', () => {
  const found = states(RATE, noisy(1_000, 800, 20, 0.02));
  const alarm = found.findIndex(({ pending }) => pending.length > 0);
  assert.ok(alarm >= SOFT_BLOCKS.first - 1 && alarm < 12, String(alarm));
  assert.equal(found[alarm]?.findings[0]?.verdict, 'unstable');
  assert.equal(found[alarm + SOFT_BLOCKS.again - 1]?.clear, false);
  assert.equal(found[alarm + SOFT_BLOCKS.again]?.findings[0]?.verdict, 'worse');
  assert.equal(found[alarm + SOFT_BLOCKS.again]?.clear, true);
  const { effect = 0, low = 0, high = 0 } = found.at(-1)?.findings[0] ?? {};
  assert.ok(low < effect && effect < high && Math.abs(effect + 0.2) < 0.03, `${low} ${effect} ${high}`);
});

test('soft: an alarm that fresh blocks do not bear out is unstable, for good', () => {
  const start = noisy(1_000, 800, 12, 0.02);
  const alarm = states(RATE, start).findIndex(({ pending }) => pending.length > 0);
  const gone = [...start.slice(0, alarm + 1), ...noisy(1_000, 1_000, 30, 0.02)];
  assert.equal(states(RATE, gone).at(-1)?.findings[0]?.verdict, 'unstable');
  assert.match(states(RATE, gone).at(-1)?.findings[0]?.reason ?? '', /not again in \d+ fresh ones/);
});

test('soft: blocks that are slower on both sides say nothing of either', () => {
  const random = seeded(4);
  const drifting = noisy(1_000, 1_000, 30, 0.02).map(([base = 0, head], i): Pair => {
    const weather = 1 + 0.5 * Math.sin(i) * random();
    return [base * weather, head * weather];
  });
  assert.equal(states(RATE, drifting).at(-1)?.findings[0]?.verdict, 'same');
});

test('soft: what is shown to be as good is the same, and nothing is left to be done', () => {
  const state = states(RATE, noisy(1_000, 1_000, 12, 0.02)).at(-1);
  assert.equal(state?.findings[0]?.verdict, 'same');
  assert.equal(state?.clear, true);
  assert.equal(states(RATE, noisy(1_000, 1_000, 12, 0.6)).at(-1)?.clear, false);
});

test('a block without figures of a metric is none of its blocks; one with no metric is no reason to go on', () => {
  const gate = new Gate([WAL, { ...WAL, key: 'absent' }]);
  for (let i = 0; i < 3; i += 1) gate.add(new Map([['wal', { base: 1, head: 1 }]]));
  const state = gate.add(new Map());
  assert.deepEqual(
    state.findings.map(({ blocks }) => blocks),
    [3, 0],
  );
  assert.equal(state.clear, true);
  assert.equal(state.told, true);
});

test('stored figures stand in for a base, and their range for its noise', () => {
  const stored = [100, 100.5, 99.5, 100.2];
  assert.equal(verdicts({ ...WAL, stored }, repeat([undefined, 107], 5)).at(-1), 'worse');
  assert.equal(verdicts({ ...WAL, stored: [90, 110, 100] }, repeat([undefined, 107], 5)).at(-1), 'same');
  const rates = noisy(1_000, 1_000, 8, 0.02).map(([base = 0]) => base);
  const slow = noisy(1_000, 700, 20, 0.02).map(([, head]) => [undefined, head] as const);
  assert.equal(verdicts({ ...RATE, stored: rates }, slow).at(-1), 'worse');
});

test('figures that cannot be are a bug of the caller, and so is a limit out of range', () => {
  for (const head of [-1, Number.NaN, Number.POSITIVE_INFINITY])
    assert.throws(() => states(WAL, [[1, head]]), RangeError);
  for (const limit of [0, 1, -0.1]) assert.throws(() => states({ ...WAL, limit }, []), RangeError);
});

test('the same blocks give the same state', () => {
  const pairs = noisy(1_000, 930, 14, 0.05);
  assert.deepEqual(states(RATE, pairs), states(RATE, pairs));
});

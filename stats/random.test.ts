// Is chance fair, and the same again for the same seed?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keyedDraw, randomStream, seeded, shuffled } from './random.ts';

const SEED = 4_711;

function chiSquare(counts: readonly number[]): number {
  const expected = counts.reduce((sum, n) => sum + n, 0) / counts.length;
  return counts.reduce((sum, n) => sum + (n - expected) ** 2 / expected, 0);
}

/** sfc32 once more, in unbounded integers: Doty-Humphrey's text, not our code. */
function* sfc32(seed: bigint, label: string): Generator<number> {
  const word = (x: bigint): bigint => x & 0xffff_ffffn;
  let hash = 0x811c9dc5n;
  for (const byte of Buffer.from(label, 'ascii')) hash = word((hash ^ BigInt(byte)) * 0x01000193n);
  let [a, b, c, counter] = [word(seed), word(seed >> 32n), hash, 1n];
  for (let i = 0; ; i += 1) {
    const t = word(a + b + counter);
    counter = word(counter + 1n);
    a = b ^ (b >> 9n);
    b = word(c + (c << 3n));
    c = word(((c << 21n) | (c >> 11n)) + t);
    if (i >= 15) yield Number(t) / 2 ** 32;
  }
}

test('the stream is sfc32, seeded with all 48 bits of a seed', () => {
  for (const seed of [0, 1, 4_294_967_295, 4_294_967_296, 2 ** 48]) {
    const random = randomStream(seed, 'order');
    const second = sfc32(BigInt(seed), 'order');
    for (let i = 0; i < 1_000; i += 1) assert.equal(random(), second.next().value, `seed ${seed}, draw ${i}`);
  }
});

test('draws are uniform in [0, 1)', () => {
  const random = randomStream(SEED, 'uniform');
  const counts = new Array<number>(100).fill(0);
  for (let i = 0; i < 100_000; i += 1) {
    const value = random();
    assert.ok(value >= 0 && value < 1);
    const bin = Math.floor(value * 100);
    counts[bin] = (counts[bin] ?? 0) + 1;
  }
  // 99 degrees of freedom: 148.2 is exceeded once in a thousand.
  assert.ok(chiSquare(counts) < 148.2, `χ² ${chiSquare(counts)}, seed ${SEED}`);
});

test('seed and label together make the stream', () => {
  const take = (seed: number, label: string): number[] => {
    const random = randomStream(seed, label);
    return Array.from({ length: 20 }, () => random());
  };
  assert.deepEqual(take(1, 'a'), take(1, 'a'));
  const labels = ['order', ...Array.from({ length: 16 }, (_, p) => `steady/0/producer-${p}`)];
  const streams = [0, 1, 2, 2 ** 32, 2 ** 32 + 1].flatMap((seed) => labels.map((l) => take(seed, l).join()));
  assert.equal(new Set(streams).size, streams.length);
});

test('what a key draws is uniform, its own, and the same in any order', () => {
  const draw = keyedDraw(5, 'keys');
  const draws = Array.from({ length: 20_000 }, (_, key) => draw(key));
  assert.ok(draws.every((u) => u >= 0 && u < 1));
  for (let tenth = 0; tenth < 10; tenth += 1) {
    const share = draws.filter((u) => Math.floor(u * 10) === tenth).length / draws.length;
    assert.ok(Math.abs(share - 0.1) < 0.01, `${share} of the draws in tenth ${tenth}`);
  }
  assert.equal(new Set(draws).size, draws.length, 'no two keys share a stream');
  assert.equal(keyedDraw(5, 'keys')(17), draws[17]);
  // Neighbours, and turns of one key, do not follow each other.
  const together = (pairs: readonly (readonly [number, number])[]): number =>
    pairs.reduce((sum, [x, y]) => sum + (x - 0.5) * (y - 0.5), 0) / pairs.length / (1 / 12);
  const neighbours = draws.slice(1).map((u, i) => [draws[i] ?? 0, u] as const);
  const turns = draws.map((u, key) => [u, draw(key, 1)] as const);
  const labels = draws.map((u, key) => [u, keyedDraw(5, 'other')(key)] as const);
  for (const pairs of [neighbours, turns, labels])
    assert.ok(Math.abs(together(pairs)) < 0.03, `correlation ${together(pairs)}`);
});

test('streams of neighbouring labels do not follow each other', () => {
  const [x, y] = [randomStream(SEED, 'producer-0'), randomStream(SEED, 'producer-1')];
  const n = 20_000;
  let sum = 0;
  for (let i = 0; i < n; i += 1) sum += (x() - 0.5) * (y() - 0.5) * 12;
  assert.ok(Math.abs(sum / n) < 4 / Math.sqrt(n), `correlation ${sum / n}, seed ${SEED}`);
});

test('each of the 24 orders of four things is as likely as any other', () => {
  const random = randomStream(SEED, 'shuffle');
  const counts = new Map<string, number>();
  for (let i = 0; i < 48_000; i += 1) {
    const order = shuffled(['a', 'b', 'c', 'd'], random).join('');
    counts.set(order, (counts.get(order) ?? 0) + 1);
  }
  assert.equal(counts.size, 24);
  // 23 degrees of freedom: 49.7 is exceeded once in a thousand.
  const found = chiSquare([...counts.values()]);
  assert.ok(found < 49.7, `χ² ${found}, seed ${SEED}`);
});

test('a shuffle keeps every item, and leaves its input alone', () => {
  const items = Object.freeze(Array.from({ length: 100 }, (_, i) => i));
  const result = shuffled(items, randomStream(SEED, 'x'));
  assert.notDeepEqual(result, items);
  assert.deepEqual(
    result.toSorted((x, y) => x - y),
    items,
  );
  assert.deepEqual(
    shuffled([], () => 0),
    [],
  );
});

test('one seed, one stream; high bits of the seed count too', () => {
  const first = (seed: number): number[] => {
    const random = seeded(seed);
    return [random(), random(), random()];
  };
  assert.deepEqual(first(7), first(7));
  assert.notDeepEqual(first(7), first(8));
  assert.notDeepEqual(first(7), first(7 + 2 ** 40));
});

test('what is no seed is refused', () => {
  assert.throws(() => seeded(-1), RangeError);
  assert.throws(() => seeded(0.5), RangeError);
});

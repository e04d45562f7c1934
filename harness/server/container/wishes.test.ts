// Is every wish about a container read as it is written, and every other word refused with its mend?

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { UsageError } from '../../errors.ts';
import { limitsIn, throttlingIn } from './limits.ts';
import { imageFor, parseWishes } from './wishes.ts';

describe('wishes', () => {
  test('without any word: the official image, the bridge, a volume, no limits', () => {
    const wishes = parseWishes({});
    assert.equal(imageFor(wishes, '16'), 'postgres:16');
    assert.deepEqual(wishes, {
      image: undefined,
      cpus: undefined,
      memoryBytes: undefined,
      cpuset: undefined,
      network: 'bridge',
      storage: { kind: 'volume' },
    });
  });

  test('sizes, processors and places', () => {
    assert.equal(parseWishes({ memory: '1.5g' }).memoryBytes, 1.5 * 2 ** 30);
    assert.equal(parseWishes({ memory: '512MB' }).memoryBytes, 2 ** 29);
    assert.equal(parseWishes({ memory: '134217728' }).memoryBytes, 2 ** 27);
    assert.deepEqual(parseWishes({ cpuset: '0-2,4' }).cpuset, [0, 1, 2, 4]);
    assert.deepEqual(parseWishes({ storage: 'tmpfs:2g' }).storage, { kind: 'tmpfs', bytes: 2 ** 31 });
    assert.deepEqual(parseWishes({ storage: 'tmpfs' }).storage, { kind: 'tmpfs', bytes: undefined });
    assert.deepEqual(parseWishes({ storage: 'layer' }).storage, { kind: 'layer' });
    assert.equal(
      imageFor(parseWishes({ image: 'registry.example:5000/pg:{pg}-bookworm' }), '14'),
      'registry.example:5000/pg:14-bookworm',
    );
  });

  for (const [words, says] of [
    [{ memory: '1m' }, /a PostgreSQL server needs more; give 64m at least/],
    [{ memory: 'much' }, /give a size such as 512m or 2g/],
    [{ storage: 'tmpfs:9x' }, /give a size/],
    [{ storage: '/mnt/disk' }, /give volume, layer, tmpfs/],
    [{ cpuset: 'all' }, /processors by number/],
    [{ cpuset: '' }, /processors by number/],
    [{ image: 'two words' }, /give an image's name/],
    [{ image: '--privileged' }, /give an image's name/],
  ] as const) {
    test(`${JSON.stringify(words)} is refused`, () => {
      assert.throws(
        () => parseWishes(words),
        (error: unknown) =>
          error instanceof UsageError && says.test(error.message) && !error.message.includes('\n'),
      );
    });
  }
});

describe('limits', () => {
  test('of control groups, version 2', () => {
    assert.deepEqual(limitsIn('cpu.max 150000 100000\nmemory 536870912\ncpuset 0-1\n'), {
      cpus: 1.5,
      cpuset: '0-1',
      memoryBytes: 536_870_912,
    });
    assert.deepEqual(limitsIn('cpu.max max 100000\nmemory max\ncpuset 0-63\n'), { cpuset: '0-63' });
  });

  test('of control groups, version 1', () => {
    assert.deepEqual(limitsIn('quota 50000\nperiod 100000\nmemory 9223372036854771712\ncpuset 3\n'), {
      cpus: 0.5,
      cpuset: '3',
    });
    assert.deepEqual(limitsIn('quota -1\nperiod 100000\nmemory 268435456\n'), { memoryBytes: 268_435_456 });
  });

  test('what they have done, by either version', () => {
    const one = 'usage_usec 9\nnr_periods 184\nnr_throttled 61\nthrottled_usec 1120000\noom_kill 2\n';
    assert.deepEqual(throttlingIn(one), { periods: 184, throttled: 61, oomKills: 2 });
    assert.deepEqual(throttlingIn('nr_periods 3\nnr_throttled 0\nthrottled_time 0\n'), {
      periods: 3,
      throttled: 0,
    });
    assert.equal(throttlingIn('usage_usec 9\n'), undefined);
  });

  test('nothing readable is nothing known, not no limit', () => {
    assert.equal(limitsIn(''), undefined);
  });
});

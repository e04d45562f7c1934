// Does a busy moment leave a run without its ceiling?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ceilings } from './ceilings.ts';

/** Measurements that come to `rates`, one after another; undefined is a void cell. */
function measuring(...rates: readonly (number | undefined)[]) {
  const asked: number[] = [];
  const ceilings = new Ceilings(async (batch) => {
    asked.push(batch);
    return { ceilingPerSec: rates[asked.length - 1] };
  });
  return { ceilings, asked };
}

test('a ceiling that was void is measured again, three times at most, and then not any more', async () => {
  const late = measuring(undefined, undefined, undefined, 90_000);
  assert.equal(await late.ceilings.of(1), 90_000);
  assert.equal(late.asked.length, 4);
  const never = measuring();
  assert.equal(await never.ceilings.of(10), undefined);
  assert.equal(await never.ceilings.of(10), undefined);
  assert.deepEqual(never.asked, [10, 10, 10, 10]);
  assert.deepEqual(never.ceilings.known(), {});
});

test('each size of claim is measured once, and told in ascending order', async () => {
  const { ceilings, asked } = measuring(500.4, 100.6);
  for (const batch of [100, 1, 100]) await ceilings.of(batch);
  assert.deepEqual(asked, [100, 1]);
  assert.deepEqual(Object.entries(ceilings.known()), [
    ['1', 101],
    ['100', 500],
  ]);
});

// Is everything that a sweep cannot measure refused before a server is started, and the rest told?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UsageError } from '../../harness/errors.ts';
import { planSweep } from './sweep.ts';
import type { SweepWords } from './sweep-words.ts';

const WORDS: SweepWords = {
  contender: 'skip-locked',
  axis: ['connections=1,2'],
  seconds: 2.5,
  repeats: 2,
  refine: 0,
  seed: 1,
  server: 'embedded',
  pin: 'off',
  producerPriority: 'auto',
  sampling: true,
};

const REFUSED: readonly (readonly [Partial<SweepWords>, RegExp])[] = [
  [{ axis: [] }, /a sweep needs an axis/],
  [{ contender: 'skip-lock' }, /no contender skip-lock; did you mean skip-locked\?/],
  [{ axis: ['batch=0,1'] }, /contender skip-locked\?batch=0: axis batch: 0 is no whole number/],
  [{ axis: ['batch=1,2'], contender: 'batch?batch=5' }, /axis batch is given twice/],
  [{ axis: ['wakeup=pol'] }, /no wakeup pol; there are: /],
  [{ axis: ['concurrency=1,2'], contender: 'held-transaction' }, /has no choice of concurrency/],
  [{ axis: ['depth=0,10'] }, /a drain of 0 jobs/],
  [{ axis: ['rate=5'], rate: '6' }, /two rates/],
  [{ rate: '0.7 of drain' }, /--rate 0\.7 of drain: give jobs per second/],
  [{ rate: '-3' }, /--rate -3: give jobs per second/],
  [{ refine: 2 }, /--refine puts points between those of a range/],
  [{ pg: ['14', '18'] }, /one version of PostgreSQL/],
  [{ server: 'somewhere' }, /--server takes embedded, docker/],
  [{ axis: ['set.work_mem=4MB'], server: 'postgres://me:secret@nowhere/x' }, /decides its own settings/],
  [{ axis: ['set.port=1,2'] }, /setting port is claimbench's own/],
  [{ setting: ['nonsense'] }, /give name=value/],
];

for (const [words, said] of REFUSED)
  test(`refused: ${JSON.stringify(words).replace('secret', '…')}`, async () => {
    await assert.rejects(
      planSweep({ ...WORDS, ...words }),
      (error) =>
        error instanceof UsageError &&
        said.test(error.message) &&
        !error.message.includes('\n') &&
        !error.message.includes('secret'),
    );
  });

test('what is to be measured is told with the time that it takes', async () => {
  const { extent, variants, plan } = await planSweep({ ...WORDS, refine: 2, axis: ['connections=1..64'] });
  assert.match(extent, /^7 points, refined by up to 2, 2 repeats: 14 cells, about \d+ (s|min)$/);
  assert.equal(variants, undefined);
  assert.equal(plan.scenarios.length, 7);
  assert.equal(plan.contenders.length, 1);
  const settings = await planSweep({ ...WORDS, axis: ['set.work_mem=4MB,8MB', 'set.jit=on'] });
  assert.deepEqual(settings.variants, [
    { label: 'work_mem=4MB, jit=on', settings: { work_mem: '4MB', jit: 'on' } },
    { label: 'work_mem=8MB, jit=on', settings: { work_mem: '8MB', jit: 'on' } },
  ]);
});

test('a server that is started allows as many connections as the largest point opens', async () => {
  const { plan } = await planSweep({ ...WORDS, axis: ['workers=1,16', 'connections=64'] });
  const needs = plan.scenarios.map(({ serverNeeds }) => serverNeeds.max_connections ?? 0);
  assert.ok(Math.max(...needs) >= 16 * 67);
});

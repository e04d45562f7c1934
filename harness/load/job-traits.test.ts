// Does what a job draws depend on its key and the seed alone, in the shares that its scenario asks for?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jobSchema } from '../../scenarios/job.ts';
import { JobTraits } from './job-traits.ts';

const KEYS = 20_000;

function traits(
  job: Parameters<typeof jobSchema.parse>[0],
  over: Partial<{ seed: number; preloaded: number }> = {},
) {
  return new JobTraits({
    ...{
      job: jobSchema.parse(job),
      seed: 3,
      stream: 's/1/job',
      preloaded: 0,
      retries: true,
      rollbackShare: 0.25,
    },
    ...over,
  });
}

const share = (holds: (key: number) => boolean): number => {
  let count = 0;
  for (let key = 0; key < KEYS; key += 1) if (holds(key)) count += 1;
  return count / KEYS;
};

function near(found: number, meant: number): void {
  assert.ok(Math.abs(found - meant) < 0.015, `${found}, not ${meant}`);
}

test('poison jobs fail at every attempt, others by the share of attempts, each drawn anew', () => {
  const some = traits({ failShare: 0.3, poisonShare: 0.1 });
  near(
    share((key) => some.isPoison(key)),
    0.1,
  );
  near(
    share((key) => some.fails(key, 1)),
    0.1 + 0.9 * 0.3,
  );
  near(
    share((key) => some.fails(key, 1) && some.fails(key, 2)),
    0.1 + 0.9 * 0.09,
  );
  assert.ok(
    [1, 2, 3, 20].every((attempt) => share((k) => some.isPoison(k) && !some.fails(k, attempt)) === 0),
  );
  assert.equal(
    share((key) => traits({}).fails(key, 1)),
    0,
  );
});

test('the hot key has its share, the others divide the rest, and without one all are alike', () => {
  const hot = traits({ keys: { count: 5, hotShare: 0.6 } });
  near(
    share((key) => hot.keyNumber(key) === 0),
    0.6,
  );
  for (const number of [1, 4])
    near(
      share((key) => hot.keyNumber(key) === number),
      0.1,
    );
  const even = traits({ keys: { count: 4 } });
  for (const number of [0, 3])
    near(
      share((key) => even.keyNumber(key) === number),
      0.25,
    );
  assert.equal(traits({}).keyNumber(1), undefined);
});

test('what travels with a job is what the scenario asks for, and nothing else', () => {
  const all = traits(
    { keys: { count: 1 }, unique: { count: 1, policy: 'ignore' }, maxAttempts: 4, failShare: 0.5 },
    { preloaded: 2 },
  );
  assert.deepEqual(all.extras(1), { maxAttempts: 4, concurrencyKey: 'key-0' });
  assert.deepEqual(all.extras(2), {
    ...{ maxAttempts: 4, concurrencyKey: 'key-0' },
    unique: { key: 'unique-0', policy: 'ignore' },
  });
});

test('orders roll back by their share, and another seed draws others', () => {
  const [one, same, other] = [traits({}), traits({}), traits({}, { seed: 4 })];
  near(
    share((key) => one.rollsBack(key)),
    0.25,
  );
  assert.equal(
    share((key) => one.rollsBack(key) !== same.rollsBack(key)),
    0,
  );
  assert.ok(share((key) => one.rollsBack(key) !== other.rollsBack(key)) > 0.3);
});

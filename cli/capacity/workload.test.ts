// Does the pattern of every load have the jobs that the words say, and nothing of the scenario's own story?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UsageError } from '../../harness/errors.ts';
import { handlerMoments } from './loads.ts';
import { patternOf, workloadSchema } from './workload.ts';

test('without words: the jobs of the pattern', async () => {
  const { name, job, smoke, neighbours } = await patternOf(workloadSchema.parse({}));
  assert.equal(name, 'steady');
  assert.deepEqual(job.handler, { time: 'none' });
  assert.deepEqual([smoke, neighbours], [undefined, undefined]);
});

test('mean, law, payload and other load', async () => {
  const { job, neighbours } = await patternOf({ jobMs: 40, payload: 2_000, otherLoad: 20 });
  assert.deepEqual(job.handler, { time: 'constant', ms: 40 });
  assert.equal(job.payloadBytes, 2_000);
  assert.equal(neighbours?.bystander?.ratePerSec, 20);
  const exponential = await patternOf({ jobMs: 40, jobTime: { law: 'exponential' } });
  assert.deepEqual(exponential.job.handler, { time: 'exponential', meanMs: 40 });
  assert.deepEqual((await patternOf({ jobMs: 0 })).job.handler, { time: 'none' });
});

test('a lognormal law around a mean has that mean, and the 99th percentile that was given', async () => {
  for (const [jobMs, p99Ms] of [
    [40, 400],
    [40, 41],
    [100, 1_000],
  ] as const) {
    const { handler } = (await patternOf({ jobMs, jobTime: { law: 'lognormal', p99Ms } })).job;
    assert.ok(handler.time === 'lognormal');
    assert.equal(handler.p99Ms, p99Ms);
    assert.ok(Math.abs(handlerMoments(handler).meanMs - jobMs) < 1e-6, `${handlerMoments(handler).meanMs}`);
  }
});

test('words that do not go together are refused in one line', async () => {
  const cases = [
    [{ jobTime: { law: 'exponential' } }, /--job-time: give the mean with --job-ms/],
    [{ jobMs: 40, jobTime: { law: 'lognormal', p99Ms: 40 } }, /between 40 and 598 ms/],
    [{ jobMs: 40, jobTime: { law: 'lognormal', p99Ms: 700 } }, /between 40 and 598 ms/],
    [{ scenario: 'stedy' }, /did you mean steady/],
  ] as const;
  for (const [words, said] of cases)
    await assert.rejects(patternOf(words), (error: unknown) => {
      assert.ok(error instanceof UsageError, String(error));
      assert.match(error.message, said);
      assert.doesNotMatch(error.message, /\n/);
      return true;
    });
});

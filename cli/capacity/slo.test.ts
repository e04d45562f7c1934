// Is an SLO read as it is meant, and a wrong one answered with the mend?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UsageError } from '../../harness/errors.ts';
import { sloSchema } from '../../harness/result/capacity.ts';
import { DEFAULT_SLO, readSlo } from './slo.ts';

test('percentiles of latencies, in any unit of time', () => {
  const us = (text: string): unknown => readSlo([text])[0];
  assert.deepEqual(us('pickup.p99<250ms'), {
    of: 'pickup',
    percentile: 99,
    limitUs: 250_000,
    text: 'pickup.p99 < 250 ms',
  });
  assert.deepEqual(us(' response.p999 <= 1.5 s '), {
    of: 'response',
    percentile: 99.9,
    limitUs: 1.5e6,
    text: 'response.p999 < 1.5 s',
  });
  assert.deepEqual(us('enqueue.p50<800µs'), {
    of: 'enqueue',
    percentile: 50,
    limitUs: 800,
    text: 'enqueue.p50 < 800 µs',
  });
});

test('growth of dead tuples, with or without its unit', () => {
  const growth = { of: 'deadTuples', limitPerSec: 500, text: 'deadTuples.growth < 500 /s' };
  for (const text of ['deadTuples.growth<500', 'deadTuples.growth <= 500/s', 'deadTuples.growth < 500 /s'])
    assert.deepEqual(readSlo([text]), [growth], text);
});

test('what is told of an SLO is read back as the same, and fits the schema', () => {
  const texts = [DEFAULT_SLO, 'response.p95<2s', 'service.p90<999µs', 'deadTuples.growth<0.5/s'];
  const slo = readSlo(texts);
  assert.deepEqual(readSlo(slo.map(({ text }) => text)), slo);
  for (const one of slo) assert.deepEqual(sloSchema.parse(one), one);
});

test('a wrong one is answered in one line, with what would be right', () => {
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [['pickp.p99<250ms'], /did you mean pickup/],
    [['pickup.p98<250ms'], /did you mean pickup\.p90/],
    [['deadTuples.grwth<5'], /did you mean deadTuples\.growth/],
    [['elephants<5'], /; there are: enqueue\.p50, [^:]*, deadTuples\.growth$/],
    [['pickup.p99'], /missing behind the figure/],
    [['pickup.p99>250ms'], /upper limit/],
    [['pickup.p99<0ms'], /limit above 0/],
    [['pickup.p99<250'], /time/],
    [['lost<1'], /upper limit of a percentile/],
    [['pickup.mean<1ms'], /./],
    [['pickup.p99 < 2 x response.p99'], /upper limit of a percentile/],
    [['deadTuples.growth<0/s'], /limit above 0/],
    [['pickup.p99<250ms', 'pickup.p99<100ms'], /another limit for the same figure/],
    [['deadTuples.growth<5', 'deadTuples.growth<6'], /another limit for the same figure/],
    [[''], /--slo/],
  ];
  for (const [texts, said] of cases)
    assert.throws(
      () => readSlo(texts),
      (error: unknown) => {
        assert.ok(error instanceof UsageError, `${texts}: ${error}`);
        assert.match(error.message, said);
        assert.match(error.message, /^--slo /);
        assert.doesNotMatch(error.message, /\n/);
        return true;
      },
    );
});

// Does the sentence say what was found, and no more?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Probe, searchSchema } from '../../harness/result/capacity.ts';
import type { RateInterval } from '../../stats/rate-search.ts';
import { describeSearch } from './search.ts';

const slo = [{ of: 'pickup' as const, percentile: 99, limitUs: 250_000, text: 'pickup.p99 < 250 ms' }];

function probe(ratePerSec: number, outcome: Probe['outcome'], why: string[] = []): Probe {
  return { cell: 'c001', purpose: 'bracket', ratePerSec, seconds: 10, outcome, why };
}

function told(
  interval: Partial<RateInterval> & Pick<RateInterval, 'state'>,
  probes: Probe[] = [],
  jobMs = 0,
) {
  const none = { passConfirmed: false, failConfirmed: false, unclearPerSec: [], unmeasurablePerSec: [] };
  const found = {
    ...{ contender: 'skip-locked', slo, probes, handlers: 8, jobMs },
    interval: { ...none, ...interval },
  };
  const answer = describeSearch(found);
  searchSchema.shape.answer.parse(answer);
  return answer;
}

test('bracketed: both ends, and what the fail failed by, as the last load said', () => {
  const answer = told(
    { state: 'bracketed', passPerSec: 640, failPerSec: 671, passConfirmed: true, failConfirmed: true },
    [probe(671, 'fail', ['at first']), probe(640, 'pass'), probe(671, 'fail', ['in the end'])],
  );
  assert.equal(
    answer.text,
    'skip-locked with 8 handlers of 0 ms held pickup.p99 < 250 ms at 640 jobs/s and failed at 671 jobs/s.',
  );
  assert.deepEqual(answer.limitedBy, ['in the end']);
  assert.deepEqual([answer.passPerSec, answer.failPerSec], [640, 671]);
});

test('a limit near what the handlers can do at most is said to be theirs', () => {
  const interval = { state: 'bracketed' as const, passPerSec: 370, failPerSec: 390, passConfirmed: true };
  assert.match(
    told(interval, [], 20).text,
    /8 handlers of 20\.0 ms settle no more than 400 jobs\/s on any queue/,
  );
  assert.doesNotMatch(told(interval, [], 2).text, /on any queue/);
});

test('what is not confirmed, and what could not be told, is said', () => {
  const answer = told({ state: 'bracketed', passPerSec: 600, failPerSec: 700, unclearPerSec: [630, 665] });
  assert.equal(
    answer.text,
    'skip-locked with 8 handlers of 0 ms held pickup.p99 < 250 ms at 600 jobs/s and failed at 700 jobs/s; not all loads that confirm were had of the pass and the fail; 630, 665 jobs/s could not be told.',
  );
});

test('without one of the ends, or both, it says why', () => {
  const probes = [probe(100, 'pass'), probe(50, 'fail')];
  assert.match(
    told({ state: 'no fail', passPerSec: 100, passConfirmed: true }, probes).text,
    /^skip-locked with 8 handlers of 0 ms held .* at 100 jobs\/s; no rate that was tried, up to 100 jobs\/s, failed\.$/,
  );
  assert.match(
    told({ state: 'no pass', failPerSec: 50, failConfirmed: true }, probes).text,
    /at no rate that was tried, down to 50\.0 jobs\/s\.$/,
  );
  const blind = { state: 'unmeasurable' as const, unmeasurablePerSec: [25, 400] };
  assert.match(
    told({ ...blind, passPerSec: 300, passConfirmed: true }, probes).text,
    /held .* at 300 jobs\/s; where it fails is unknown: this machine could not carry the load of 400 jobs\/s\.$/,
  );
  assert.match(told(blind).text, /^nothing could be told: .* 25\.0 jobs\/s\.$/);
  assert.equal(
    told(blind, [
      probe(25, 'void', ['the generator stood still']),
      probe(50, 'unclear', ['too few readings']),
    ]).text,
    'nothing could be told: at 50.0 jobs/s too few readings.',
  );
  assert.equal(told({ state: 'interrupted' }).text, 'the search ended before its answer.');
  assert.match(
    told({ state: 'interrupted', failPerSec: 80 }).text,
    /^the search ended before its answer; so far skip-locked with 8 handlers of 0 ms failed at 80\.0 jobs\/s; not all loads that confirm were had of the fail/,
  );
});

test('a server that failed twice at one rate is named, and once is not', () => {
  const failed = (ratePerSec: number) => probe(ratePerSec, 'void', ['the server was lost: it is full']);
  const blind = { state: 'unmeasurable' as const, unmeasurablePerSec: [400] };
  const held = { ...blind, passPerSec: 300, passConfirmed: true };
  assert.match(
    told(held, [probe(300, 'pass'), failed(400), failed(400)]).text,
    /where it fails is unknown: at 400 jobs\/s the server was lost: it is full\.$/,
  );
  assert.match(
    told(held, [probe(300, 'pass'), failed(400), probe(400, 'void', ['late'])]).text,
    /this machine could not carry the load of 400 jobs\/s/,
  );
  assert.match(
    told(blind, [failed(400), failed(400)]).text,
    /^nothing could be told: at 400 jobs\/s the server was lost/,
  );
});

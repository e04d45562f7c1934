// Is a load judged by each of its conditions, and left unclear where it cannot tell?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Slo } from '../../harness/result/result.ts';
import type { ProbeEvidence } from './evidence.ts';
import { judgeProbe, probeSeconds } from './probe.ts';

const PICKUP: Slo = { of: 'pickup', percentile: 99, limitUs: 250_000, text: 'pickup.p99 < 250 ms' };
const DEAD: Slo = { of: 'deadTuples', limitPerSec: 20, text: 'dead tuples < 20/s' };

/** A backlog that wavers by ± 3 jobs around a line. */
function backlog(perSec: number): ProbeEvidence['backlog'] {
  return Array.from({ length: 38 }, (_, i) => ({
    t: 1 + i / 2,
    jobs: Math.round(20 + (perSec * i) / 2 + 3 * Math.sin(i * 2.3)),
  }));
}

function windows(...beyond: number[]): ProbeEvidence['windows'] {
  return beyond.map((jobs, i) => ({
    fromSeconds: 1 + 3 * i,
    toSeconds: 4 + 3 * i,
    jobs: [1_000],
    beyond: [jobs],
  }));
}

function evidence(change: Partial<ProbeEvidence> = {}): ProbeEvidence {
  return {
    ...{ ratePerSec: 400, offered: 7_600, settled: 7_590, seconds: 19 },
    ...{ backlog: backlog(0), windows: windows(0, 2, 1, 0, 5, 3), deadTuples: [] },
    ...{ verdict: 'valid' as const, reasons: [], lost: 0 },
    ...{ enqueued: 7_600, generatorAlone: false, stalledShare: 0 },
    ...change,
  };
}

const outcomeOf = (change: Partial<ProbeEvidence>, slo: readonly Slo[] = [PICKUP]) =>
  judgeProbe(evidence(change), slo);

test('a load that holds everything passes, with its figures', () => {
  const judged = outcomeOf({ percentileUs: 88_000 });
  assert.deepEqual([judged.outcome, judged.why, judged.percentileUs], ['pass', [], 88_000]);
  assert.equal(judged.achievedShare, 7_590 / 7_600);
  assert.deepEqual(judged.beyondShares, [[0, 0.002, 0.001, 0, 0.005, 0.003]]);
  assert.ok(judged.backlogPerSec && judged.backlogPerSec.low < 0 && judged.backlogPerSec.high < 4);
  assert.equal(judged.deadTuplesPerSec, undefined);
});

test('a share of exactly what the percentile allows is held, one job more is not', () => {
  assert.equal(outcomeOf({ windows: windows(10, 10, 10) }).outcome, 'pass');
  assert.notEqual(outcomeOf({ windows: windows(10, 11, 10) }).outcome, 'pass');
});

test('one bad sub-window is no pass, and no fail', () => {
  const judged = outcomeOf({ windows: windows(0, 0, 60, 0, 0, 0) });
  assert.equal(judged.outcome, 'unclear');
  assert.match(
    judged.why.join(),
    /^pickup p99: 1\.00\s% of the jobs beyond 250\s?ms, too many in 1 of 6 sub-windows$/,
  );
});

test('sub-windows that are bad throughout fail', () => {
  const judged = outcomeOf({ windows: windows(40, 55, 61, 48, 70, 66) });
  assert.equal(judged.outcome, 'fail');
  assert.match(judged.why.join(), /in 6 of 6 sub-windows/);
  assert.equal(judged.why.length, 1);
});

test('a backlog that grows fails by the whole of its interval, and says how fast', () => {
  const judged = outcomeOf({ backlog: backlog(18) });
  assert.equal(judged.outcome, 'fail');
  assert.match(judged.why.join(), /^the backlog grew by 17\.\d to 18\.\d jobs\/s \(limit 4\.00\)$/);
  // About the limit itself nothing can be said.
  assert.equal(outcomeOf({ backlog: backlog(4) }).outcome, 'unclear');
  assert.match(outcomeOf({ backlog: backlog(0).slice(0, 4) }).why.join(), /too few readings/);
});

test('too little settled: unclear by a little, a fail by much', () => {
  assert.equal(outcomeOf({ settled: 7_500 }).outcome, 'unclear');
  const judged = outcomeOf({ settled: 6_000 });
  assert.equal(judged.outcome, 'fail');
  assert.match(judged.why.join(), /^78\.9\s% of the offered jobs were settled/);
});

test('dead tuples count where the SLO asks, and only there', () => {
  const grow = (perSec: number) =>
    Array.from({ length: 19 }, (_, i) => ({ t: i + 1, tuples: 500 + perSec * i + 5 * Math.sin(i * 1.7) }));
  assert.equal(outcomeOf({ deadTuples: grow(100) }).outcome, 'pass');
  assert.equal(outcomeOf({ deadTuples: grow(5) }, [PICKUP, DEAD]).outcome, 'pass');
  const judged = outcomeOf({ deadTuples: grow(100) }, [DEAD, PICKUP]);
  assert.equal(judged.outcome, 'fail');
  assert.match(judged.why.join(), /^dead tuples grew by .* per second \(limit 20\.0\)$/);
  assert.ok((judged.deadTuplesPerSec?.low ?? 0) > 90);
  assert.equal(outcomeOf({ deadTuples: [] }, [DEAD]).outcome, 'unclear');
});

test('what is incorrect or lost fails, whatever the figures; what is invalid is void, with its reasons', () => {
  const wrong = outcomeOf({ verdict: 'incorrect', reasons: ['2 jobs lost'], lost: 2 });
  assert.deepEqual([wrong.outcome, wrong.why], ['fail', ['2 jobs lost']]);
  assert.equal(wrong.beyondShares, undefined);
  const blind = outcomeOf({ verdict: 'invalid', reasons: ['an event loop stood still'], settled: 0 });
  assert.deepEqual([blind.outcome, blind.why], ['void', ['an event loop stood still']]);
  assert.equal(blind.achievedShare, undefined);
  const late = outcomeOf({
    ...{
      verdict: 'invalid',
      reasons: ['generator: late: close other programs, or offer less, and run again'],
    },
  });
  assert.deepEqual(late.why, ['generator: late']);
});

test('an overload that made the generator stand still is a fail where the stalls cannot explain its backlog', () => {
  const late = { verdict: 'invalid' as const, reasons: ['generator: it stood still'], generatorAlone: true };
  const growing = { ...late, backlog: backlog(100), settled: 5_700 };
  const told = outcomeOf({ ...growing, stalledShare: 0.06 });
  assert.equal(told.outcome, 'fail');
  assert.match(told.why.join(), /^the backlog grew by .* of which 48\.0 may be due to a generator/);
  // Twice 0.13 × 400 jobs/s are more than what it grew by.
  assert.equal(outcomeOf({ ...growing, stalledShare: 0.13 }).outcome, 'void');
  assert.equal(outcomeOf({ ...growing, stalledShare: 0.06, generatorAlone: false }).outcome, 'void');
  assert.equal(outcomeOf({ ...growing, stalledShare: 0.06, enqueued: 7_400 }).outcome, 'void');
  assert.equal(outcomeOf({ ...late, stalledShare: 0.06 }).outcome, 'void');
});

test('nothing measured is no pass', () => {
  assert.equal(outcomeOf({ windows: [], offered: 0, settled: 0 }).outcome, 'unclear');
});

test('a probe is as long as its percentiles need, between bounds', () => {
  assert.deepEqual(
    [10, 400, 800, 5_000].map((rate) => [probeSeconds(rate, false), probeSeconds(rate, true)]),
    [
      [20, 50],
      [20, 50],
      [10, 25],
      [6, 15],
    ],
  );
});

test('a long load must be steadier than a short one, and one that holds a snapshot no more so than a long one', () => {
  assert.equal(outcomeOf({ backlog: backlog(1) }).outcome, 'pass');
  assert.match(outcomeOf({ backlog: backlog(1), seconds: 50 }).why.join(), /wandered too slowly/);
  assert.equal(outcomeOf({ seconds: 50 }).outcome, 'pass');
  assert.equal(outcomeOf({ seconds: 1_000 }).outcome, 'pass');
});

// Do the counters of a run never fall, and agree with its cells when these have ended?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scenarioSchema } from '../../scenarios/scenario.ts';
import type { CellPlan } from '../cell/plan.ts';
import { voidCell } from '../cell/void.ts';
import { newCounters } from '../measure/recorder.ts';
import { emptyLatencies, record } from './buckets.ts';
import { LiveMetrics, type LiveReading } from './live-metrics.ts';
import { liveReading } from './live-reading.ts';

function plan(id: string, contender = 'batch'): CellPlan {
  return {
    id,
    block: 0,
    order: 0,
    repeat: 1,
    scenario: scenarioSchema.parse({
      name: 'steady',
      question: 'What is told while it runs?',
      phases: [{ label: 'x', seconds: 1, arrival: { model: 'uniform', ratePerSec: 10 } }],
    }),
    contender: { name: contender, source: { kind: 'built-in', name: 'batch' }, axes: {} },
    seed: 1,
  };
}

function reading(settled: number): LiveReading {
  const latencies = emptyLatencies();
  for (let i = 0; i < settled; i += 1) record(latencies.service, 300);
  return { begun: true, jobs: { offered: 10, enqueued: 9, claimed: settled, settled }, latencies };
}

const empty = voidCell(plan('x'), 'job-queue', 'for the shape').cell;

test('the cell under way is added to what has ended, and stays when it ends', () => {
  const live = new LiveMetrics();
  const first = plan('a');
  live.progress({ plan: first, stage: 'preparing' });
  assert.equal(live.snapshot().current?.backlog, undefined);
  let told = reading(2);
  live.watch(() => told);
  live.progress({ plan: first, stage: 'running' });
  assert.equal(live.snapshot().current?.backlog, 7);
  assert.equal(live.snapshot().current?.stage, 'running');
  told = reading(4);
  assert.deepEqual(live.snapshot().pairs[0]?.jobs, { offered: 10, enqueued: 9, claimed: 4, settled: 4 });
  live.ended({
    ...empty,
    id: 'a',
    verdict: 'valid',
    jobs: { ...empty.jobs, offered: 10, enqueued: 9, settled: 4 },
  });
  assert.deepEqual(live.snapshot().pairs[0]?.jobs, { offered: 10, enqueued: 9, claimed: 4, settled: 4 });
  assert.equal(live.snapshot().current, undefined);
  const second = plan('b');
  live.progress({ plan: second, stage: 'running' });
  assert.equal(live.snapshot().pairs[0]?.jobs.settled, 4, 'what the last cell read is not read again');
  live.watch(() => reading(1));
  assert.equal(live.snapshot().pairs[0]?.jobs.settled, 5);
  assert.equal(live.snapshot().pairs[0]?.latencies.service.counts[2], 5);
  assert.equal(live.snapshot().pairs.length, 1);
  assert.equal(live.snapshot().pairs[0]?.cells.get('valid'), 1);
});

test('what a killed agent could not tell is made up by the check; what is told is never taken back', () => {
  const live = new LiveMetrics();
  live.progress({ plan: plan('a'), stage: 'running' });
  live.watch(() => reading(4));
  const jobs = { ...empty.jobs, offered: 12, enqueued: 8, settled: 5, deadLettered: 1 };
  live.ended({ ...empty, id: 'a', verdict: 'valid', jobs });
  assert.deepEqual(live.snapshot().pairs[0]?.jobs, { offered: 12, enqueued: 9, claimed: 4, settled: 6 });
});

test('a cell that was broken off, and one that could not begin', () => {
  const live = new LiveMetrics();
  live.progress({ plan: plan('a'), stage: 'running' });
  live.watch(() => reading(4));
  live.dropped();
  live.dropped();
  assert.equal(live.snapshot().pairs[0]?.jobs.settled, 4);
  assert.equal(live.snapshot().current, undefined);
  live.ended({ ...empty, id: 'never-begun' });
  assert.equal(live.snapshot().pairs.at(-1)?.cells.get('invalid'), 1);
});

test('faults are those of incorrect cells; an order that nobody promised is none', () => {
  const live = new LiveMetrics();
  const audit = { ...empty.audit, orderViolations: 3, redelivered: 2 };
  live.ended({ ...empty, id: 'a', verdict: 'valid', audit });
  live.ended({ ...empty, id: 'b', verdict: 'incorrect', audit: { ...audit, lost: 1, orderViolations: 0 } });
  const [pair] = live.snapshot().pairs;
  assert.equal(pair?.findings.get('lost'), 1);
  assert.equal(pair?.findings.get('orderViolations'), 0);
  assert.equal(pair?.findings.has('redelivered'), false);
  assert.equal(pair?.cells.get('incorrect'), 1);
});

test('contenders and scenarios are told apart whatever their names hold', () => {
  const live = new LiveMetrics();
  live.progress({ plan: plan('a', 'x","y'), stage: 'running' });
  live.progress({ plan: plan('b', 'y'), stage: 'running' });
  assert.deepEqual(
    live.snapshot().pairs.map((pair) => pair.contender),
    ['x","y', 'y'],
  );
});

test('a reading sums what each agent told of one instant; the preload counts from the start of the load', () => {
  const latencies = emptyLatencies();
  record(latencies.enqueue, 50);
  const told = {
    counters: { ...newCounters(), sent: 5, enqueued: 4, claimedJobs: 3, finished: 2 },
    latencies,
  };
  const agents = [{ told }, { told: undefined }, { told }];
  assert.deepEqual(liveReading(agents, 100).jobs, { offered: 110, enqueued: 108, claimed: 6, settled: 4 });
  assert.equal(liveReading(agents, 100).latencies.enqueue.counts[0], 2);
  assert.equal(liveReading([], undefined).begun, false);
  assert.equal(liveReading([], undefined).jobs.offered, 0);
});

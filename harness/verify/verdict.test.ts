// Does a fault void the cell, with its reason, and does nothing else?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ScenarioInput, scenarioSchema } from '../../scenarios/scenario.ts';
import type { Load } from '../load/coordinator.ts';
import type { Figures } from '../measure/figures.ts';
import type { GeneratorHealth } from '../measure/generator.ts';
import type { CheckResult } from './checker.ts';
import { judge, LIMITS, type VerdictInput } from './verdict.ts';

const HEALTHY: GeneratorHealth = {
  eventLoopP99Us: 1_000,
  eventLoopMaxUs: 2_000,
  cpuShare: 0.3,
  gcShare: 0.01,
  peakRssBytes: 1e8,
};

function scenario(over: Partial<ScenarioInput> = {}) {
  return scenarioSchema.parse({
    name: 'test',
    question: 'Is it valid?',
    phases: [{ label: 'x', seconds: 10, arrival: { model: 'poisson', ratePerSec: 100 } }],
    ...over,
  });
}

/** The verdict reads an agent's role, number, report and whether it is broken; the process itself is not needed. */
function agent(role: 'producer' | 'worker', health: Partial<GeneratorHealth> = {}, broken = false) {
  const report = { counters: {}, health: { ...HEALTHY, ...health }, errors: [] };
  return { agent: 3, role, broken, report } as unknown as Load['agents'][number];
}

function load(over: Partial<Load> = {}): Load {
  return {
    startUs: 0,
    loadEndUs: 1e7,
    endUs: 1e7,
    totalSeconds: 10,
    keys: 1_000,
    ledgerFiles: [],
    agents: [agent('producer'), agent('worker')],
    brokenAgents: new Set(),
    faults: [],
    failures: [],
    notes: [],
    roundTrips: undefined,
    meanClaim: 1,
    peakRssBytes: 1e9,
    ...over,
  };
}

function checked(
  jobs: Partial<CheckResult['jobs']> = {},
  audit: Partial<CheckResult['audit']> = {},
  over: Partial<CheckResult> = {},
): CheckResult {
  return {
    jobs: {
      offered: 1_000,
      enqueued: 1_000,
      settled: 1_000,
      retried: 0,
      deadLettered: 0,
      skipped: 0,
      failed: 0,
      inFlight: 0,
      ...jobs,
    },
    audit: {
      lost: 0,
      duplicateClaims: 0,
      duplicateSettlements: 0,
      unexpected: 0,
      recovered: 0,
      orderViolations: 0,
      priorityInversions: 0,
      staleSettles: 0,
      acceptedStaleSettles: 0,
      settledButPresent: 0,
      redelivered: 0,
      ...audit,
    },
    violations: [],
    assumedSettled: new Set(),
    ...over,
  };
}

function figures(over: Partial<Figures> = {}): Figures {
  return {
    throughput: { settledPerSec: 100 },
    latencyUs: {},
    log: [],
    measuredSeconds: 10,
    lateShare: 0,
    notes: [],
    ...over,
  };
}

function judged(over: Partial<VerdictInput> = {}) {
  return judge({
    scenario: scenario(),
    openLoop: true,
    load: load(),
    checked: checked(),
    fence: { accepted: 0, refused: 2 },
    figures: figures(),
    ceilingPerSec: 10_000,
    serverNotes: [],
    ...over,
  });
}

test('a cell in which all went well is valid, and has nothing to excuse', () => {
  const { verdict, reasons, notes } = judged();
  assert.deepEqual({ verdict, reasons, notes }, { verdict: 'valid', reasons: [], notes: [] });
});

test('a violation makes it incorrect, and so does a fence that did not hold', () => {
  const violated = judged({ checked: checked({}, { lost: 1 }, { violations: ['1 job was lost'] }) });
  assert.equal(violated.verdict, 'incorrect');
  assert.deepEqual(violated.reasons, ['1 job was lost']);
  const fence = judged({ fence: { accepted: 2, refused: 0, problem: '2 of 2 were accepted' } });
  assert.equal(fence.verdict, 'incorrect');
  assert.match(fence.reasons.join(), /fence probe: 2 of 2/);
  assert.equal(judged({ fence: undefined }).verdict, 'valid');
});

test('incorrect outweighs invalid, and both reasons are given', () => {
  const { verdict, reasons } = judged({
    checked: checked({}, {}, { violations: ['1 job was lost'] }),
    figures: figures({ lateShare: 0.5 }),
  });
  assert.equal(verdict, 'incorrect');
  assert.equal(reasons.length, 2);
});

test('each failing of the generator makes an open loop invalid, just past its limit', () => {
  const just = (limit: number): number => limit * 1.001;
  const cases: readonly (readonly [Partial<VerdictInput>, RegExp | undefined])[] = [
    [{ figures: figures({ lateShare: LIMITS.lateShare }) }, undefined],
    [{ figures: figures({ lateShare: just(LIMITS.lateShare) }) }, /sent more than 10 ms late/],
    [{ checked: checked({ skipped: 10 }) }, undefined],
    [{ checked: checked({ skipped: 11, settled: 989 }) }, /never sent/],
    [{ load: load({ agents: [agent('worker', { eventLoopP99Us: LIMITS.eventLoopP99Us })] }) }, undefined],
    [
      { load: load({ agents: [agent('worker', { eventLoopP99Us: just(LIMITS.eventLoopP99Us) })] }) },
      /event loop of worker agent 3/,
    ],
    [{ load: load({ agents: [agent('producer', { cpuShare: LIMITS.producerCpuShare })] }) }, undefined],
    [
      { load: load({ agents: [agent('producer', { cpuShare: just(LIMITS.producerCpuShare) })] }) },
      /producer agent 3 used 95 % of a core/,
    ],
    [{ load: load({ agents: [agent('worker', { cpuShare: 1 })] }) }, undefined],
    [{ load: load({ agents: [agent('worker', { eventLoopP99Us: 1e9 }, true)] }) }, undefined],
    [{ load: load({ failures: ['worker agent 1: ended unasked'] }) }, /ended unasked/],
    [{ figures: undefined }, /nothing was measured/],
  ];
  for (const [i, [over, reason]] of cases.entries()) {
    const { verdict, reasons } = judged(over);
    assert.equal(verdict, reason === undefined ? 'valid' : 'invalid', `case ${i}: ${reasons.join('; ')}`);
    if (reason !== undefined) assert.match(reasons.join(), reason);
  }
});

test('jobs that were never sent are a share of the schedule, not of the preload', () => {
  const over = {
    scenario: scenario({ preloadJobs: 99_000 }),
    checked: checked({ offered: 100_000, skipped: 500, settled: 99_500 }),
  };
  assert.equal(judged(over).verdict, 'invalid');
});

test('a drain is not judged by the lateness of a generator that it does not have', () => {
  const drain = scenario({ preloadJobs: 10, phases: [{ label: 'x', seconds: 1 }] });
  const { verdict } = judged({
    scenario: drain,
    openLoop: false,
    load: load({ agents: [agent('worker', { eventLoopP99Us: 1e6, cpuShare: 1 })] }),
  });
  assert.equal(verdict, 'valid');
});

test('above a fifth of the ceiling of its agents a cell says that it is generator-bound', () => {
  const at = (settledPerSec: number, workers: number) =>
    judged({
      scenario: scenario({ workers: { agents: workers, connections: 1 } }),
      figures: figures({ throughput: { settledPerSec } }),
    });
  assert.equal(at(2_000, 1).generator.generatorBound, false);
  assert.equal(at(2_001, 1).generator.generatorBound, true);
  assert.equal(at(2_001, 2).generator.generatorBound, false);
  assert.match(at(2_001, 1).notes.join(), /generator-bound/);
  assert.equal(judged({ ceilingPerSec: undefined }).generator.generatorBound, false);
  assert.equal(judged({ ceilingPerSec: undefined }).generator.ceilingPerSec, undefined);
});

test('the generator’s account is that of the worst unharmed agent, and absent without one', () => {
  const agents = [
    agent('producer', { cpuShare: 0.5, eventLoopP99Us: 10 }),
    agent('worker', { cpuShare: 0.2, eventLoopP99Us: 9_000, gcShare: 0.25 }),
    agent('worker', { cpuShare: 1, eventLoopP99Us: 1e9 }, true),
  ];
  const lag = { count: 20_000, min: 0, mean: 10, p99: 400, max: 900 };
  const { generator } = judged({
    load: load({ agents }),
    figures: figures({ latencyUs: { generatorLag: lag } }),
  });
  assert.deepEqual(generator, {
    eventLoopP99Us: 9_000,
    cpuShare: 0.5,
    gcShare: 0.25,
    lagP99Us: 400,
    lagMaxUs: 900,
    ceilingPerSec: 10_000,
    generatorBound: false,
    peakRssBytes: 1e9,
  });
  const none = judged({ load: load({ agents: [] }) }).generator;
  assert.deepEqual(none, { ceilingPerSec: 10_000, generatorBound: false, peakRssBytes: 1e9 });
});

test('whatever is not as it should be, and voids nothing, is noted', () => {
  const { verdict, notes } = judged({
    checked: checked(
      { skipped: 1, failed: 2, inFlight: 3, settled: 994 },
      { redelivered: 4, staleSettles: 5, recovered: 6 },
      { assumedSettled: new Set([1, 2, 3, 4, 5, 6, 7]) },
    ),
    figures: figures({ notes: ['8 latencies were below zero: see min'] }),
    serverNotes: ['9 samples missed'],
    load: load({ notes: ['worker: 57P01 terminated'] }),
  });
  assert.equal(verdict, 'valid');
  for (const word of [/^1 .*never sent/, /^2 enq.*failed/, /^3 .*still waiting/, /^4 .*again/, /^5 late/])
    assert.ok(
      notes.some((n) => word.test(n)),
      `${word}: ${notes.join('; ')}`,
    );
  for (const word of [/^6 .*turned up/, /^7 .*count as settled/, /^8 lat/, /^9 sam/, /57P01/])
    assert.ok(
      notes.some((n) => word.test(n)),
      `${word}: ${notes.join('; ')}`,
    );
});

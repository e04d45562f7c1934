// Does a fault void the cell, with its reason, and does nothing else?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ScenarioInput, scenarioSchema } from '../../scenarios/scenario.ts';
import type { Load } from '../load/load.ts';
import type { Figures } from '../measure/figures.ts';
import type { GeneratorHealth } from '../measure/generator.ts';
import { type AgentCounters, newCounters } from '../measure/recorder.ts';
import { emptyAudit } from './audit.ts';
import type { CheckResult } from './checker.ts';
import { LIMITS, limitsAt } from './generator-limits.ts';
import { judge, type VerdictInput } from './verdict.ts';

const HEALTHY: GeneratorHealth = {
  eventLoopP99Us: 1_000,
  eventLoopMaxUs: 2_000,
  stalledShare: 0,
  cpuShare: 0.3,
  cpuUs: 3e6,
  gcShare: 0.01,
  stalledAfterUs: 0,
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
function agent(
  role: 'producer' | 'worker',
  health: Partial<GeneratorHealth> = {},
  broken = false,
  counters: Partial<AgentCounters> = {},
) {
  const report = {
    counters: { ...newCounters(), ...counters },
    health: { ...HEALTHY, ...health },
    errors: [],
  };
  return {
    agent: 3,
    role,
    broken,
    report,
    live: newCounters(),
    clock: [],
  } as unknown as Load['agents'][number];
}

/** One that was killed: nothing is known of it but its last live counts. */
function killed(role: 'producer' | 'worker', counters: Partial<AgentCounters> = {}) {
  const live = { ...newCounters(), ...counters };
  return {
    agent: 4,
    role,
    broken: true,
    report: undefined,
    live,
    clock: [],
  } as unknown as Load['agents'][number];
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
    killedAgents: new Set(),
    cleanStop: true,
    troubled: false,
    faults: [],
    failures: [],
    notes: [],
    roundTrips: undefined,
    clientCpuUs: undefined,
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
    audit: { ...emptyAudit(), ...audit },
    notes: [],
    violations: [],
    assumedSettled: new Set(),
    failed: new Set(),
    unjudged: new Set(),
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
    unsentShare: 0,
    failedShare: 0,
    excused: { late: 0, unsent: 0, failed: 0 },
    lagP99Us: 0,
    pickupP99Us: 0,
    notes: [],
    ...over,
  };
}

function judged(over: Partial<VerdictInput> = {}) {
  return judge({
    contractClass: 'job-queue',
    scenario: scenario(),
    openLoop: true,
    load: load(),
    checked: checked(),
    accounts: [],
    fence: { accepted: 0, refused: 2 },
    figures: figures(),
    ceilingPerSec: 10_000,
    agentCores: 8,
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
    [{ figures: figures({ unsentShare: LIMITS.lateShare }) }, undefined],
    [{ figures: figures({ unsentShare: just(LIMITS.lateShare) }) }, /never sent/],
    [{ figures: figures({ failedShare: LIMITS.failedShare }) }, undefined],
    [{ figures: figures({ failedShare: just(LIMITS.failedShare) }) }, /enqueues failed/],
    [{ load: load({ agents: [agent('worker', { stalledShare: LIMITS.stalledShare })] }) }, undefined],
    [
      { load: load({ agents: [agent('worker', { stalledShare: just(LIMITS.stalledShare) })] }) },
      /worker agent 3 stood still/,
    ],
    [
      { openLoop: false, load: load({ agents: [agent('worker', { stalledShare: 0.5 })] }) },
      /worker agent 3 stood still/,
    ],
    [{ load: load({ agents: [agent('producer', { cpuShare: LIMITS.producerCpuShare })] }) }, undefined],
    [
      { load: load({ agents: [agent('producer', { cpuShare: just(LIMITS.producerCpuShare) })] }) },
      /producer agent 3 used 90 % of a core \(limit 90 %\)/,
    ],
    [{ load: load({ agents: [agent('worker', { cpuShare: 1 })] }) }, undefined],
    [{ load: load({ agents: [agent('worker', { stalledShare: 1 }, true)] }) }, undefined],
    [{ load: load({ failures: ['worker agent 1: ended unasked'] }) }, /ended unasked/],
    [{ figures: undefined }, /nothing was measured/],
    [{ openLoop: false, figures: figures({ measuredSeconds: LIMITS.drainSeconds }) }, undefined],
    [
      { openLoop: false, figures: figures({ measuredSeconds: 0.04 }) },
      /drained after 0\.04 s of measuring, too soon .* a longer --duration/,
    ],
    [{ openLoop: false, figures: figures({ measuredSeconds: 0.04 }), contractClass: 'null' }, undefined],
    [{ openLoop: true, figures: figures({ measuredSeconds: 0.04 }) }, undefined],
  ];
  for (const [i, [over, reason]] of cases.entries()) {
    const { verdict, reasons } = judged(over);
    assert.equal(verdict, reason === undefined ? 'valid' : 'invalid', `case ${i}: ${reasons.join('; ')}`);
    if (reason !== undefined) assert.match(reasons.join(), reason);
  }
});

test('a stall outlasts no percentile: the share of time decides, not the p99 of the event loop', () => {
  const late = { eventLoopP99Us: 1e6, eventLoopMaxUs: 1e6 };
  assert.equal(judged({ load: load({ agents: [agent('worker', late)] }) }).verdict, 'valid');
  const stood = { eventLoopP99Us: 0, eventLoopMaxUs: 3_210_400, stalledShare: 0.25 };
  const { verdict, reasons } = judged({ load: load({ agents: [agent('producer', stood)] }) });
  assert.equal(verdict, 'invalid');
  assert.match(reasons.join(), /producer agent 3 stood still for 25 % of the time .*longest 3210 ms/);
  assert.equal(judged({ load: load({ agents: [killed('worker')] }) }).verdict, 'valid');
});

test('jobs that never got there are a share of those measured, however many more a warm-up or a preload had', () => {
  const before = checked({ offered: 1_000, skipped: 400, failed: 100, settled: 500 });
  assert.equal(judged({ checked: before }).verdict, 'valid', 'all of them before the window');
  const few = { checked: checked({ offered: 100_000, skipped: 5, failed: 0, settled: 99_995 }) };
  assert.equal(judged({ ...few, figures: figures({ unsentShare: 0.05 }) }).verdict, 'invalid');
});

test('a stall after the load is noted from a fiftieth of the load on, and voids nothing', () => {
  const after = (stalledAfterUs: number, over: Partial<VerdictInput> = {}) =>
    judged({ load: load({ agents: [agent('worker', { stalledAfterUs })] }), ...over });
  assert.deepEqual(after(200_000).notes, []);
  assert.equal(after(201_000).verdict, 'valid');
  assert.match(after(201_000).notes.join(), /^worker agent 3 stood still for 201 ms after the load/);
  assert.deepEqual(after(1e6, { openLoop: false }).notes, [], 'a drain has no after');
  assert.deepEqual(
    judged({ load: load({ agents: [agent('worker', { stalledAfterUs: 1e6 }, true)] }) }).notes,
    [],
  );
});

test('a drain is not judged by the lateness or the failures of a generator that it does not have', () => {
  const drain = scenario({ preload: { ready: 10 }, phases: [{ label: 'x', seconds: 1 }] });
  const { verdict } = judged({
    scenario: drain,
    openLoop: false,
    load: load({ agents: [agent('worker', { eventLoopP99Us: 1e6, cpuShare: 1 })] }),
    checked: checked({ failed: 500 }),
  });
  assert.equal(verdict, 'valid');
});

test('above a fifth of the ceiling of its agents a cell says that it is generator-bound', () => {
  const at = (settledPerSec: number, workers: number, agentCores = 8) =>
    judged({
      agentCores,
      scenario: scenario({ workers: { agents: workers, connections: 1 } }),
      figures: figures({ throughput: { settledPerSec } }),
    });
  assert.equal(at(2_000, 1).generator.generatorBound, false);
  assert.equal(at(2_001, 1).generator.generatorBound, true);
  assert.equal(at(2_001, 2).generator.generatorBound, false);
  assert.match(at(2_001, 1).notes.join(), /generator-bound/);
  assert.equal(judged({ ceilingPerSec: undefined }).generator.generatorBound, false);
  assert.equal(judged({ ceilingPerSec: undefined }).generator.ceilingPerSec, undefined);
  assert.match(
    judged({ ceilingPerSec: undefined }).notes.join(),
    /^no ceiling could be measured: generator-bound is not judged/,
  );
  assert.equal(at(1, 3).generator.ceilingPerSec, 30_000, 'published for as many agents as there were');
  assert.equal(at(1, 3, 2).generator.ceilingPerSec, 20_000, 'which have no more than their cores');
  assert.equal(at(4_000, 3, 2).generator.generatorBound, false);
  assert.equal(at(4_001, 3, 2).generator.generatorBound, true);
});

test('a worker agent that keeps its core busy is a bound too, with or without a known ceiling', () => {
  const with80 = (role: 'producer' | 'worker', cpuShare: number, ceilingPerSec: number | undefined) =>
    judged({ ceilingPerSec, load: load({ agents: [agent(role, { cpuShare }), agent('worker')] }) });
  for (const ceiling of [10_000, undefined]) {
    assert.equal(with80('worker', LIMITS.workerCpuShare, ceiling).generator.generatorBound, false);
    const busy = with80('worker', 0.801, ceiling);
    assert.equal(busy.generator.generatorBound, true);
    assert.equal(busy.verdict, 'valid');
    assert.equal(/^no ceiling could be measured/m.test(busy.notes.join('\n')), ceiling === undefined);
    assert.match(busy.notes.join(), /worker agent above 80 % of a core/);
    // A producer that is too busy is late, and judged by that.
    assert.equal(with80('producer', 0.9, ceiling).generator.generatorBound, false);
  }
});

test('enqueues that waited for a connection of the producer are published, and noted from one in a hundred', () => {
  const waiting = (poolWaits: number) =>
    judged({
      load: load({
        agents: [
          agent('producer', {}, false, { sent: 600, poolWaits }),
          killed('producer', { sent: 400 }),
          agent('worker', {}, false, { sent: 1e6, poolWaits: 1e6 }),
        ],
      }),
    });
  const note = /of the enqueues waited for one of the producer's connections/;
  assert.equal(waiting(10).generator.poolWaitShare, 0.01);
  assert.doesNotMatch(waiting(10).notes.join(), note);
  assert.equal(waiting(11).generator.poolWaitShare, 0.011);
  assert.match(waiting(11).notes.join(), note);
  assert.equal(waiting(11).verdict, 'valid');
  assert.equal(judged().generator.poolWaitShare, undefined, 'nothing was sent');
});

test('a lag of the generator that is more than a fifth of pickup, and beyond what the pacer means, is noted', () => {
  const noted = (lagP99Us: number, pickupP99Us: number): string =>
    judged({ figures: figures({ lagP99Us, pickupP99Us }) }).notes.join();
  assert.equal(noted(1_000, 5_000), '');
  assert.match(noted(1_000, 4_999), /own lag at p99 \(about 1\.0 ms\) is 20 % of pickup p99/);
  assert.match(noted(30_000, 40_000), /about 30\.0 ms\) is 75 %/);
  assert.match(noted(999, 1_000), /about 1\.0 ms\) is 100 %/);
  assert.match(noted(200, 999), /about 0\.2 ms\) is 20 %/);
  assert.equal(noted(199, 200), '');
  assert.equal(noted(1_000, 5_001), '');
});

test('the generator’s account is that of the worst unharmed agent, and absent without one', () => {
  const agents = [
    agent('producer', { cpuShare: 0.5, eventLoopP99Us: 10, stalledShare: 0.0123, eventLoopMaxUs: 7_000.4 }),
    agent('worker', { cpuShare: 0.2, eventLoopP99Us: 9_000, gcShare: 0.25 }),
    agent('worker', { cpuShare: 0.7, eventLoopP99Us: 1e9, eventLoopMaxUs: 1e9, stalledShare: 1 }, true),
  ];
  const lag = { count: 20_000, min: 0, mean: 10, p99: 400, max: 900 };
  const { generator } = judged({
    load: load({ agents }),
    figures: figures({ latencyUs: { generatorLag: lag } }),
  });
  assert.deepEqual(generator, {
    eventLoopP99Us: 9_000,
    eventLoopMaxUs: 7_000,
    stalledShare: 0.012,
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

test('a smoke test is held to wider limits, and not to none', () => {
  const { stalledShare } = LIMITS;
  const smoke = limitsAt('smoke');
  assert.ok(smoke.stalledShare > 3 * stalledShare && smoke.stalledShare < 0.5);
  assert.deepEqual(limitsAt(undefined), LIMITS);
  assert.deepEqual(
    Object.keys(smoke).filter(
      (key) => smoke[key as keyof typeof LIMITS] !== LIMITS[key as keyof typeof LIMITS],
    ),
    ['lateShare', 'stalledShare', 'drainStalledShare', 'proxyBusyShare'],
    'what a queue did with a clock or a failed enqueue is no matter of speed',
  );
});

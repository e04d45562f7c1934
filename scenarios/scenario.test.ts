// Is every scenario that comes with claimbench valid, and every one that cannot answer anything refused?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { strategies } from '../queue/index.ts';
import type { FaultInput } from './fault.ts';
import { BUILT_IN_SCENARIOS, SUITES } from './index.ts';
import { loadModel } from './load-model.ts';
import {
  SCENARIO_KEYS,
  type ScenarioInput,
  scenarioSchema,
  scheduledFaults,
  totalSeconds,
} from './scenario.ts';

const arrival = { model: 'poisson', ratePerSec: 5 } as const;

function valid(over: Partial<ScenarioInput>): boolean {
  const scenario = { name: 'x', question: 'q?', phases: [{ label: 'a', seconds: 1, arrival }], ...over };
  return scenarioSchema.safeParse(scenario).success;
}

for (const input of BUILT_IN_SCENARIOS) {
  test(`${input.name} is valid, asks a question, and measures something after its warm-up`, () => {
    const scenario = scenarioSchema.parse(input);
    assert.match(scenario.question, /\?$/);
    let from = 0;
    const measured = scenario.phases.filter((phase) => {
      from += phase.seconds;
      return phase.measured && from > scenario.warmupSeconds;
    });
    assert.ok(measured.length > 0);
    const faults = scheduledFaults(scenario);
    for (const fault of faults) assert.ok(fault.atSeconds < totalSeconds(scenario));
    const hurt = faults.filter(({ fault }) => fault.endsWith('-worker'));
    assert.ok(hurt.length < scenario.workers.agents, 'a worker must be left to do the work');
  });
}

test('names are unique, and suites name what exists', () => {
  const names = BUILT_IN_SCENARIOS.map((s) => s.name);
  assert.equal(new Set(names).size, names.length);
  for (const suite of SUITES) for (const name of suite.scenarios) assert.ok(names.includes(name), name);
  assert.equal(new Set(SUITES.map((s) => s.name)).size, SUITES.length);
});

test('the suite of the strategies leaves none out', () => {
  const suite = SUITES.find(({ name }) => name === 'strategies');
  for (const { strategyName } of strategies)
    assert.ok(suite?.contenders.includes(strategyName), `${strategyName} is missing`);
  assert.equal(new Set(suite?.contenders).size, suite?.contenders.length);
});

test('a scenario that offers nothing, measures nothing or ends in its warm-up is refused', () => {
  assert.ok(valid({}));
  assert.ok(valid({ phases: [{ label: 'a', seconds: 1 }], preload: { ready: 1 } }));
  assert.ok(!valid({ phases: [{ label: 'a', seconds: 1 }] }));
  assert.ok(!valid({ phases: [{ label: 'a', seconds: 1, arrival, measured: false }] }));
  assert.ok(!valid({ warmupSeconds: 1 }));
  assert.ok(!valid({ phases: [] }));
});

const phasesWith = (...faults: FaultInput[]) => [
  { label: 'a', seconds: 1, arrival },
  { label: 'b', seconds: 2, faults },
];

test('a fault that would strike after the end of its phase is refused', () => {
  const kill = (afterSeconds: number): boolean =>
    valid({ phases: phasesWith({ fault: 'kill-worker', afterSeconds }) });
  const stall = (afterSeconds: number): boolean =>
    valid({ phases: phasesWith({ fault: 'stall-worker', afterSeconds, forSeconds: 5 }) });
  for (const fault of [kill, stall]) {
    assert.ok(fault(1.999));
    assert.ok(!fault(2));
    assert.ok(!fault(2.5));
  }
  const phases = phasesWith({ fault: 'kill-worker' }, { fault: 'kill-worker', afterSeconds: 4 });
  const said = scenarioSchema.safeParse({ name: 'x', question: 'q?', phases }).error;
  assert.match(
    said?.issues[0]?.message ?? '',
    /kill-worker comes after the end of its phase/,
    'each of several',
  );
  assert.deepEqual(said?.issues[0]?.path, ['phases', 1, 'faults', 1]);
});

test('faults lie on the time of the load, and last to the end of their phase unless they are told', () => {
  const phases = phasesWith(
    { fault: 'held-xmin', afterSeconds: 0.5 },
    { fault: 'stall-worker', forSeconds: 7 },
    { fault: 'kill-worker', afterSeconds: 1 },
    { fault: 'kill-worker', afterSeconds: 1.5, everySeconds: 0.1 },
    { fault: 'restart-server', afterSeconds: 0.1 },
  );
  const scenario = scenarioSchema.parse({ name: 'x', question: 'q?', phases });
  assert.deepEqual(
    scheduledFaults(scenario).map(({ fault, atSeconds, forSeconds }) => [fault, atSeconds, forSeconds]),
    [
      ['stall-worker', 1, 7],
      ['restart-server', 1.1, undefined],
      ['held-xmin', 1.5, 1.5],
      ['kill-worker', 2, undefined],
      ['kill-worker', 2.5, 0.5],
    ],
  );
});

test('a late commit without a schedule, or beyond the end of the load, is refused', () => {
  const lateCommit = (forSeconds: number): FaultInput => ({
    fault: 'late-commit',
    ...{ afterSeconds: 0.5, forSeconds },
  });
  const late = (phase: object, forSeconds = 0.4): boolean =>
    valid({
      phases: [{ label: 'a', seconds: 1, arrival, faults: [lateCommit(forSeconds)], ...phase }],
    });
  assert.ok(late({}));
  assert.ok(!late({}, 0.6));
  const preloaded = [{ label: 'a', seconds: 1, faults: [lateCommit(0.4)] }];
  assert.ok(!valid({ phases: preloaded, preload: { ready: 1 } }));
  assert.ok(!late({ arrival: { model: 'closed', clients: 1 } }));
});

test('jobs that cannot travel, belong together or be replaced as asked are refused', () => {
  const phases = [{ label: 'a', seconds: 10, arrival }];
  const http = { agents: 1, http: {} };
  assert.ok(valid({ phases, producers: http }));
  assert.ok(!valid({ phases, producers: http, job: { unique: { count: 2 } } }));
  assert.ok(!valid({ phases, producers: http, job: { keys: { count: 2 } } }));
  const orders = { transaction: { jobs: 2 } };
  assert.ok(valid({ phases, producers: orders, job: { unique: { count: 2 } } }));
  assert.ok(!valid({ phases, producers: orders, job: { unique: { count: 2, policy: 'ignore' } } }));
  const killed = (everySeconds: number, replaced: boolean): boolean => {
    const faults: FaultInput[] = [{ fault: 'kill-worker', everySeconds, replaced }];
    return valid({
      workers: { agents: 6, connections: 1 },
      phases: [{ label: 'a', seconds: 10, arrival, faults }],
    });
  };
  assert.ok(killed(1, true), 'six workers and ten that take their places');
  assert.ok(!killed(0.9, true));
  assert.ok(killed(0.9, false));
});

test('values beyond their range are refused', () => {
  for (const over of [
    { leaseMs: 99 },
    { job: { payloadBytes: 47 } },
    { job: { priorities: [] } },
    { job: { priorities: [1.5] } },
    { job: { handler: { time: 'lognormal', medianMs: 5, p99Ms: 5 } } },
    { preload: { ready: -1 } },
    { preload: { ready: 1, delayed: { jobs: 1, dueAtSeconds: 1 } } },
    { serverNeeds: { work_mem: 5 } },
    { producers: { bulk: 2, transaction: { jobs: 2 } } },
    { workers: { agents: 0, connections: 1 } },
    { producers: { agents: 17, connections: 1 } },
    { phases: [{ label: 'a', seconds: 1, arrival: { model: 'poisson', ratePerSec: 0 } }] },
    { phases: [{ label: 'a', seconds: 1, arrival: { model: 'poisson', ratePerSec: Number.NaN } }] },
    { phases: [{ label: '', seconds: 1, arrival }] },
    { name: 'Has Spaces' },
    { name: '../up' },
  ] as Partial<ScenarioInput>[])
    assert.ok(!valid(over), JSON.stringify(over));
});

const ABSENT = ['limits', 'neighbours', 'seed', 'smoke', 'topology', 'warmupCapSeconds'];

test('every default is filled in, but for what is absent by default', () => {
  const scenario = scenarioSchema.parse({
    name: 'x',
    question: 'q?',
    phases: [{ label: 'a', seconds: 1, arrival }],
  });
  assert.deepEqual([...Object.keys(scenario), ...ABSENT].sort(), [...SCENARIO_KEYS].sort());
  assert.equal(scenario.phases[0]?.measured, true);
  assert.deepEqual(scenario.job.handler, { time: 'none' });
  assert.deepEqual(scenario.preload, { ready: 0, finished: 0, analysed: true });
  assert.deepEqual(scenario.producers, { agents: 1, connections: 4 });
});

test('a topology is refused where it has no sense', () => {
  const pooler = (mode: 'transaction' | 'session', poolSize: number): boolean =>
    valid({ topology: { pooler: { mode, poolSize } } });
  assert.ok(pooler('transaction', 1));
  assert.ok(!pooler('transaction', 0));
  // By default 4 connections of a producer and 8 of a worker, with three more.
  assert.ok(pooler('session', 15));
  assert.ok(!pooler('session', 14));
  const faulty = (faults: readonly FaultInput[], feedback?: boolean): boolean =>
    valid({
      phases: phasesWith(...faults),
      ...(feedback === undefined ? {} : { topology: { standby: { feedback } } }),
    });
  const lost = { fault: 'lose-standby', afterSeconds: 0.5 } as const;
  for (const fault of [lost, { fault: 'standby-query', afterSeconds: 0.5, forSeconds: 1 } as const]) {
    assert.ok(!faulty([fault]), 'without a standby');
    assert.ok(faulty([fault], false));
    assert.ok(faulty([fault], true));
  }
  assert.ok(!faulty([lost, lost], true));
  assert.ok(faulty([{ fault: 'abandon-slot', afterSeconds: 0.5 }]));
  assert.ok(!scenarioSchema.safeParse({ ...BUILT_IN_SCENARIOS[0], topology: { poler: {} } }).success);
});

test('the load model says what stands around the load', () => {
  const model = (topology: ScenarioInput['topology']): string =>
    loadModel(
      scenarioSchema.parse({
        ...{ name: 'x', question: 'q?', phases: [{ label: 'a', seconds: 1, arrival }] },
        topology,
      }),
    );
  const plain = 'open loop, poisson arrivals';
  assert.equal(model(undefined), plain);
  assert.equal(
    model({ pooler: { mode: 'transaction', poolSize: 1 }, standby: { feedback: true } }),
    `${plain}, through PgBouncer (transaction mode, 1 server connection), with a standby that gives feedback`,
  );
  assert.equal(model({ standby: { feedback: false } }), `${plain}, with a standby without feedback`);
});

test('the load model says what kind of load it is', () => {
  const model = (over: Partial<ScenarioInput>): string =>
    loadModel(
      scenarioSchema.parse({ name: 'x', question: 'q?', phases: [{ label: 'a', seconds: 1 }], ...over }),
    );
  const uniform = { label: 'b', seconds: 1, arrival: { ...arrival, model: 'uniform' as const } };
  assert.equal(model({ preload: { ready: 1 } }), 'drain of a preloaded backlog, closed loop');
  assert.equal(model({ phases: [uniform] }), 'open loop, uniform arrivals');
  assert.equal(
    model({ preload: { ready: 1 }, phases: [uniform, { label: 'a', seconds: 1, arrival }] }),
    'preloaded backlog + open loop, poisson + uniform arrivals',
  );
});

test('the load model names every kind of arrival in words, and delays', () => {
  const words = (arrival: object, over: object = {}): string =>
    loadModel(
      scenarioSchema.parse({
        name: 'x',
        question: 'q?',
        phases: [{ label: 'a', seconds: 10, arrival }],
        ...over,
      }),
    );
  assert.equal(words({ model: 'ramp', fromPerSec: 1, toPerSec: 9 }), 'open loop, ramp of poisson arrivals');
  const steps = [{ ratePerSec: 1 }];
  assert.equal(words({ model: 'steps', steps, spacing: 'uniform' }), 'open loop, steps of uniform arrivals');
  assert.equal(words({ model: 'burst', jobs: 50, everySeconds: 1 }), 'open loop, clumps of 50 jobs at once');
  const jobs = [{ at: 1 }];
  assert.equal(words({ model: 'trace', jobs }), 'open loop, replay of a trace');
  assert.equal(words({ model: 'trace', jobs, speed: 2 }), 'open loop, replay of a trace at 2 × its speed');
  assert.equal(
    words({ model: 'closed', clients: 8, thinkMs: 10 }),
    'closed loop, 8 clients, think time 10 ms, the next job after the last enqueue was confirmed',
  );
  assert.equal(
    words({ model: 'closed', clients: 1, thinkMs: 5, think: 'exponential' }, { preload: { ready: 1 } }),
    'preloaded backlog + closed loop, 1 client, exponential think time 5 ms on average, the next job after the last enqueue was confirmed',
  );
  assert.equal(
    words({ ...arrival }, { job: { delays: [0, 100] } }),
    'open loop, poisson arrivals, delayed jobs',
  );
});

test('every scenario that comes with claimbench has a short form, over within ten seconds, that asks the same', () => {
  for (const { smoke, ...input } of BUILT_IN_SCENARIOS) {
    assert.ok(smoke !== undefined, `${input.name} has none`);
    const { name, phases, preload, group } = scenarioSchema.parse({ ...input, ...smoke });
    const seconds = totalSeconds({ phases });
    assert.ok(seconds <= 10, `${name} takes ${seconds} s`);
    assert.ok(preload.ready + preload.finished + (preload.delayed?.jobs ?? 0) <= 300_000, name);
    assert.notEqual(group, 'own', name);
    const labels = (of: ScenarioInput['phases']): readonly string[] => of.map(({ label }) => label);
    assert.deepEqual(labels(phases), labels(input.phases), name);
  }
});

// Does every load model run on a real server, with each job accounted for and the latencies that it can have?

import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { loadScenario, parseScenario } from '../../cli/scenarios.ts';
import type { Scenario } from '../../scenarios/scenario.ts';
import { temporaryFolder, testServer } from '../../testing/command.ts';
import { parseContender } from '../contenders/index.ts';
import { CannotMeasure } from '../errors.ts';
import type { Cell } from '../result/result.ts';
import { openServer } from '../server/index.ts';
import type { PostgresServer } from '../server/server.ts';
import { runCell } from './cell.ts';

let server: PostgresServer;
before(async () => {
  server = await openServer(testServer());
});
after(() => server[Symbol.asyncDispose]());

function scenarioOf(over: object): Scenario {
  return parseScenario(
    {
      name: 'models',
      question: 'Does it run?',
      warmupSeconds: 0,
      warmupCapSeconds: 0,
      producers: { agents: 2, connections: 2 },
      workers: { agents: 1, connections: 4 },
      settleWithinSeconds: 20,
      ...over,
    },
    'models',
  );
}

let order = 0;
async function ran(scenario: Scenario, scratchDir: string, contender = 'skip-locked'): Promise<Cell> {
  order += 1;
  const { cell } = await runCell(
    {
      id: `models-${order}`,
      block: 0,
      order,
      repeat: 0,
      scenario,
      contender: parseContender(contender, () => ''),
      seed: 1,
    },
    {
      server,
      scratchDir,
      ceilingFor: async () => undefined,
      signal: new AbortController().signal,
      onProgress: () => undefined,
    },
  );
  return cell;
}

/** Right, whatever the machine was busy with, and every job settled. */
function accounted(cell: Cell): void {
  assert.notEqual(cell.verdict, 'incorrect', cell.reasons.join('; '));
  const { jobs } = cell;
  assert.equal(
    jobs.settled + jobs.retried + jobs.deadLettered + jobs.skipped + jobs.failed + jobs.inFlight,
    jobs.offered,
  );
  assert.equal(jobs.settled, jobs.offered);
}

const phase = (arrival: object, seconds = 1.5) => ({ phases: [{ label: 'a', seconds, arrival }] });

for (const [name, arrival, offered] of [
  ['ramp', { model: 'ramp', fromPerSec: 0, toPerSec: 200, spacing: 'uniform' }, 150],
  ['steps', { model: 'steps', steps: [{ ratePerSec: 40 }, { ratePerSec: 160 }], spacing: 'uniform' }, 150],
  ['burst', { model: 'burst', jobs: 51, everySeconds: 0.5 }, 153],
  [
    'trace',
    { model: 'trace', jobs: [{ at: 0.2, priority: 3 }, { at: 0.2 }, { at: 1.4, payloadBytes: 999 }] },
    3,
  ],
] as const) {
  test(`${name}: as many jobs as the schedule has, all settled, generator lag of each`, async (t) => {
    const cell = await ran(scenarioOf(phase(arrival)), temporaryFolder(t));
    accounted(cell);
    assert.equal(cell.jobs.offered, offered);
    assert.equal(cell.latencyUs?.generatorLag?.count, offered);
    assert.equal(cell.latencyUs?.response?.count, offered);
    assert.ok((cell.latencyUs?.generatorLag?.min ?? -1) >= 0, 'nothing is sent early');
    assert.ok((cell.generator.lagMaxUs ?? -1) >= 0);
    assert.match(cell.window.loadModel, /^open loop, /);
  });
}

test('the example replays its trace', async (t) => {
  const scenario = await loadScenario(resolve(import.meta.dirname, '../../examples/replay.ts'));
  const cell = await ran(scenario, temporaryFolder(t));
  accounted(cell);
  assert.equal(cell.jobs.offered, 10);
});

test('closed loop: what was sent is what was offered, one job under way per client, and no lag', async (t) => {
  const arrival = { model: 'closed', clients: 3, thinkMs: 50, maxJobs: 5_000 };
  const cell = await ran(scenarioOf({ ...phase(arrival), preload: { ready: 20 } }), temporaryFolder(t));
  accounted(cell);
  const sent = cell.jobs.offered - 20;
  // Each of three clients sends every 50 ms and an answer's time, in 1.5 s.
  assert.ok(sent > 10 && sent <= 90, `${sent} jobs`);
  assert.equal(cell.jobs.skipped, 0);
  assert.equal(cell.latencyUs?.enqueue?.count, sent);
  assert.equal(cell.latencyUs?.response?.count, sent);
  assert.equal(cell.latencyUs?.generatorLag, undefined);
  assert.equal(cell.generator.lagMaxUs, undefined);
  assert.match(cell.window.loadModel, /^preloaded backlog \+ closed loop, 3 clients, think time 50 ms/);
  assert.equal(cell.parameters['clients'], 3);
});

test('closed loop: clients that used up their jobs void the cell, and say so', async (t) => {
  const arrival = { model: 'closed', clients: 2, maxJobs: 10 };
  const cell = await ran(scenarioOf(phase(arrival)), temporaryFolder(t));
  assert.equal(cell.verdict, 'invalid');
  assert.match(cell.reasons.join('; '), /sent all 5 jobs that they may and stopped: raise maxJobs/);
  assert.equal(cell.jobs.offered, 10);
});

test('delayed jobs: none is handed out early, and their clock starts when they are due', async (t) => {
  const arrival = { model: 'uniform', ratePerSec: 60 };
  const cell = await ran(
    scenarioOf({ ...phase(arrival), job: { delays: [0, 700] }, preload: { ready: 30 } }),
    temporaryFolder(t),
  );
  accounted(cell);
  assert.equal(cell.audit.earlyHandOuts, 0);
  assert.equal(cell.jobs.offered, 120);
  // Counted from the intended instant, half of them would have a pickup of 700 ms at least.
  const pickup = cell.latencyUs?.pickup;
  assert.equal(pickup?.count, 90);
  assert.ok(pickup.min > -3_000 && pickup.min < 400_000, `min ${pickup.min} µs`);
  assert.ok(pickup.mean < 650_000, `mean ${pickup.mean} µs`);
  assert.match(cell.notes.join('; '), /delayed jobs were due by the queue's clock, .* ±\d/);
  assert.match(cell.window.loadModel, /, delayed jobs$/);
});

test('a queue that hands delayed jobs out early is incorrect', async (t) => {
  const arrival = { model: 'uniform', ratePerSec: 60 };
  const planted = resolve(import.meta.dirname, '../../testing/planted/hands-out-early.ts');
  const cell = await ran(
    scenarioOf({ ...phase(arrival), job: { delays: [0, 600] } }),
    temporaryFolder(t),
    planted,
  );
  assert.equal(cell.verdict, 'incorrect');
  assert.ok(cell.audit.earlyHandOuts > 0);
  assert.match(cell.reasons.join('; '), /handed out earlier than asked for/);
  assert.equal(cell.latencyUs, undefined);
});

test('a contender that cannot delay is not measured with delays, and says why', async (t) => {
  const scenario = scenarioOf({ ...phase({ model: 'uniform', ratePerSec: 10 }), job: { delays: [5] } });
  await assert.rejects(ran(scenario, temporaryFolder(t), 'null'), (error) => {
    assert.ok(error instanceof CannotMeasure);
    assert.match(error.message, /null cannot delay jobs, and models has delays/);
    assert.equal(error.contractClass, 'null');
    return true;
  });
});

// Does a cell over HTTP follow the very jobs that its requests created, and hide neither stalls nor refusals?

import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { parseScenario } from '../../cli/scenarios.ts';
import type { Scenario } from '../../scenarios/scenario.ts';
import { temporaryFolder, testServer } from '../../testing/command.ts';
import { runCell } from '../cell/cell.ts';
import { parseContender } from '../contenders/index.ts';
import { CannotMeasure } from '../errors.ts';
import { type Cell, cellSchema } from '../result/result.ts';
import { openServer } from '../server/index.ts';
import type { PostgresServer } from '../server/server.ts';

let server: PostgresServer;
before(async () => {
  server = await openServer(testServer());
});
after(() => server[Symbol.asyncDispose]());

function scenarioOf(over: object): Scenario {
  return parseScenario(
    {
      name: 'over-http',
      question: 'Does it run?',
      warmupSeconds: 0,
      warmupCapSeconds: 0,
      producers: { agents: 1, connections: 8, http: {} },
      workers: { agents: 1, connections: 4 },
      settleWithinSeconds: 20,
      ...over,
    },
    'over-http',
  );
}

async function ran(scenario: Scenario, scratchDir: string, contender = 'skip-locked'): Promise<Cell> {
  const { cell } = await runCell(
    {
      id: 'over-http',
      block: 0,
      order: 0,
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
  // As a bundle would hold it.
  return cellSchema.parse(JSON.parse(JSON.stringify(cell)));
}

function reconciles({ jobs }: Cell): void {
  assert.equal(
    jobs.settled + jobs.retried + jobs.deadLettered + jobs.skipped + jobs.failed + jobs.inFlight,
    jobs.offered,
  );
}

const phase = (arrival: object, seconds: number) => ({ phases: [{ label: 'a', seconds, arrival }] });

test('every job of a cell over HTTP is followed by identity, from its intended instant on', async (t) => {
  const cell = await ran(
    scenarioOf({
      ...phase({ model: 'poisson', ratePerSec: 100 }, 2.5),
      producers: { agents: 2, connections: 4, http: {} },
      job: { priorities: [0, 5], delays: [0, 200] },
    }),
    temporaryFolder(t),
  );
  assert.notEqual(cell.verdict, 'incorrect', cell.reasons.join('; '));
  reconciles(cell);
  const { jobs, http, latencyUs } = cell;
  assert.equal(jobs.settled, jobs.offered);
  assert.equal(cell.audit.lost, 0);
  assert.match(cell.window.loadModel, /over HTTP/);
  assert.equal(http?.answers?.created, jobs.offered);
  assert.equal(http.answers.tooMany, 0);
  // The same jobs, all of them.
  for (const told of [
    http.latencyUs.accepted,
    http.latencyUs.service,
    latencyUs?.enqueue,
    latencyUs?.response,
  ])
    assert.equal(told?.count, jobs.offered);
  const { accepted, service } = http.latencyUs;
  assert.ok(accepted !== undefined && service !== undefined && accepted.mean >= service.mean);
  assert.ok((http.front?.cpuShare ?? 0) > 0);
  assert.equal(http.front?.connections, 8);
  assert.ok(http.front.backlogReadings >= 2);
  assert.equal(http.front.failedReadings, 0);
  // The front's sessions are those that enqueue; the producers have none.
  assert.equal(cell.contender.effective['producerConnections'], 8);
  assert.ok((cell.cost?.roundTripsPerJob ?? 0) > 1);
});

test('a front that stands still for a second at 50 jobs/s shows about 50 late answers', async (t) => {
  const cell = await ran(
    scenarioOf({
      ...phase({ model: 'uniform', ratePerSec: 50 }, 5),
      producers: { agents: 1, connections: 64, http: {} },
    }),
    temporaryFolder(t),
    resolve(import.meta.dirname, '../../testing/planted/front-stalls.ts'),
  );
  assert.notEqual(cell.verdict, 'incorrect', cell.reasons.join('; '));
  reconciles(cell);
  assert.equal(cell.jobs.settled, cell.jobs.offered);
  const accepted = cell.http?.latencyUs.accepted;
  assert.equal(accepted?.count, 250);
  assert.ok(accepted.max >= 950_000, `longest ${accepted.max} µs`);
  // 50 answers late by 0 … 1 s, evenly: 25 s together, whatever the others took. A tester that waits has one of 1 s.
  const total = accepted.mean * accepted.count;
  assert.ok(total > 23e6, `${total} µs together`);
  // The front is part of what is measured: its stall is no fault of the generator.
  assert.ok(!cell.reasons.some((reason) => reason.includes('front')), cell.reasons.join('; '));
  assert.ok((cell.http?.front?.eventLoopMaxUs ?? 0) > 900_000);
});

test('more than the workers take: 429 with Retry-After, a bounded backlog, and the equation holds', async (t) => {
  const cell = await ran(
    scenarioOf({
      ...phase({ model: 'uniform', ratePerSec: 200 }, 3),
      producers: { agents: 1, connections: 16, http: { backlogLimit: 60, retryAfterSeconds: 2 } },
      workers: { agents: 1, connections: 2 },
      job: { handler: { time: 'constant', ms: 50 } },
    }),
    temporaryFolder(t),
    'skip-locked?batch=1&concurrency=1&prefetch=0',
  );
  assert.notEqual(cell.verdict, 'incorrect', cell.reasons.join('; '));
  reconciles(cell);
  const { jobs, http } = cell;
  assert.equal(jobs.offered, 600);
  assert.ok((jobs.rejected ?? 0) > 100, `${jobs.rejected} rejected`);
  assert.equal(jobs.failed, jobs.rejected);
  assert.equal(http?.answers?.tooMany, jobs.rejected);
  assert.equal(http?.answers?.withoutRetryAfter, 0);
  assert.equal(http?.latencyUs.rejected?.count, jobs.rejected);
  assert.equal(cell.latencyUs?.response?.count, jobs.offered - (jobs.rejected ?? 0));
  assert.ok((http?.front?.backlogPeak ?? 0) <= 60, `${http?.front?.backlogPeak} jobs waited`);
  assert.ok(!cell.reasons.some((reason) => reason.includes('enqueues failed')), cell.reasons.join('; '));
  assert.match(cell.notes.join('; '), /were answered 429 at a backlog of 60, each with Retry-After: 2/);
  assert.equal(cell.parameters['backlogLimit'], 60);
});

test('a contender that cannot stand behind a front is not measured over HTTP, and says why', async (t) => {
  const scenario = scenarioOf(phase({ model: 'uniform', ratePerSec: 10 }, 1));
  await assert.rejects(ran(scenario, temporaryFolder(t), 'null'), (error) => {
    assert.ok(error instanceof CannotMeasure);
    assert.match(error.message, /null cannot stand behind an HTTP front, and over-http has one/);
    return true;
  });
});

// Do jobs fail, wait, compete and belong together as their scenario says, on a real server, and does every cell come out right?

import assert from 'node:assert/strict';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { parseScenario } from '../../cli/scenarios.ts';
import { temporaryFolder, testServer } from '../../testing/command.ts';
import { parseContender } from '../contenders/index.ts';
import { CannotMeasure } from '../errors.ts';
import type { Cell } from '../result/result.ts';
import { openServer } from '../server/index.ts';
import type { PostgresServer } from '../server/server.ts';
import { runCell } from './cell.ts';
import type { CellOutcome } from './result.ts';

let server: PostgresServer;
before(async () => {
  server = await openServer(testServer());
});
after(() => server[Symbol.asyncDispose]());

const PLANTED = resolve(import.meta.dirname, '../../testing/planted');
const LOAD = { model: 'uniform', ratePerSec: 100 } as const;

let order = 0;
async function outcome(
  scratchDir: string,
  over: object,
  contender = 'skip-locked?pollMs=100',
): Promise<CellOutcome> {
  order += 1;
  const scenario = parseScenario(
    {
      name: 'shapes',
      question: 'Does it run?',
      warmupSeconds: 0,
      warmupCapSeconds: 0,
      producers: { agents: 1, connections: 4 },
      workers: { agents: 1, connections: 4 },
      phases: [{ label: 'a', seconds: 1.5, arrival: LOAD }],
      settleWithinSeconds: 20,
      ...over,
    },
    'shapes',
  );
  return await runCell(
    {
      ...{ id: `shapes-${order}`, block: 0, order, repeat: 0, scenario, seed: 1 },
      contender: parseContender(contender, () => ''),
    },
    {
      ...{ server, scratchDir, ceilingFor: async () => undefined },
      signal: AbortSignal.timeout(100_000),
      onProgress: () => undefined,
    },
  );
}

const ran = async (...args: Parameters<typeof outcome>): Promise<Cell> => (await outcome(...args)).cell;

/** Nothing is wrong with it, whatever the machine was busy with, and the books balance. */
function right(cell: Cell): void {
  assert.notEqual(cell.verdict, 'incorrect', `${cell.reasons.join('; ')} ${JSON.stringify(cell.audit)}`);
  const { jobs } = cell;
  assert.equal(
    jobs.settled + jobs.retried + jobs.deadLettered + jobs.skipped + jobs.failed + jobs.inFlight,
    jobs.offered,
    JSON.stringify([jobs, cell.reasons, cell.notes]),
  );
}

test('attempts fail by share and are tried again; poison jobs end as dead letters, all others are acked', async (t) => {
  const cell = await ran(temporaryFolder(t), {
    job: {
      ...{ failShare: 0.3, poisonShare: 0.2, maxAttempts: 8 },
      retry: { after: 'exponential', baseMs: 20, capMs: 100 },
      handler: { time: 'exponential', meanMs: 2 },
    },
  });
  right(cell);
  const { offered, settled, deadLettered } = cell.jobs;
  assert.equal(offered, 150);
  assert.equal(settled + deadLettered, offered, JSON.stringify([cell.jobs, cell.reasons, cell.notes]));
  assert.ok(deadLettered > 10 && deadLettered < 55, `${deadLettered} of 150 at a share of 0.2`);
  assert.match(cell.notes.join('\n'), /attempts of \d+ jobs failed, as the scenario has it/);
  assert.match(cell.notes.join('\n'), /measured jobs are poison/);
  assert.ok(!cell.notes.some((note) => /on purpose|unsettled/.test(note)), cell.notes.join('\n'));
  assert.equal(cell.latencyUs?.response?.count, settled);
  assert.equal(cell.latencyUs?.pickup?.count, offered);
});

test('a contender without priorities is void for a scenario that has some, with the reason', async (t) => {
  const job = { priorities: [0, 1] };
  await assert.rejects(
    ran(temporaryFolder(t), { job }, 'tick-log'),
    /^CannotMeasure: tick-log cannot give jobs priorities, and shapes has priorities/,
  );
});

test('a contender that cannot be told of retries is void for a scenario that fails jobs, with the reason', async (t) => {
  await assert.rejects(
    outcome(temporaryFolder(t), { preload: { ready: 10 }, job: { failShare: 0.5 } }, 'null'),
    (error: unknown) => {
      assert.ok(error instanceof CannotMeasure);
      assert.match(
        error.message,
        /^null cannot be told how failed jobs are retried, and shapes has failing jobs/,
      );
      return true;
    },
  );
});

test('handlers fail and slow down for as long as a fault lasts, those of one key alone where it names one', async (t) => {
  const cell = await ran(temporaryFolder(t), {
    job: { keys: { count: 4, hotShare: 0.5 }, retry: { after: 'constant', ms: 10 } },
    workers: { agents: 1, connections: 16 },
    phases: [
      { label: 'clean', seconds: 0.5, arrival: LOAD },
      {
        label: 'hurt',
        seconds: 1,
        arrival: LOAD,
        faults: [
          { fault: 'failing-handlers', share: 0.5 },
          { fault: 'slow-handlers', addedMs: 60, key: 0 },
        ],
      },
    ],
  });
  right(cell);
  assert.equal(cell.jobs.settled, 150);
  assert.deepEqual(cell.window.faults.map(({ label }) => label).toSorted(), [
    'failing-handlers',
    'failing-handlers ends',
    'slow-handlers',
    'slow-handlers ends',
  ]);
  // Half of a hundred jobs; the queue's own work is far from that for most.
  const { service, response } = cell.latencyUs ?? {};
  assert.ok((service?.max ?? 0) >= 60_000, JSON.stringify(service));
  assert.ok((response?.max ?? 0) >= 60_000, JSON.stringify(response));
  assert.ok((service?.min ?? Number.NaN) < 60_000, JSON.stringify(service));
});

test('workers are killed again and again, and others take their places', async (t) => {
  const cell = await ran(temporaryFolder(t), {
    leaseMs: 500,
    workers: { agents: 2, connections: 2 },
    job: { handler: { time: 'constant', ms: 20 } },
    phases: [
      {
        label: 'a',
        seconds: 2,
        arrival: LOAD,
        faults: [{ fault: 'kill-worker', afterSeconds: 0.3, everySeconds: 0.5, replaced: true }],
      },
    ],
  });
  right(cell);
  assert.equal(cell.window.faults.filter(({ label }) => label === 'kill-worker').length, 4);
  assert.ok(!cell.reasons.some((reason) => reason.includes('kill-worker')), cell.reasons.join('; '));
  // Both of the first and two that took a place are dead: who was left has worked everything off.
  assert.equal(cell.jobs.settled, 200, JSON.stringify(cell.jobs));
});

test('a leased job whose handler outlasts the lease is kept by heartbeats, and handed out once', async (t) => {
  const cell = await ran(temporaryFolder(t), {
    leaseMs: 1_000,
    job: { handler: { time: 'constant', ms: 2_500 } },
    phases: [{ label: 'a', seconds: 1, arrival: { model: 'uniform', ratePerSec: 4 } }],
  });
  right(cell);
  assert.deepEqual([cell.jobs.settled, cell.audit.duplicateClaims, cell.audit.staleSettles], [4, 0, 0]);
});

test('delayed jobs of the preload are all due at one instant of the load, and their clock starts there', async (t) => {
  const cell = await ran(temporaryFolder(t), {
    preload: { ready: 50, delayed: { jobs: 400, dueAtSeconds: 1 } },
    workers: { agents: 1, connections: 8 },
    phases: [{ label: 'a', seconds: 8 }],
  });
  right(cell);
  assert.deepEqual([cell.jobs.offered, cell.jobs.settled, cell.audit.earlyHandOuts], [450, 450, 0]);
  const { pickup, response } = cell.latencyUs ?? {};
  assert.equal(pickup?.count, 400);
  assert.equal(response?.count, 400);
  assert.ok((pickup?.min ?? -1e9) > -50_000, 'none was picked up a second early');
});

test('finished jobs lie in the queue before the load, and are none of its own', async (t) => {
  const cell = await ran(temporaryFolder(t), { preload: { finished: 5_000, analysed: false } });
  right(cell);
  assert.deepEqual([cell.jobs.offered, cell.jobs.settled], [150, 150]);
  const rows = cell.telemetry?.storage ?? [];
  assert.ok(
    rows.some(({ relation }) => relation.includes('queue_finished')),
    JSON.stringify(rows.map(({ relation }) => relation)),
  );
});

test('a queue limited in rate, at once and by key stays within its limits', async (t) => {
  const cell = await ran(temporaryFolder(t), {
    job: { keys: { count: 3, hotShare: 0.6 }, handler: { time: 'constant', ms: 15 } },
    limits: { rate: { jobs: 20, periodMs: 500 }, concurrency: 5, concurrencyPerKey: 2 },
    workers: { agents: 2, connections: 4 },
    phases: [{ label: 'a', seconds: 1, arrival: { model: 'uniform', ratePerSec: 60 } }],
  });
  right(cell);
  assert.equal(cell.audit.limitViolations, 0);
  assert.equal(cell.jobs.settled, 60, JSON.stringify([cell.jobs, cell.reasons]));
  // 60 starts at 20 in half a second, the first of them at once.
  assert.ok(cell.window.totalSeconds > 1, `${cell.window.totalSeconds} s`);
});

for (const policy of ['reject', 'ignore'] as const) {
  test(`unique jobs, ${policy}: what was turned away is told apart from what failed, and no two live at once`, async (t) => {
    const cell = await ran(temporaryFolder(t), {
      job: { unique: { count: 6, policy }, handler: { time: 'constant', ms: 30 } },
      producers: { agents: 2, connections: 4 },
      preload: { ready: 20 },
    });
    right(cell);
    const { settled, failed, rejected = 0, offered } = cell.jobs;
    assert.equal(offered, 170);
    assert.equal(cell.audit.uniqueViolations, 0);
    assert.ok(rejected > 10, JSON.stringify(cell.jobs));
    assert.equal(settled + rejected, offered, JSON.stringify([cell.jobs, cell.reasons, cell.notes]));
    assert.equal(failed, rejected);
    assert.ok(!cell.reasons.some((reason) => reason.includes('enqueues failed')), cell.reasons.join('; '));
    assert.equal(cell.latencyUs?.response?.count, settled - 20);
  });
}

test('jobs that are due together go by calls of many', async (t) => {
  const cell = await ran(temporaryFolder(t), {
    producers: { agents: 1, connections: 2, bulk: 40 },
    phases: [{ label: 'a', seconds: 1.5, arrival: { model: 'burst', jobs: 100, everySeconds: 0.5 } }],
  });
  right(cell);
  assert.deepEqual([cell.jobs.offered, cell.jobs.settled], [300, 300]);
  // Calls of 40, 40 and 20: all jobs of one were sent and answered together.
  assert.equal(cell.generator.poolWaitShare, 0.2);
});

const ORDERS = {
  producers: { agents: 2, connections: 3, transaction: { jobs: 3, rollbackShare: 0.3 } },
  preload: { ready: 10 },
  phases: [{ label: 'a', seconds: 1, arrival: { model: 'poisson', ratePerSec: 80 } }],
};

test('each order has its jobs, and each job its order; those that are rolled back are counted apart', async (t) => {
  const cell = await ran(temporaryFolder(t), ORDERS);
  right(cell);
  const { offered, settled, rolledBack = 0 } = cell.jobs;
  assert.equal((offered - 10) % 3, 0);
  assert.ok(rolledBack > 0 && rolledBack % 3 === 0, JSON.stringify(cell.jobs));
  assert.equal(settled + rolledBack, offered, JSON.stringify([cell.jobs, cell.reasons]));
  assert.deepEqual([cell.audit.ordersWithoutJobs, cell.audit.jobsWithoutOrder], [0, 0]);
  assert.match(cell.notes.join('\n'), /rolled back on purpose/);
  const { walBytesPerJob, commitsPerJob, buffersPerJob, deadTuplesPerJob, roundTripsPerJob } =
    cell.cost ?? {};
  assert.deepEqual([walBytesPerJob, commitsPerJob, buffersPerJob], [undefined, undefined, undefined]);
  assert.ok(deadTuplesPerJob !== undefined && roundTripsPerJob !== undefined, JSON.stringify(cell.cost));
  assert.match(cell.notes.join('\n'), /per job: the server counted those of the orders with them/);
});

test('incorrect by name: a contender that enqueues beside the transaction', async (t) => {
  const cell = await ran(temporaryFolder(t), ORDERS, join(PLANTED, 'enqueues-outside.ts'));
  assert.equal(cell.verdict, 'incorrect', cell.reasons.join('; '));
  assert.ok(cell.audit.jobsWithoutOrder > 3, JSON.stringify(cell.audit));
  assert.match(cell.reasons.join('\n'), /enqueued though the order of their transaction was not committed/);
  assert.equal(cell.throughput, undefined);
});

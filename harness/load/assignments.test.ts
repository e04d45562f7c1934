// Does every key belong to exactly one agent, and is as much offered as the producers will draw?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ScenarioInput, scenarioSchema } from '../../scenarios/scenario.ts';
import { randomStream } from '../../stats/random.ts';
import type { CellPlan } from '../cell/plan.ts';
import { CLAIMERS_PER_AGENT } from '../contender.ts';
import { arrivals } from './arrivals.ts';
import { planAgents, scheduledJobs, scheduledOrders } from './assignments.ts';
import type { Assignment, ProducerRole, WorkerRole } from './protocol.ts';

const SEED = 99;

function planned(overrides: Partial<ScenarioInput>, repeat = 0, contender = 'null') {
  const scenario = scenarioSchema.parse({
    name: 'test',
    question: 'Is it dense?',
    phases: [
      { label: 'one', seconds: 3, arrival: { model: 'poisson', ratePerSec: 1_000 } },
      { label: 'silent', seconds: 1 },
      { label: 'two', seconds: 1, arrival: { model: 'uniform', ratePerSec: 777 } },
    ],
    ...overrides,
  });
  const plan: CellPlan = {
    id: 'x',
    block: 0,
    order: 0,
    repeat,
    scenario,
    contender: { name: contender, source: { kind: 'built-in', name: contender }, axes: {} },
    seed: SEED,
  };
  const { assignments, keys } = planAgents(plan, { schema: 's' }, '/scratch');
  return { plan, assignments, keys, producers: producersOf(assignments), workers: workersOf(assignments) };
}

const producersOf = (assignments: readonly Assignment[]): ProducerRole[] =>
  assignments.flatMap((a) => (a.role.kind === 'producer' ? [a.role] : []));
const workersOf = (assignments: readonly Assignment[]): WorkerRole[] =>
  assignments.flatMap((a) => (a.role.kind === 'worker' ? [a.role] : []));

/** As producing.ts draws. */
function draw({ load }: ProducerRole): number[] {
  assert.ok(load.loop === 'open');
  return [...arrivals(load.phases, randomStream(load.seed, load.stream))].map((arrival) => arrival.atUs);
}

test('the schedule of all jobs is that of the producers, key by key; a closed loop has none', () => {
  const { plan, producers, keys } = planned({
    preload: { ready: 7 },
    producers: { agents: 3, connections: 1 },
  });
  const scheduled = [...scheduledJobs(plan)];
  assert.deepEqual(
    scheduled,
    producers.flatMap((role) => draw(role).map((atUs, i) => ({ key: role.firstKey + i, atUs }))),
  );
  assert.equal(scheduled.length, keys - 7);
  const closed = planned({
    phases: [{ label: 'a', seconds: 1, arrival: { model: 'closed', clients: 2, maxJobs: 10 } }],
  });
  assert.deepEqual([...scheduledJobs(closed.plan)], []);
});

test('keys are dense: the preload, then each producer’s own range, as long as what it draws', () => {
  for (let agents = 1; agents <= 5; agents += 1) {
    const { producers, keys } = planned({ preload: { ready: 123 }, producers: { agents, connections: 1 } });
    assert.equal(producers.length, agents);
    let next = 123;
    for (const producer of producers) {
      assert.equal(producer.firstKey, next, `${agents} producers, seed ${SEED}`);
      next += draw(producer).length;
    }
    assert.equal(keys, next, `${agents} producers, seed ${SEED}`);
    assert.ok(Math.abs(keys - 123 - 3_777) < 4 * Math.sqrt(3_000), `${keys} keys, seed ${SEED}`);
  }
});

test('producers share the rate and draw apart', () => {
  const { producers } = planned({ producers: { agents: 3, connections: 1 } });
  const drawn = producers.map((p) => draw(p).slice(0, 100).join());
  assert.equal(new Set(drawn).size, 3);
  const uniform = producers.flatMap((p) => draw(p).filter((us) => us >= 4e6)).sort((x, y) => x - y);
  assert.equal(uniform.length, 777);
  assert.ok(uniform.slice(1).every((us, i) => Math.abs(us - (uniform[i] ?? 0) - 1e6 / 777) < 1e-2));
});

test('all contenders of a block face the same load, another repeat another', () => {
  const schedule = (repeat: number, contender: string): string =>
    planned({}, repeat, contender).producers.map(draw).join(';');
  assert.equal(schedule(0, 'batch'), schedule(0, 'advisory'));
  assert.notEqual(schedule(0, 'batch'), schedule(1, 'batch'));
});

test('without arrivals there is no producer, and the preload is the offer', () => {
  const { producers, workers, keys } = planned({
    preload: { ready: 1_001 },
    workers: { agents: 3, connections: 4 },
    phases: [{ label: 'drain', seconds: 1 }],
  });
  assert.equal(producers.length, 0);
  assert.equal(keys, 1_001);
  const handed = workers.flatMap(({ keys: k }) => {
    const own: number[] = [];
    for (let key = k.first; key < k.end; key += k.stride) own.push(key);
    return own;
  });
  assert.deepEqual(
    handed.sort((x, y) => x - y),
    Array.from({ length: 1_001 }, (_, i) => i),
  );
});

test('agents, ledgers and claimers are unique in the cell', () => {
  const { assignments, workers } = planned({
    producers: { agents: 2, connections: 1 },
    workers: { agents: 3, connections: 5 },
  });
  assert.deepEqual(
    assignments.map((a) => a.agent),
    [0, 1, 2, 3, 4],
  );
  assert.equal(new Set(assignments.map((a) => a.ledgerPath)).size, 5);
  const claimers = workers.flatMap((w) =>
    Array.from({ length: CLAIMERS_PER_AGENT }, (_, i) => w.firstClaimer + i),
  );
  assert.equal(new Set(claimers).size, 3 * CLAIMERS_PER_AGENT, 'also those of sessions opened anew');
  const most = planned({ workers: { agents: 16, connections: 1 } }).workers;
  const last = Math.max(...most.map((w) => w.firstClaimer)) + CLAIMERS_PER_AGENT - 1;
  assert.ok(last <= 0xffff, `a record holds 16 bits of it: ${last}`);
});

test('a rate that is still a share is a bug, not a silence', () => {
  assert.throws(
    () =>
      planned({
        phases: [
          { label: 'x', seconds: 1, arrival: { model: 'poisson', ratePerSec: { share: 0.5, of: 'drain' } } },
        ],
      }),
    /unresolved/,
  );
});

test('a closed loop: each client belongs to one producer, each producer has room for its share of the jobs', () => {
  const { assignments, keys } = planned({
    preload: { ready: 10 },
    producers: { agents: 3, connections: 1 },
    phases: [
      { label: 'a', seconds: 1, arrival: { model: 'closed', clients: 7, maxJobs: 100 } },
      { label: 'b', seconds: 1 },
      { label: 'c', seconds: 1, arrival: { model: 'closed', clients: 2, maxJobs: 50 } },
    ],
  });
  const producers = producersOf(assignments);
  assert.deepEqual(
    producers.map((p) => p.firstKey),
    [10, 60, 110],
  );
  assert.equal(keys, 160);
  const clients = producers.flatMap(({ load }) => {
    assert.ok(load.loop === 'closed');
    assert.equal(load.maxJobs, 50);
    const own: number[] = [];
    for (let client = load.first; client < 7; client += load.stride) own.push(client);
    return own;
  });
  assert.deepEqual(
    clients.sort((x, y) => x - y),
    [0, 1, 2, 3, 4, 5, 6],
  );
});

test('a trace is sent to each producer only as far as it is its own', () => {
  const jobs = Array.from({ length: 10 }, (_, i) => ({ at: i / 20 }));
  const { producers, keys } = planned({
    producers: { agents: 3, connections: 1 },
    phases: [{ label: 'a', seconds: 1, arrival: { model: 'trace', jobs } }],
  });
  const held = producers.map(({ load }) =>
    load.loop === 'open' && load.phases[0]?.kind === 'trace' ? load.phases[0].jobs.length : -1,
  );
  assert.deepEqual(held, [4, 3, 3]);
  assert.equal(keys, 10);
});

test('a trace that was never read is a bug, not a silence', () => {
  const phases = [{ label: 'a', seconds: 1, arrival: { model: 'trace' as const, file: 'x' } }];
  assert.throws(() => planned({ phases }), /unread/);
});

test('an arrival of a transaction brings jobs of consecutive keys, and its order is known by the first of them', () => {
  const { plan, producers, keys } = planned({
    preload: { ready: 5 },
    producers: { agents: 2, transaction: { jobs: 3, rollbackShare: 0.5 } },
    phases: [{ label: 'a', seconds: 1, arrival: { model: 'poisson', ratePerSec: 100 } }],
  });
  const arrivals = producers.map((role) => draw(role).length);
  const [first = 0, second = 0] = arrivals;
  assert.equal(keys, 5 + 3 * (first + second));
  assert.deepEqual(
    producers.map(({ firstKey }) => firstKey),
    [5, 5 + 3 * first],
  );
  const jobs = [...scheduledJobs(plan)];
  assert.deepEqual(
    jobs.map(({ key }) => key),
    Array.from({ length: keys - 5 }, (_, i) => 5 + i),
  );
  assert.ok(
    jobs.every(({ atUs }, i) => atUs === jobs[i - (i % 3)]?.atUs),
    'one instant for all of an order',
  );
  const orders = [...scheduledOrders(plan)];
  assert.deepEqual(
    orders.map(({ firstKey }) => firstKey),
    Array.from({ length: first + second }, (_, i) => 5 + 3 * i),
  );
  assert.ok(orders.some(({ rollsBack }) => rollsBack) && orders.some(({ rollsBack }) => !rollsBack));
});

test('as many workers stand by as are killed and replaced, each with claimers of its own and no preloaded keys', () => {
  const { workers } = planned({
    preload: { ready: 10 },
    workers: { agents: 2, connections: 3 },
    phases: [
      {
        label: 'a',
        seconds: 2,
        faults: [
          { fault: 'kill-worker', afterSeconds: 0.5, everySeconds: 0.5, replaced: true },
          { fault: 'kill-worker' },
        ],
      },
    ],
  });
  assert.deepEqual(
    workers.map(({ spare }) => spare === true),
    [false, false, true, true, true],
  );
  assert.equal(new Set(workers.map(({ firstClaimer }) => firstClaimer)).size, 5);
  assert.deepEqual(
    workers.map(({ keys }) => keys.end),
    [10, 10, 0, 0, 0],
  );
});

test('faults of handlers reach every worker, on the time of the load', () => {
  const { workers } = planned({
    workers: { agents: 2, connections: 1 },
    job: { keys: { count: 2 } },
    preload: { ready: 1 },
    phases: [
      { label: 'a', seconds: 2 },
      {
        label: 'b',
        seconds: 3,
        faults: [
          { fault: 'slow-handlers', addedMs: 5, key: 1, afterSeconds: 1 },
          { fault: 'failing-handlers', share: 0.5, afterSeconds: 1.5, forSeconds: 1 },
        ],
      },
    ],
  });
  for (const { handlerFaults, retry } of workers) {
    assert.deepEqual(handlerFaults, [
      { fault: 'slow-handlers', atSeconds: 3, forSeconds: 2, addedMs: 5, key: 1 },
      { fault: 'failing-handlers', atSeconds: 3.5, forSeconds: 1, share: 0.5 },
    ]);
    assert.deepEqual(retry, { after: 'exponential', baseMs: 1_000, capMs: 60_000 });
  }
  assert.equal(planned({}).workers[0]?.retry, undefined, 'nobody fails: the queue retries as it does');
});

// Do workers start as many handlers at once as their queue allows, and never more?

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type TestDatabase, testDatabase } from '../../testing/database.ts';
import { limitedProcess } from '../../testing/limited-processes.ts';
import { driverKinds } from '../conformance/drivers.ts';
import { eventually } from '../eventually.ts';
import { createQueue, pgDriver, type Queue } from '../index.ts';
import { Controls } from './controls.ts';
import { mostAtWork, Player, type PlayerOptions, sharedMs } from './player.ts';
import { StartGate } from './start-gate.ts';
import { turnRoutine } from './turn-sql.ts';

/** Where players play. */
interface Scene {
  readonly queue: Queue;
  readonly t: { after(leave: () => void): void };
}

let database: TestDatabase;
before(async () => {
  database = await testDatabase();
});
after(() => database[Symbol.asyncDispose]());

/** Players of one queue, whose jobs have ids from 1 on. They leave with the test: one that fails would go on for ever. */
function cast({ queue, t }: Scene, count: number, options: Partial<PlayerOptions> = {}): readonly Player[] {
  let id = 0;
  const nextId = () => {
    id += 1;
    return String(id);
  };
  const usual = {
    context: queue.context,
    queue: 'q',
    concurrency: 3,
    workMs: () => Math.random() * 20,
    nextId,
  };
  const players = Array.from(
    { length: count },
    (_, n) => new Player({ ...usual, worker: `w${n}`, ...options }),
  );
  t.after(() => {
    for (const player of players) player.leave();
  });
  return players;
}

const startAll = (players: readonly Player[]) => Promise.all(players.map((player) => player.start()));
const stopAll = (players: readonly Player[]) => Promise.all(players.map((player) => player.stop()));
const runsOf = (players: readonly Player[]) => players.flatMap(({ runs }) => runs);
const errorsOf = (players: readonly Player[]) => players.flatMap(({ errors }) => errors);

async function permits({ driver, context }: Queue): Promise<number> {
  const { rows } = await driver.query<{ readonly count: number }>({
    text: `SELECT count(*)::integer AS count FROM ${context.tables.permits}`,
  });
  return rows[0]?.count ?? 0;
}

for (const { label, open } of driverKinds) {
  test(`${label}: eight workers keep the limit of their queue full, and never exceed it`, async (t) => {
    await using driver = open({ ...database.settings, max: 8 });
    await using queue = createQueue({ driver, schema: `full ${label}`, wakeup: 'poll' });
    await queue.install();
    await queue.limits.set('q', { concurrency: 5 });
    const players = cast({ queue, t }, 8);
    await startAll(players);
    await eventually(() => runsOf(players).length >= 400, '400 jobs');
    // A limit that is raised is used, and one that is lowered kept from the moment on at which it was set.
    await queue.limits.set('q', { concurrency: 9 });
    await eventually(() => mostAtWork(runsOf(players)) > 5, 'more than five at once');
    await queue.limits.set('q', { concurrency: 2 });
    const loweredMs = sharedMs();
    await eventually(
      () => runsOf(players).filter(({ startedMs }) => startedMs > loweredMs).length >= 100,
      '100',
    );
    await stopAll(players);
    assert.deepEqual(errorsOf(players), []);
    assert.deepEqual(
      players.flatMap(({ lost }) => lost),
      [],
    );
    const runs = runsOf(players);
    assert.equal(new Set(runs.map(({ id }) => id)).size, runs.length);
    assert(mostAtWork(runs) <= 9, `${mostAtWork(runs)} at once`);
    const drainedMs = Math.max(
      ...runs.filter(({ startedMs }) => startedMs < loweredMs + 100).map(({ endedMs }) => endedMs),
    );
    assert.equal(mostAtWork(runs.filter(({ startedMs }) => startedMs > drainedMs)), 2);
    assert.equal(await permits(queue), 0, 'none is left behind');
  });

  test(`${label}: of each key so many at once, and those without are free`, async (t) => {
    await using driver = open({ ...database.settings, max: 8 });
    await using queue = createQueue({ driver, schema: `keys ${label}`, wakeup: 'poll' });
    await queue.install();
    await queue.limits.set('q', { concurrencyPerKey: 2 });
    const keyOf = (id: number) => (id % 4 === 0 ? undefined : `key ${id % 4}`);
    await driver.query({
      text: `
INSERT INTO ${queue.context.tables.jobKeys} (job_id, queue, key)
SELECT id, 'q', 'key ' || id % 4 FROM generate_series(1, 100000) AS id WHERE id % 4 <> 0`,
    });
    const players = cast({ queue, t }, 8, { concurrency: 4 });
    await startAll(players);
    await eventually(() => runsOf(players).length >= 400, '400 jobs');
    await stopAll(players);
    assert.deepEqual(errorsOf(players), []);
    const byKey = Map.groupBy(runsOf(players), ({ id }) => keyOf(Number(id)));
    assert.equal(byKey.size, 4);
    for (const [key, runs] of byKey)
      if (key === undefined) assert(mostAtWork(runs) > 2, `only ${mostAtWork(runs)} without a key at once`);
      else assert.equal(mostAtWork(runs), 2, `of ${key} at once`);
    assert(players.some(({ postponed }) => postponed.length > 0));
    assert.equal(await permits(queue), 0, 'none is left behind');
  });
}

test('workers of two processes keep one limit; permits of a killed one come back with its leases, and not before', async (t) => {
  await using driver = pgDriver({ ...database.settings, max: 3 });
  await using queue = createQueue({ driver, schema: 'killed', wakeup: 'poll' });
  await queue.install();
  await queue.limits.set('q', { concurrency: 4 });
  const leaseMs = 1500;
  const work = {
    connectionString: database.url,
    schema: 'killed',
    queues: ['q'],
    workers: 4,
    concurrency: 2,
  };
  const holder = limitedProcess(
    { ...work, workers: 2, driver: 'pg', workMs: 600_000, leaseMs, forMs: 600_000, firstId: 0 },
    t,
  );
  await eventually(async () => (await permits(queue)) === 4, 'four permits');
  const other = limitedProcess(
    { ...work, workers: 4, driver: 'postgres', workMs: 30, leaseMs, forMs: 8_000, firstId: 1_000_000 },
    t,
  );
  await other.ready;
  // Long enough for permits to end that nobody prolongs.
  await sleep(leaseMs * 1.5);
  await holder.kill();
  const killedMs = sharedMs();
  const { rows } = await driver.query<{ readonly left: number }>({
    text: `
SELECT (extract(epoch FROM min(expires_at) - clock_timestamp()) * 1000)::double precision AS left
FROM ${queue.context.tables.permits}`,
  });
  const freeMs = killedMs + (rows[0]?.left ?? 0);
  const runs = (await other.said).runs['q'] ?? [];
  const firstMs = Math.min(...runs.map(({ startedMs }) => startedMs));
  assert(firstMs >= freeMs, `the first job of the other process started ${freeMs - firstMs} ms early`);
  assert.equal(mostAtWork(runs), 4);
});

test('a queue without limits asks nothing; handlers that run when a limit comes count', async (t) => {
  const turns: string[] = [];
  await using driver = pgDriver({
    ...database.settings,
    onStatement: ({ text }) => {
      if (text.includes('limits_turn')) turns.push(text);
    },
  });
  await using queue = createQueue({ driver, schema: 'late limit', wakeup: 'poll' });
  await queue.install();
  turns.length = 0;
  const players = cast({ queue, t }, 1, { concurrency: 4, workMs: () => 5 });
  await startAll(players);
  await eventually(() => runsOf(players).length >= 200, '200 jobs');
  assert.deepEqual(turns, []);
  await stopAll(players);

  const long = cast({ queue, t }, 1, { concurrency: 3, worker: 'long', workMs: () => 3_000 });
  await startAll(long);
  await queue.limits.set('q', { concurrency: 4 });
  await eventually(() => long[0]?.controls.limited === true, 'the limit known');
  await eventually(async () => (await permits(queue)) === 3, 'permits of running handlers');
  const later = cast({ queue, t }, 2, { worker: 'later', workMs: () => 5, nextId: idsFrom(1_000) });
  await startAll(later);
  await eventually(() => runsOf(later).length >= 20, 'room for one');
  await stopAll(later);
  await stopAll(long);
  const all = [...runsOf(long), ...runsOf(later)];
  assert.equal(mostAtWork(all), 4);
});

function idsFrom(first: number): () => string {
  let id = first;
  return () => {
    id += 1;
    return String(id);
  };
}

test('paused, a queue starts nothing; resumed, it goes on', async (t) => {
  await using driver = pgDriver(database.settings);
  await using queue = createQueue({ driver, schema: 'paused', wakeup: 'poll' });
  await queue.install();
  await queue.limits.set('q', { rate: { jobs: 20, periodMs: 100 } });
  const players = cast({ queue, t }, 3);
  await startAll(players);
  await eventually(() => runsOf(players).length >= 20, '20 jobs');
  await queue.pause('q');
  await eventually(() => players.every(({ controls }) => controls.paused), 'the pause known');
  const started = runsOf(players).length;
  await sleep(500);
  assert.equal(runsOf(players).length, started);
  await queue.resume('q');
  await eventually(() => runsOf(players).length >= started + 20, 'more jobs');
  // Without its limit what waits at the gate goes on as well.
  await queue.limits.set('q', { rate: null });
  await eventually(() => players.every(({ controls }) => !controls.limited), 'the end of the limit known');
  const free = runsOf(players).length;
  await eventually(() => runsOf(players).length >= free + 500, 'many jobs');
  await stopAll(players);
  assert.deepEqual(errorsOf(players), []);
});

test('a token whose job is withdrawn goes to another worker at once', async (t) => {
  await using driver = pgDriver(database.settings);
  await using queue = createQueue({ driver, schema: 'withdrawn', wakeup: 'poll' });
  await queue.install();
  await queue.limits.set('q', { rate: { jobs: 1, periodMs: 3_600_000 } });
  const [one, other] = [
    cast({ queue, t }, 1, { concurrency: 1 }),
    cast({ queue, t }, 1, { concurrency: 1, worker: 'v' }),
  ];
  // Stopped while its first turn is under way: nothing has started, and the token has been taken.
  const [first] = one;
  assert(first !== undefined);
  await first.start();
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  await stopAll(one);
  assert.equal(runsOf(one).length, 0, 'this test stops a worker before its first job');
  await startAll(other);
  await eventually(() => runsOf(other).length === 1, 'the job of the other worker');
  await stopAll(other);
});

test('a turn that fails is taken again, and permits are kept meanwhile', async (t) => {
  await using driver = pgDriver(database.settings);
  await using queue = createQueue({ driver, schema: 'failing', wakeup: 'poll' });
  await queue.install();
  await queue.limits.set('q', { concurrency: 3 });
  const players = cast({ queue, t }, 4);
  await startAll(players);
  await eventually(() => runsOf(players).length >= 50, '50 jobs');
  const { signature } = turnRoutine(queue.context.tables);
  await driver.query({ text: `ALTER FUNCTION ${signature} RENAME TO away` });
  await eventually(() => players.every(({ errors }) => errors.length > 0), 'a failed turn of each');
  const started = runsOf(players).length;
  const back = signature.replace(/"limits_turn_[0-9a-f]+"/, 'away');
  const [, name = ''] = /"(limits_turn_[0-9a-f]+)"/.exec(signature) ?? [];
  await driver.query({ text: `ALTER FUNCTION ${back} RENAME TO ${name}` });
  await eventually(() => runsOf(players).length >= started + 100, '100 more');
  await stopAll(players);
  assert(mostAtWork(runsOf(players)) <= 3);
  assert.equal(await permits(queue), 0);
});

test('who finds its permit expired is told to let go', async (t) => {
  await using driver = pgDriver(database.settings);
  await using queue = createQueue({ driver, schema: 'expired', wakeup: 'poll' });
  await queue.install();
  await queue.limits.set('q', { concurrency: 2 });
  const leaseMs = 6_000;
  const players = cast({ queue, t }, 1, { workMs: () => 5_000, leaseMs });
  const [player] = players;
  assert(player !== undefined);
  await player.start();
  await eventually(() => player.runs.length === 2, 'two jobs');
  await driver.query({ text: `UPDATE ${queue.context.tables.permits} SET expires_at = now()` });
  await eventually(() => player.lost.length === 2, 'both are told');
  const [run] = player.runs;
  assert(
    run !== undefined && sharedMs() < run.startedMs + leaseMs,
    'by the server, before the lease has ended here',
  );
  await stopAll(players);
});

test('a permit that ends as it was to be renewed leaves nothing to ask', async (t) => {
  let turns = 0;
  await using driver = pgDriver({
    ...database.settings,
    onStatement: ({ text }) => {
      if (text.includes('limits_turn')) turns += 1;
    },
  });
  await using queue = createQueue({ driver, schema: 'ends', wakeup: 'poll' });
  await queue.install();
  await queue.limits.set('q', { concurrency: 2 });
  const onError = (error: unknown) => assert.fail(String(error));
  const shared = { context: queue.context, queue: 'q', random: Math.random, onError };
  const controls = new Controls({ ...shared, isSignalled: () => false, onCancelled: () => undefined });
  await controls.start();
  const gate = new StartGate({ ...shared, controls, workerId: 'w', leaseMs: 1200, heartbeatMs: 400 });
  t.after(async () => {
    await gate.close();
    await controls.close();
  });
  const lease = { fencingToken: '1', expiresAtMs: Number.POSITIVE_INFINITY };
  const job = { id: '1', queue: 'q', payload: null, priority: 0, attempt: 1, maxAttempts: 1, lease };
  const held = { job };
  const fromMs = performance.now();
  const started = Promise.withResolvers<void>();
  gate.want(held, { start: () => started.resolve(), postpone: () => undefined, lose: () => undefined });
  await started.promise;
  // After the heartbeat, and in the same turn of the event loop: before the gate has said anything.
  const ended = new Promise<void>((resolve) => {
    setTimeout(() => resolve(gate.ended(held)), 450);
  });
  while (performance.now() < fromMs + 1000);
  await ended;
  turns = 0;
  await sleep(300);
  assert(turns <= 3, `${turns} turns`);
  await gate.close();
});

test('a turn without an answer has failed after some seconds; what it grants late is given back', async (t) => {
  await using driver = pgDriver({ ...database.settings, max: 8 });
  await using queue = createQueue({ driver, schema: 'hanging', wakeup: 'poll' });
  await queue.install();
  await queue.limits.set('q', { concurrency: 2, rate: { jobs: 100_000, periodMs: 60_000 } });
  const players = cast({ queue, t }, 2);
  await startAll(players);
  await eventually(() => runsOf(players).length >= 20, '20 jobs');
  const key = `SELECT tableoid::integer AS lock, id FROM ${queue.context.tables.settings} WHERE queue = 'q'`;
  const block = async () => {
    const blocker = await driver.connect('blocker');
    await blocker.query({ text: `SELECT pg_advisory_lock(lock, id) FROM (${key}) AS setting` });
    return blocker;
  };
  {
    await using _blocker = await block();
    await eventually(() => errorsOf(players).length > 0, 'a failed turn');
    for (const error of errorsOf(players)) assert.match(String(error), /has not answered within 5000 ms/);
  }
  const started = runsOf(players).length;
  await eventually(() => runsOf(players).length >= started + 50, '50 more');
  await eventually(async () => (await permits(queue)) <= 2, 'no more permits than there may be');
  assert(mostAtWork(runsOf(players)) <= 2);
  await using _blocker = await block();
  await sleep(100);
  const stoppingMs = performance.now();
  await stopAll(players);
  assert(performance.now() - stoppingMs < 3500, 'a stop does not wait for it');
});

test('a token that is a month away is waited for without a hurry', async (t) => {
  const warnings: string[] = [];
  const warned = ({ name }: Error) => warnings.push(name);
  process.on('warning', warned);
  t.after(() => process.off('warning', warned));
  await using driver = pgDriver(database.settings);
  await using queue = createQueue({ driver, schema: 'month', wakeup: 'poll' });
  await queue.install();
  await queue.limits.set('q', { rate: { jobs: 1, periodMs: 31 * 86_400_000 } });
  const players = cast({ queue, t }, 1);
  await startAll(players);
  await eventually(() => runsOf(players).length === 1, 'the only job');
  await sleep(300);
  await stopAll(players);
  assert.deepEqual(warnings, []);
});

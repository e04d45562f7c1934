// Does a queue that loses its sessions, or finds no connection, come back without a job lost? Whole cells.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FaultInput } from '../../scenarios/fault.ts';
import { faultyCell } from '../../testing/faulty-cell.ts';
import type { CellOutcome } from '../cell/result.ts';
import { errorCode } from '../errors.ts';
import { nowUs } from '../load/clock.ts';
import { withConnection } from '../server/connect.ts';
import { startEmbedded } from '../server/embedded.ts';
import { openServer } from '../server/index.ts';
import type { PostgresServer } from '../server/server.ts';
import { FAULT_NAME } from './fault-session.ts';
import { scheduleFaults } from './faults.ts';

const shortLeases = { leaseMs: 1_000 } as const;

function load(seconds: number, ratePerSec: number, faults: FaultInput[]) {
  return {
    ...shortLeases,
    phases: [{ label: 'a', seconds, arrival: { model: 'uniform', ratePerSec } as const, faults }],
  };
}

/** Nothing lost, nothing done twice within its lease, and all that got in was done. */
function assertWhole({ cell }: CellOutcome): void {
  assert.notEqual(cell.verdict, 'incorrect', cell.reasons.join('; '));
  assert.ok(!cell.reasons.some((reason) => reason.startsWith('fault ')), cell.reasons.join('; '));
  const { lost, duplicateClaims, duplicateSettlements } = cell.audit;
  assert.deepEqual([lost, duplicateClaims, duplicateSettlements], [0, 0, 0]);
  assert.equal(cell.jobs.settled + cell.jobs.failed + cell.jobs.skipped, cell.jobs.offered);
  assert.equal(cell.jobs.inFlight, 0);
}

function noteOf({ cell }: CellOutcome, begin: string): string {
  const note = cell.notes.find((one) => one.startsWith(begin));
  assert.ok(note, cell.notes.join('; '));
  return note;
}

describe('on a server with few connections', () => {
  let server: PostgresServer;
  before(async () => {
    server = await startEmbedded({ settings: { max_connections: '40', max_prepared_transactions: '2' } });
  });
  after(async () => server?.[Symbol.asyncDispose]());

  test('sessions that are ended at a rate come back, and cost no job', async (t) => {
    const outcome = await faultyCell(
      t,
      server,
      'skip-locked',
      load(4, 50, [{ fault: 'terminate-backends', perSec: 5, afterSeconds: 1, forSeconds: 1.5 }]),
    );
    assertWhole(outcome);
    const { cell } = outcome;
    assert.deepEqual(
      cell.window.faults.map(({ label }) => label),
      ['terminate-backends', 'terminate-backends ends'],
    );
    const ended = Number(/ended (\d+) sessions/.exec(noteOf(outcome, 'terminate-backends'))?.[1]);
    assert.ok(ended >= 3 && ended <= 9, `${ended} sessions were ended`);
    assert.ok(
      cell.notes.some((note) => /57P01|terminat/i.test(note) && !note.startsWith('terminate-')),
      `the load did not notice: ${cell.notes.join('; ')}`,
    );
    // New sessions are charged with those: what they cost a job is not known, the rest is.
    assert.equal(cell.cost?.commitsPerJob, undefined);
    assert.equal(cell.cost?.serverCpuUsPerJob, undefined);
    assert.ok((cell.cost?.walBytesPerJob ?? 0) > 0);
    assert.ok(
      cell.telemetry?.missing.some((one) =>
        /commits.*: the server counted those of terminate-backends/.test(one),
      ),
    );
  });

  test('a full server keeps workers out until it ends, then they go on', async (t) => {
    const seen: { readonly code: string | undefined; readonly atUs: number }[] = [];
    const stop = new AbortController();
    const probing = (async () => {
      while (!stop.signal.aborted) {
        const atUs = nowUs();
        const code = await withConnection(
          await settingsOf(server),
          { applicationName: 'probe' },
          async () => undefined,
        ).then(() => undefined, errorCode);
        seen.push({ code, atUs });
        await sleep(100);
      }
    })();
    const outcome = await faultyCell(
      t,
      server,
      'skip-locked',
      load(6, 50, [{ fault: 'exhaust-connections', afterSeconds: 1.5, forSeconds: 2 }]),
    );
    stop.abort();
    await probing;
    assertWhole(outcome);
    assert.ok(
      seen.some(({ code }) => code === '53300'),
      `new connections got in: ${JSON.stringify(seen)}`,
    );
    assert.equal(seen.at(-1)?.code, undefined);
    const note = noteOf(outcome, 'exhaust-connections');
    assert.ok(Number(/and ended (\d+) sessions/.exec(note)?.[1]) >= 8, note);
    const [from = 0, to = 0] = outcome.cell.window.faults.map(({ atSeconds }) => atSeconds);
    const settled = outcome.samples.flatMap((s) => (s.kind === 'load' ? [{ at: s.t, n: s.settled }] : []));
    const within = (a: number, b: number) =>
      settled.filter(({ at }) => at >= a && at < b).reduce((sum, { n }) => sum + n, 0);
    const said = JSON.stringify({ from, to, settled });
    // A worker that finds a place loses it a moment later, and meanwhile settles a few of the 50 of that second.
    assert.ok(within(from + 0.5, to - 0.5) <= 20, `workers went on: ${said}`);
    assert.ok(within(to, 60) > 50, `workers did not come back: ${said}`);
  });

  test('on a server at an address nobody is locked out who is at work there beside the run', async (t) => {
    const { host, port, user, password } = await settingsOf(server);
    const address = `postgres://${user}:${encodeURIComponent(password)}@${host}:${port}/postgres`;
    await using remote = await openServer(address);
    const exhausted = () =>
      faultyCell(
        t,
        remote,
        'skip-locked',
        load(2, 20, [{ fault: 'exhaust-connections', afterSeconds: 0.5, forSeconds: 0.5 }]),
      );
    await withConnection(await settingsOf(server), { applicationName: 'shop' }, async () => {
      const { cell } = await exhausted();
      assert.match(cell.reasons.join('; '), /^fault exhaust-connections .* others are at work on the server/);
      assert.deepEqual(cell.window.faults, []);
    });
    assertWhole(await exhausted());
  });

  test('a cell that is interrupted leaves nothing of its faults on a server at an address', async (t) => {
    const connection = await settingsOf(server);
    const { host, port, user, password } = connection;
    const address = `postgres://${user}:${encodeURIComponent(password)}@${host}:${port}/postgres`;
    await using remote = await openServer(address);
    const count = (sql: string) =>
      withConnection(
        connection,
        { applicationName: 'probe' },
        async (client) => (await client.query(sql)).rows.length,
      );
    const prepared = 'SELECT FROM pg_prepared_xacts';
    const interruption = new AbortController();
    const faults: FaultInput[] = [
      { fault: 'prepared-transaction' },
      { fault: 'starved-autovacuum' },
      { fault: 'held-xmin' },
    ];
    const ended = faultyCell(t, remote, 'skip-locked', load(120, 20, faults), interruption.signal).then(
      () => 'went on',
      () => 'interrupted',
    );
    const endMs = performance.now() + 100_000;
    while ((await count(prepared)) === 0 && performance.now() < endMs) await sleep(100);
    assert.equal(await count(prepared), 1);
    interruption.abort();
    assert.equal(await ended, 'interrupted');
    assert.equal(await count(prepared), 0);
    assert.equal(await count(`SELECT FROM pg_stat_activity WHERE application_name = '${FAULT_NAME}'`), 0);
    const made = `SELECT FROM pg_database WHERE shobj_description(oid, 'pg_database') LIKE 'claimbench run%'`;
    assert.equal(await count(made), 0);
  });

  test('a storm beside the load makes its costs absent, with the reason', async (t) => {
    const outcome = await faultyCell(
      t,
      server,
      'skip-locked',
      load(2.5, 50, [{ fault: 'notify-storm', perSec: 200, afterSeconds: 0.5, forSeconds: 1 }]),
    );
    assertWhole(outcome);
    assert.ok(Number(/sent (\d+) of/.exec(noteOf(outcome, 'notify-storm'))?.[1]) > 20);
    const { cost, notes } = outcome.cell;
    for (const name of [
      'walBytesPerJob',
      'walFullPageImageShare',
      'commitsPerJob',
      'serverCpuUsPerJob',
    ] as const)
      assert.equal(cost?.[name], undefined, name);
    assert.ok((cost?.roundTripsPerJob ?? 0) > 0);
    assert.ok((cost?.deadTuplesPerJob ?? 0) > 0);
    assert.ok(
      notes.some((note) => /^not measured: WAL, .* those of notify-storm with them/.test(note)),
      notes.join('; '),
    );
  });
});

test('a server that is gone keeps no fault from its end', async () => {
  const server = await startEmbedded({ settings: { max_connections: '30', max_prepared_transactions: '2' } });
  try {
    const { connection, schema } = await server.openDatabase('gone');
    await withConnection(connection, { applicationName: 'test' }, (client) =>
      client.query('CREATE SCHEMA claimbench; CREATE TABLE claimbench.one (n int)'),
    );
    const timed = { afterSeconds: 0, atSeconds: 0, forSeconds: 60 };
    const schedule = scheduleFaults(
      [
        { fault: 'prepared-transaction', ...timed },
        { fault: 'starved-autovacuum', ...timed },
        { fault: 'notify-storm', perSec: 50, ...timed },
        { fault: 'held-xmin', kind: 'staggered', eachSeconds: 1, ...timed },
        { fault: 'idle-listeners', listeners: 5, ...timed },
      ],
      { connection, schema, standby: undefined, agents: [], startUs: nowUs() },
    );
    for (let i = 0; i < 200 && schedule.applied.length < 5; i += 1) await sleep(50);
    assert.equal(schedule.applied.length, 5, schedule.failures.join('; '));
    await server[Symbol.asyncDispose]();
    const startMs = performance.now();
    await schedule.undo();
    assert.ok(performance.now() - startMs < 25_000);
    assert.equal(schedule.failures.length, 5, schedule.failures.join('; '));
  } finally {
    await server[Symbol.asyncDispose]();
  }
});

async function settingsOf(server: PostgresServer) {
  // Any database will do: the cells' own come and go.
  probed ??= (await server.openDatabase('probe')).connection;
  return probed;
}

let probed: Awaited<ReturnType<PostgresServer['openDatabase']>>['connection'] | undefined;

// Does a fault of the database take hold, end, and void the cell where it cannot be had?

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { FaultInput } from '../../scenarios/fault.ts';
import { type ScenarioInput, scenarioSchema } from '../../scenarios/scenario.ts';
import { temporaryFolder, testServer } from '../../testing/command.ts';
import { testDatabase } from '../../testing/database.ts';
import { startPooler, withoutPooler } from '../../testing/pooler.ts';
import { runCell } from '../cell/cell.ts';
import type { CellOutcome } from '../cell/result.ts';
import { parseContender } from '../contenders/index.ts';
import { withConnection } from '../server/connect.ts';
import { openServer } from '../server/index.ts';
import { FAULT_NAME } from './fault-session.ts';
import { holdXmin } from './held-xmin.ts';
import { takeHold } from './holding.ts';

async function ran(t: TestContext, contender: string, over: Partial<ScenarioInput>): Promise<CellOutcome> {
  await using server = await openServer(testServer());
  return await runCell(
    {
      ...{ id: 'x', block: 0, order: 0, repeat: 0, seed: 1 },
      scenario: scenarioSchema.parse({
        name: 'faulty',
        question: 'What does it do?',
        warmupSeconds: 0,
        warmupCapSeconds: 0,
        phases: [{ label: 'a', seconds: 4, arrival: { model: 'uniform', ratePerSec: 50 } }],
        settleWithinSeconds: 10,
        ...over,
      }),
      contender: parseContender(contender, () => ''),
    },
    {
      server: contender === 'null' ? undefined : server,
      scratchDir: temporaryFolder(t),
      ceilingFor: async () => undefined,
      signal: AbortSignal.timeout(60_000),
      onProgress: () => undefined,
    },
  );
}

const busy = (seconds: number, ratePerSec: number, faults: readonly FaultInput[]) => [
  { label: 'a', seconds, arrival: { model: 'uniform', ratePerSec } as const, faults: [...faults] },
];

const labels = ({ cell }: CellOutcome): readonly string[] => cell.window.faults.map(({ label }) => label);

test('a reader and a writer hold xmin for as long as they are told, and the timeline names them', async (t) => {
  const outcome = await ran(t, 'skip-locked', {
    phases: busy(6, 50, [
      { fault: 'held-xmin', afterSeconds: 0.3, forSeconds: 2 },
      { fault: 'held-xmin', afterSeconds: 4, forSeconds: 60, kind: 'writer' },
    ]),
  });
  const { cell, samples } = outcome;
  assert.notEqual(cell.verdict, 'incorrect', cell.reasons.join('; '));
  assert.ok(!cell.reasons.some((reason) => reason.includes('held-xmin')), cell.reasons.join('; '));
  assert.deepEqual(labels(outcome), ['held-xmin by a reader', 'held-xmin ends', 'held-xmin by a writer']);
  assert.equal(cell.jobs.settled, cell.jobs.offered);
  // In transaction ids: with nobody in the way it stays within a few, held it grows with every claim and settle.
  const ages = samples.flatMap((s) => (s.kind === 'server' ? [{ t: s.t, age: s.xminAge ?? 0 }] : []));
  const within = (from: number, to: number): number[] =>
    ages.flatMap(({ t, age }) => (t > from && t < to ? [age] : []));
  const said = JSON.stringify(ages);
  assert.ok(Math.max(...within(1, 2.2)) > 50, `not held by the reader: ${said}`);
  assert.ok(Math.min(...within(2.4, 3.9)) < 30, `held between the two: ${said}`);
  assert.ok(Math.max(...within(4.9, 6)) > 50, `not held by the writer: ${said}`);
});

test('a transaction that ended before its time is no fault that was held', async () => {
  await using server = await openServer(testServer());
  await using database = await server.openDatabase('lost_holder');
  const holder = await holdXmin(database.connection, 'writer');
  await withConnection(database.connection, { applicationName: 'test' }, async (client) => {
    await client.query(
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1 AND datname = $2',
      [FAULT_NAME, database.connection.database],
    );
  });
  await assert.rejects(async () => holder[Symbol.asyncDispose]());
});

test('a job that commits late is delivered after that, and its enqueue took as long', async (t) => {
  const outcome = await ran(t, 'skip-locked', {
    phases: busy(4, 50, [{ fault: 'late-commit', afterSeconds: 0.5, forSeconds: 2 }]),
  });
  const { cell } = outcome;
  assert.notEqual(cell.verdict, 'incorrect', cell.reasons.join('; '));
  assert.ok(!cell.reasons.some((reason) => reason.includes('late-commit')), cell.reasons.join('; '));
  assert.deepEqual(labels(outcome), ['late-commit', 'late-commit ends']);
  assert.equal(cell.jobs.settled, cell.jobs.offered);
  const { enqueue, pickup } = cell.latencyUs ?? {};
  assert.ok((enqueue?.max ?? 0) >= 2e6, `${enqueue?.max}`);
  assert.ok((pickup?.max ?? 0) >= 2e6, `${pickup?.max}`);
});

test('without a database, or transactions, or a job to strike, the cell is void and says so', async (t) => {
  const held = await ran(t, 'null', {
    phases: busy(1, 20, [{ fault: 'held-xmin', afterSeconds: 0.1, forSeconds: 0.2 }]),
  });
  assert.match(held.cell.reasons.join('\n'), /fault held-xmin at 0\.1 s: the contender has no database/);
  const late = await ran(t, 'null', {
    phases: busy(1, 20, [{ fault: 'late-commit', afterSeconds: 0.1, forSeconds: 0.2 }]),
  });
  assert.match(late.cell.reasons.join('\n'), /cannot hold an enqueue open/);
  const idle = await ran(t, 'skip-locked', {
    phases: [
      ...busy(1, 20, []),
      {
        label: 'nothing',
        seconds: 1,
        faults: [{ fault: 'late-commit', afterSeconds: 0.5, forSeconds: 0.2 }],
      },
    ],
  });
  assert.match(idle.cell.reasons.join('\n'), /fault late-commit at 1\.5 s: no job was due after it/);
});

test('a slot is not abandoned behind a pooler, whose session would keep it on the server', {
  skip: withoutPooler,
}, async (t) => {
  const database = await testDatabase(t);
  for (const mode of ['transaction', 'session'] as const) {
    const settings = { ignore_startup_parameters: 'statement_timeout' };
    await using pooler = await startPooler({ mode, settings });
    const connection = pooler.through(database);
    await assert.rejects(
      takeHold({ fault: 'abandon-slot' }, { connection, standby: undefined }),
      /the address is a pooler's, .*: give the server's own$/,
    );
    await withConnection(database.settings, { applicationName: 'test' }, async (client) => {
      const { rows } = await client.query(
        `SELECT slot_name FROM pg_replication_slots WHERE slot_name LIKE 'claimbench_abandoned_%'`,
      );
      assert.deepEqual(rows, []);
    });
  }
});

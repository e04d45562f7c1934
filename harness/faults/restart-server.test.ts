// Does a cell survive the restart of its server, and say nothing that is not true of it?

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { FaultInput } from '../../scenarios/fault.ts';
import { type ScenarioInput, scenarioSchema } from '../../scenarios/scenario.ts';
import { temporaryFolder, testServer } from '../../testing/command.ts';
import { runCell } from '../cell/cell.ts';
import type { CellOutcome } from '../cell/result.ts';
import { parseContender } from '../contenders/index.ts';
import { cellSchema } from '../result/result.ts';
import { withConnection } from '../server/connect.ts';
import { startEmbedded } from '../server/embedded.ts';
import { openServer } from '../server/index.ts';
import type { PostgresServer } from '../server/server.ts';

let server: PostgresServer;
before(async () => {
  server = await startEmbedded();
});
after(() => server[Symbol.asyncDispose]());

/** Jobs come throughout, and the server is restarted in the middle. */
const throughout = (faults: readonly FaultInput[]): Partial<ScenarioInput> => ({
  phases: [
    { label: 'before', seconds: 1.5, arrival: { model: 'uniform', ratePerSec: 100 } },
    { label: 'restarted', seconds: 3.5, arrival: { model: 'uniform', ratePerSec: 100 }, faults: [...faults] },
  ],
  settleWithinSeconds: 15,
});

async function ran(
  scope: Parameters<typeof temporaryFolder>[0],
  contender: string,
  over: Partial<ScenarioInput>,
  on = server,
): Promise<CellOutcome> {
  const outcome = await runCell(
    {
      ...{ id: 'x', block: 0, order: 0, repeat: 0, seed: 1 },
      scenario: scenarioSchema.parse({
        name: 'restarted',
        question: 'Does it live through a restart of the server?',
        warmupSeconds: 0,
        warmupCapSeconds: 0,
        leaseMs: 2_000,
        ...over,
      }),
      contender: parseContender(contender, () => ''),
    },
    {
      server: contender === 'null' ? undefined : on,
      scratchDir: temporaryFolder(scope),
      ceilingFor: async () => undefined,
      signal: AbortSignal.timeout(90_000),
      onProgress: () => undefined,
    },
  );
  cellSchema.parse(outcome.cell);
  return outcome;
}

/** Reasons that a busy machine gives are its own. */
function reasonsOf({ cell }: CellOutcome): readonly string[] {
  return cell.reasons.filter((reason) => !reason.startsWith('generator:'));
}

describe('an immediate restart in the middle of an open loop', () => {
  let outcome: CellOutcome;
  before(async () => {
    outcome = await ran({ after }, 'skip-locked', throughout([{ fault: 'restart-server' }]));
  });

  test('does not void the cell, and is on its timeline', () => {
    const { cell } = outcome;
    assert.deepEqual(reasonsOf(outcome), []);
    const [strike, end] = cell.window.faults;
    assert.equal(strike?.label, 'restart-server (immediate)');
    assert.equal(end?.label, 'restart-server ends');
    assert.ok((strike?.atSeconds ?? 0) >= 1.5 && (end?.atSeconds ?? 0) > (strike?.atSeconds ?? 0));
  });

  test('loses and doubles nothing: each job is settled, or its enqueue failed', () => {
    const { jobs, audit } = outcome.cell;
    assert.equal(audit.lost + audit.duplicateClaims + audit.duplicateSettlements + audit.unexpected, 0);
    assert.ok(jobs.failed > 0, 'none was enqueued while the server was away');
    assert.equal(jobs.offered, 500);
    assert.equal(jobs.settled + jobs.failed + jobs.skipped, jobs.offered, JSON.stringify(jobs));
    assert.equal(jobs.enqueued, jobs.settled);
  });

  test('tells what failed, and does not hold it against the load', () => {
    const { notes } = outcome.cell;
    assert.ok(notes.some((note) => note.startsWith("met an outage of the scenario's own making")));
    assert.ok(notes.some((note) => /^the scenario restarted the server \(immediate\)/.test(note)));
  });

  test('leaves costs of counters out, and keeps the WAL of both lives; CPU time holds that of the restart', () => {
    const { cost, telemetry, notes } = outcome.cell;
    assert.ok((cost?.walBytesPerJob ?? 0) > 100);
    for (const name of [
      ...(['commitsPerJob', 'buffersPerJob', 'deadTuplesPerJob'] as const),
      ...(['hotUpdateRatio', 'serverCpuUsPerJob'] as const),
    ])
      assert.equal(cost?.[name], undefined, name);
    if (process.platform === 'linux')
      assert.ok(
        notes.some((note) => /server CPU per job: the server counted those of restart-server/.test(note)),
      );
    assert.equal(telemetry?.wal, undefined);
    assert.equal(telemetry?.statements, undefined);
    assert.ok(notes.some((note) => /its counters began anew/.test(note)));
  });

  test('the sampler goes on, without what it does not know any more', () => {
    const [, end] = outcome.cell.window.faults;
    const later = outcome.samples.flatMap((s) =>
      s.kind === 'server' && s.t > (end?.atSeconds ?? 0) + 0.2 ? [s] : [],
    );
    assert.ok(later.length > 0, 'no reading after the restart');
    for (const sample of later) {
      assert.ok(sample.walBytes !== undefined);
      assert.deepEqual(
        [sample.commits, sample.checkpoints, sample.liveTuples],
        [undefined, undefined, undefined],
      );
    }
  });

  test('sessions were counted before it, settings read back, and plans seen', () => {
    const row = outcome.cell.fairness?.find(({ setting }) => setting === 'connections');
    // Where the machine is busy they may not have been there yet.
    assert.ok(row?.verdict === 'matches' || row?.verdict === 'not observed', JSON.stringify(row));
    const durability = outcome.cell.fairness?.find(({ setting }) => setting === 'durability');
    assert.equal(durability?.verdict, 'matches', JSON.stringify(durability));
    assert.ok(outcome.plans.length > 0);
  });
});

test('a fast restart keeps the counters, and so the costs', async (t) => {
  const outcome = await ran(t, 'skip-locked', throughout([{ fault: 'restart-server', mode: 'fast' }]));
  const { cost, telemetry, jobs, audit } = outcome.cell;
  assert.deepEqual(reasonsOf(outcome), []);
  assert.equal(audit.lost + audit.duplicateClaims, 0);
  // Each job was enqueued, and claimed and settled with others perhaps.
  const commits = (cost?.commitsPerJob ?? 0) * jobs.settled;
  assert.ok(commits > jobs.enqueued * 1.2, `${commits} commits for ${jobs.enqueued} jobs`);
  assert.ok((cost?.deadTuplesPerJob ?? 0) > 0);
  assert.ok((telemetry?.wal?.records ?? 0) > jobs.settled);
});

test('in a drain the workers go on where they were', async (t) => {
  const outcome = await ran(t, 'skip-locked?driver=postgres', {
    preload: { ready: 4_000 },
    job: { handler: { time: 'constant', ms: 5 } },
    phases: [{ label: 'drain', seconds: 25, faults: [{ fault: 'restart-server', afterSeconds: 0.5 }] }],
  });
  const { jobs, audit } = outcome.cell;
  assert.deepEqual(reasonsOf(outcome), []);
  assert.equal(audit.lost + audit.duplicateClaims, 0);
  assert.equal(jobs.settled, 4_000, JSON.stringify(jobs));
});

test('a crash beside the restart still voids the cell', async (t) => {
  const { restart, openDatabase } = server;
  assert(restart);
  const crashing: PostgresServer = Object.create(server, {
    restart: {
      async value(...words: Parameters<typeof restart>) {
        const done = await restart(...words);
        await using beside = await openDatabase('beside');
        setTimeout(() => void crash(beside.connection), 700);
        return done;
      },
    },
  });
  const outcome = await ran(t, 'skip-locked', throughout([{ fault: 'restart-server' }]), crashing);
  assert.match(reasonsOf(outcome).join('\n'), /the server crashed and recovered while the load ran/);
});

/** As the kernel does when memory is short. */
async function crash(connection: Parameters<typeof withConnection>[0]): Promise<void> {
  await withConnection(
    { ...connection, database: 'postgres' },
    { applicationName: 'killer' },
    async (client) => {
      const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
      process.kill(rows[0]?.pid ?? 0, 'SIGKILL');
    },
  );
}

test('a server of the user’s own cannot be restarted: the cell is void and says so', async (t) => {
  await using url = await openServer(testServer());
  const faults: readonly FaultInput[] = [{ fault: 'restart-server', afterSeconds: 0.2 }];
  const outcome = await ran(
    t,
    'skip-locked',
    {
      phases: [
        { label: 'a', seconds: 1, arrival: { model: 'uniform', ratePerSec: 20 }, faults: [...faults] },
      ],
    },
    url,
  );
  assert.match(
    outcome.cell.reasons.join('\n'),
    /fault restart-server at 0\.2 s: the harness cannot restart this server: take --server embedded/,
  );
});

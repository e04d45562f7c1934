// Does the bystander tell the truth of the server that it shares, and the harness the truth of it?

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { parseScenario } from '../../cli/scenarios.ts';
import { randomStream } from '../../stats/random.ts';
import { temporaryFolder, testServer } from '../../testing/command.ts';
import { testDatabase } from '../../testing/database.ts';
import { runCell } from '../cell/cell.ts';
import type { CellPlan } from '../cell/plan.ts';
import type { CellOutcome } from '../cell/result.ts';
import { parseContender } from '../contenders/index.ts';
import { CannotMeasure } from '../errors.ts';
import { arrivals } from '../load/arrivals.ts';
import { nowUs } from '../load/clock.ts';
import { cellSchema, sampleSchema } from '../result/result.ts';
import { openServer } from '../server/index.ts';
import { type Bystander, type BystanderReport, openBystander } from './bystander.ts';
import { BYSTANDER_NAME, bystanderArrivals, STREAMS } from './bystander-protocol.ts';
import { BYSTANDER_SCHEMA, createBystanderTables } from './bystander-tables.ts';

const RATE = 100;
const SECONDS = 3;
/** The sessions are open, and the process hears of its start. */
const START_DELAY_US = 60_000;

function planOf(bystander: object, phases: readonly object[], more: object = {}): CellPlan {
  const scenario = {
    name: 'shared',
    question: 'What does the queue do to its neighbour?',
    workers: { agents: 1, connections: 2 },
    warmupSeconds: 0.2,
    warmupCapSeconds: 0.2,
    phases,
    neighbours: { bystander },
    ...more,
  };
  return {
    ...{ id: 'shared', block: 0, order: 0, repeat: 1, seed: 7 },
    scenario: parseScenario(scenario, 'shared'),
    contender: parseContender('skip-locked', () => ''),
  };
}

const STEADY = [
  { label: 'before', seconds: 1 },
  { label: 'during', seconds: SECONDS - 1, arrival: { model: 'uniform', ratePerSec: 1 } },
];

const SCHEDULE = [...arrivals(bystanderArrivals(RATE, SECONDS), randomStream(7, STREAMS.arrivals))];

/** A bystander alone on a database of its own, while `meanwhile` happens, which is told when the load starts. */
async function alone(
  t: TestContext,
  meanwhile: (client: pg.Client, startUs: number) => Promise<void>,
  exclusive = true,
): Promise<{ readonly report: BystanderReport; readonly left: string[] }> {
  const { settings, url } = await testDatabase(t);
  const database = {
    connection: settings,
    schema: 'claimbench',
    exclusive,
    async [Symbol.asyncDispose]() {},
  };
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const report = await attended(t, database, client, meanwhile);
    const { rows } = await client.query<{ nspname: string }>(
      `SELECT nspname FROM pg_namespace WHERE nspname LIKE 'bystander%'`,
    );
    return { report, left: rows.map((row) => row.nspname) };
  } finally {
    await client.end();
  }
}

async function attended(
  t: TestContext,
  database: Parameters<typeof openBystander>[0]['database'],
  client: pg.Client,
  meanwhile: (client: pg.Client, startUs: number) => Promise<void>,
): Promise<BystanderReport> {
  const plan = planOf({ ratePerSec: RATE, connections: 4, rows: 1_000 }, STEADY);
  await using bystander = openBystander({ plan, database, scratch: temporaryFolder(t) });
  assert.ok(bystander !== undefined);
  await bystander.prepare('job-queue');
  await bystander.ready();
  const startUs = nowUs() + START_DELAY_US;
  bystander.start(startUs);
  await Promise.all([meanwhile(client, startUs), over(bystander, startUs)]);
  return await bystander.end();
}

async function over(bystander: Bystander, startUs: number): Promise<void> {
  await until(startUs, SECONDS);
  bystander.loadOver();
}

async function until(startUs: number, seconds: number): Promise<void> {
  await sleep(Math.max(0, (startUs + seconds * 1e6 - nowUs()) / 1000));
}

/** What a slow machine alone may bring about. */
function withoutGenerator(reasons: readonly string[]): string[] {
  return reasons.filter((reason) => !reason.startsWith('generator: '));
}

test('what is offered is the schedule: rate × seconds of a seeded Poisson process, and every one is accounted for', async (t) => {
  const { report } = await alone(t, async () => undefined);
  const { figures, failures, samples } = report;
  assert.deepEqual(withoutGenerator(failures), []);
  assert.ok(figures !== undefined);
  const { whole, phases } = figures;
  const due = SCHEDULE;
  assert.equal(whole.offered, due.length);
  // Four standard deviations of a Poisson count.
  assert.ok(Math.abs(whole.offered - RATE * SECONDS) < 4 * Math.sqrt(RATE * SECONDS), `${whole.offered}`);
  assert.deepEqual([whole.failed, whole.unfinished, whole.latencyUs?.count], [0, 0, due.length]);
  assert.deepEqual(
    phases.map((phase) => [phase.label, phase.seconds]),
    [
      ['before', 0.8],
      ['during', 2],
    ],
  );
  const inPhases = phases.reduce((sum, phase) => sum + phase.offered, 0);
  assert.equal(inPhases, due.filter(({ atUs }) => atUs >= 200_000).length, 'all but the warm-up');
  const seconds = samples.flatMap((sample) => (sample.kind === 'bystander' ? [sample] : []));
  for (const second of seconds) sampleSchema.parse(second);
  assert.equal(
    seconds.reduce((sum, second) => sum + second.count, 0),
    due.length,
  );
});

test('a server that stalls for a second has about a hundred late transactions of a hundred a second', async (t) => {
  let stalled: readonly [number, number] | undefined;
  const { report } = await alone(t, async (client, startUs) => {
    await until(startUs, 1.3);
    await client.query('BEGIN');
    await client.query(`LOCK TABLE ${BYSTANDER_SCHEMA}.accounts IN ACCESS EXCLUSIVE MODE`);
    const lockedUs = nowUs();
    await until(lockedUs, 1);
    stalled = [lockedUs - startUs, nowUs() - startUs];
    await client.query('COMMIT');
  });
  const { figures, failures, log } = report;
  assert.deepEqual(withoutGenerator(failures), []);
  const during = figures?.phases.find((phase) => phase.label === 'during');
  assert.ok(during?.latencyUs !== undefined && stalled !== undefined);
  assert.equal(during.failed, 0);
  assert.equal(log.length, 2);
  // What was due in the stall, but for its last tenth of a second, took longer than that, however fast the machine is: each
  // counts from its own instant, though only four connections were waiting.
  const [fromUs, toUs] = [stalled[0], Math.min(stalled[1], SECONDS * 1e6) - 100_000];
  const due = SCHEDULE.filter(({ atUs }) => atUs > fromUs && atUs < toUs);
  assert.ok(due.length >= 50, `${due.length} were due`);
  const late = await lateIn(log[1] ?? '', 100_000);
  assert.ok(late >= due.length, `${late} over 100 ms, where ${due.length} had been due`);
  const first = stalled[1] - (due[0]?.atUs ?? 0);
  assert.ok(during.latencyUs.max >= first, `the longest took ${during.latencyUs.max} µs, and not ${first}`);
});

async function lateIn(line: string, limitUs: number): Promise<number> {
  const { readIntervals } = await import('../../reports/hlog.ts');
  const [interval] = readIntervals(line, new Set(['bystander']));
  assert.ok(interval !== undefined);
  const { histogram } = interval;
  let late = 0;
  for (let rank = 1; rank <= histogram.totalCount; rank += 1)
    if (histogram.getValueAtPercentile(((rank - 0.5) / histogram.totalCount) * 100) > limitUs) late += 1;
  return late;
}

test('sessions that are ended fail their transactions, which are told and never fast, and the money still adds up', async (t) => {
  const { report, left } = await alone(
    t,
    async (client, startUs) => {
      for (let i = 1; i <= 5; i += 1) {
        await until(startUs, i * 0.5);
        // All of them are in a transaction, waiting for it.
        await client.query('BEGIN');
        await client.query(`LOCK TABLE ${BYSTANDER_SCHEMA}.tellers IN ACCESS EXCLUSIVE MODE`);
        await sleep(100);
        await client.query(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1 AND datname = current_database()`,
          [BYSTANDER_NAME],
        );
        await client.query('COMMIT');
      }
    },
    false,
  );
  const { figures, failures, notes } = report;
  assert.deepEqual(withoutGenerator(failures), []);
  assert.ok(figures !== undefined);
  const { whole, errors, lostSessions } = figures;
  assert.ok(
    whole.failed >= 5 && lostSessions >= whole.failed,
    `${whole.failed} failed, ${lostSessions} lost`,
  );
  assert.equal(whole.latencyUs?.unfinished, whole.failed + whole.unfinished);
  assert.ok(
    Object.keys(errors).some((error) => error.startsWith('57P01 ')),
    Object.keys(errors).join('; '),
  );
  assert.match(notes.join('\n'), /transactions of the bystander failed, .*57P01/);
  assert.deepEqual(left, [], 'nothing stays in a database that is somebody else’s');
});

test('money that does not add up, and a transaction that is gone, void the cell', async (t) => {
  const { report } = await alone(t, async (client, startUs) => {
    await until(startUs, 2);
    await client.query(
      `DELETE FROM ${BYSTANDER_SCHEMA}.history WHERE transaction = (SELECT min(transaction) FROM ${BYSTANDER_SCHEMA}.history)`,
    );
    await client.query(`UPDATE ${BYSTANDER_SCHEMA}.accounts SET balance = balance + 1 WHERE id = 1`);
  });
  const [gone, money] = withoutGenerator(report.failures);
  const [, there, committed] =
    /(\d+) of its transactions are in the database, where (\d+) had/.exec(gone ?? '') ?? [];
  assert.equal(Number(committed) - Number(there), 1, gone);
  assert.match(money ?? '', /^the bystander: its books do not balance: accounts -?\d+, tellers/);
});

test('a role that may create no schema, or none but its own, makes a void cell with the reason', async (t) => {
  const { settings, url } = await testDatabase(t);
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const role = `bystander_${settings.database}`;
  try {
    await client.query(`CREATE ROLE ${role} LOGIN PASSWORD 'x'`);
    const plan = planOf({ ratePerSec: 10, rows: 100 }, STEADY);
    const connection = { ...settings, user: role, password: 'x' };
    const prepare = async (options: Pick<Parameters<typeof openBystander>[0], 'database'>) => {
      await using bystander = openBystander({ plan, ...options, scratch: temporaryFolder(t) });
      await bystander?.prepare('job-queue');
    };
    const database = { connection, schema: 'claimbench', exclusive: true, async [Symbol.asyncDispose]() {} };
    await assert.rejects(
      prepare({ database }),
      (error) =>
        error instanceof CannotMeasure && /may not create the bystander's schema/.test(error.message),
    );
    await assert.rejects(prepare({ database: undefined }), CannotMeasure);
    await client.query(`CREATE SCHEMA ${BYSTANDER_SCHEMA}`);
    await assert.rejects(
      prepare({ database: { ...database, connection: settings } }),
      (error) => error instanceof CannotMeasure && /that claimbench did not make/.test(error.message),
    );
  } finally {
    await client.query(`DROP ROLE IF EXISTS ${role}`);
    await client.end();
  }
});

test('what a run that was killed has left goes with the next; what is somebody else’s stays', async (t) => {
  const { settings, url } = await testDatabase(t);
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const role = `sweeper_${settings.database}`;
  const schemas = async () =>
    (await client.query(`SELECT FROM pg_namespace WHERE nspname = $1`, [BYSTANDER_SCHEMA])).rowCount;
  const address = `postgres://${role}:x@${settings.host}:${settings.port}/${settings.database}`;
  try {
    await client.query(
      `CREATE ROLE ${role} LOGIN PASSWORD 'x'; GRANT CREATE ON DATABASE ${settings.database} TO ${role}`,
    );
    await createBystanderTables({ connection: { ...settings, user: role, password: 'x' } }, 100);
    assert.equal(await schemas(), 1);
    await (await openServer(address))[Symbol.asyncDispose]();
    assert.equal(await schemas(), 0);
    await client.query(`CREATE SCHEMA ${BYSTANDER_SCHEMA}`);
    await (await openServer(address))[Symbol.asyncDispose]();
    assert.equal(await schemas(), 1);
  } finally {
    await client.query(`DROP OWNED BY ${role} CASCADE; DROP ROLE ${role}`);
    await client.end();
  }
});

async function measured(t: TestContext): Promise<CellOutcome> {
  await using server = await openServer(testServer());
  const plan = planOf(
    { ratePerSec: 250, connections: 4, rows: 5_000 },
    [
      { label: 'before', seconds: 1.5 },
      { label: 'during', seconds: 2, arrival: { model: 'uniform', ratePerSec: 100 } },
      { label: 'after', seconds: 1.5 },
    ],
    { settleWithinSeconds: 5 },
  );
  return await runCell(plan, {
    server,
    scratchDir: temporaryFolder(t),
    ceilingFor: async () => undefined,
    signal: AbortSignal.timeout(60_000),
    onProgress: () => undefined,
  });
}

test('a cell tells of the bystander before, during and after the load, and charges no job with its work', async (t) => {
  const { cell, samples, histogramLog } = await measured(t);
  assert.deepEqual(withoutGenerator(cell.reasons), []);
  cellSchema.parse(cell);
  const { bystander } = cell;
  assert.ok(bystander !== undefined);
  assert.deepEqual(
    bystander.phases.map((phase) => phase.label),
    ['before', 'during', 'after'],
  );
  for (const phase of bystander.phases) {
    assert.ok(phase.latencyUs?.p50 !== undefined && phase.latencyUs.p50 > 0, `${phase.label} has a median`);
    const { offeredPerSec = 0 } = phase;
    assert.ok(offeredPerSec > 125 && offeredPerSec < 500, `${offeredPerSec}/s`);
  }
  assert.deepEqual(bystander.errors, {}, 'the server refused nothing');
  // Cut off at the end: only where the machine stood still for seconds.
  assert.equal(bystander.whole.failed, bystander.unknown.count);
  assert.equal(cell.jobs.settled, 200);
  assert.ok(samples.filter((sample) => sample.kind === 'bystander').length >= 5);
  assert.equal(histogramLog.match(/^Tag=bystander,/gm)?.length, 3);

  const { cost, fairness = [], notes } = cell;
  const together = [
    'walBytesPerJob',
    'commitsPerJob',
    'buffersPerJob',
    'deadTuplesPerJob',
    'serverCpuUsPerJob',
  ];
  assert.deepEqual(
    together.filter((name) => Object.keys(cost ?? {}).includes(name)),
    [],
  );
  assert.ok((cost?.roundTripsPerJob ?? 0) > 0, 'the agents count theirs themselves');
  assert.match(
    notes.join('\n'),
    /not measured: WAL, .* per job: the server counted those of the bystander with them/,
  );
  const connections = fairness.filter((row) => row.setting === 'connections');
  assert.deepEqual(
    connections.map((row) => row.verdict),
    ['matches'],
  );
  const statements = cell.telemetry?.statements ?? [];
  assert.ok(statements.every(({ statement }) => !statement.includes(BYSTANDER_SCHEMA)));
});

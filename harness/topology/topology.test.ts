// Does a cell with a pooler or a standby measure what it says, name what holds the horizon, and leave nothing behind?

import assert from 'node:assert/strict';
import { chmod, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { FaultInput } from '../../scenarios/fault.ts';
import { type ScenarioInput, scenarioSchema } from '../../scenarios/scenario.ts';
import { temporaryFolder, testServer } from '../../testing/command.ts';
import { withoutPooler } from '../../testing/pooler.ts';
import { runCell } from '../cell/cell.ts';
import type { CellOutcome } from '../cell/result.ts';
import { parseContender } from '../contenders/index.ts';
import { withConnection } from '../server/connect.ts';
import { startEmbedded } from '../server/embedded.ts';
import { openServer } from '../server/index.ts';
import type { PostgresServer, Standby } from '../server/server.ts';

const JITTER = 'skip-locked?wakeup=jitter';

/** Folders of servers and poolers go here, so that what is left of them is ours. */
let base: string;
let systemTmp: string | undefined;

before(async () => {
  systemTmp = process.env['TMPDIR'];
  base = await mkdtemp(join(tmpdir(), 'claimbench-topology-'));
  await chmod(base, 0o777);
  process.env['TMPDIR'] = base;
});

after(async () => {
  if (systemTmp === undefined) delete process.env['TMPDIR'];
  else process.env['TMPDIR'] = systemTmp;
  await rm(base, { recursive: true, force: true });
});

async function folders(): Promise<readonly string[]> {
  return (await readdir(base)).filter((name) => name.startsWith('claimbench-pg-'));
}

async function ran(
  t: TestContext,
  server: PostgresServer,
  over: Partial<ScenarioInput>,
  contender = JITTER,
  onRunning: () => void = () => undefined,
): Promise<CellOutcome> {
  return await runCell(
    {
      ...{ id: 'x', block: 0, order: 0, repeat: 0, seed: 1 },
      scenario: scenarioSchema.parse({
        name: 'around',
        question: 'What does it do?',
        producers: { agents: 1, connections: 4 },
        workers: { agents: 1, connections: 3 },
        warmupSeconds: 0,
        warmupCapSeconds: 0,
        phases: [{ label: 'a', seconds: 2, arrival: { model: 'uniform', ratePerSec: 100 } }],
        settleWithinSeconds: 15,
        ...over,
      }),
      contender: parseContender(contender, () => ''),
    },
    {
      server,
      scratchDir: temporaryFolder(t),
      ceilingFor: async () => undefined,
      signal: AbortSignal.timeout(60_000),
      onProgress: ({ stage }) => stage === 'running' && onRunning(),
    },
  );
}

const reasonsOf = ({ cell }: CellOutcome): string => cell.reasons.join('; ');
const serverSamples = ({ samples }: CellOutcome) => samples.filter((sample) => sample.kind === 'server');

async function slots(server: PostgresServer): Promise<readonly string[]> {
  await using database = await server.openDatabase('slots');
  return await withConnection(database.connection, { applicationName: 'test' }, async (client) => {
    const { rows } = await client.query<{ name: string }>(
      `SELECT slot_name AS name FROM pg_replication_slots WHERE slot_name LIKE 'claimbench%'`,
    );
    return rows.map(({ name }) => name);
  });
}

describe('through a pooler', { skip: withoutPooler }, () => {
  for (const mode of ['transaction', 'session'] as const)
    test(`in ${mode} mode jobs are done, and the pooler says what it is`, async (t) => {
      await using server = await openServer(testServer());
      // Fewer than clients in transaction mode: they share.
      const poolSize = mode === 'transaction' ? 4 : 12;
      const outcome = await ran(t, server, { topology: { pooler: { mode, poolSize } } });
      const { cell } = outcome;
      assert.notEqual(cell.verdict, 'incorrect', reasonsOf(outcome));
      assert.equal(cell.jobs.settled, 200);
      assert.equal(cell.jobs.offered, 200);
      const { pooler, poolerMode, poolerServerConnections } = cell.contender.effective;
      assert.match(String(pooler), /^PgBouncer 1\.\d+/);
      assert.deepEqual([poolerMode, poolerServerConnections], [mode, poolSize]);
      assert.match(
        cell.window.loadModel,
        new RegExp(`through PgBouncer \\(${mode} mode, ${poolSize} server connections\\)$`),
      );
      assert.deepEqual([cell.parameters['pooler'], cell.parameters['poolSize']], [mode, poolSize]);
      // Its clients are counted, not what it lends them.
      assert.equal(cell.contender.effective['workerConnections'], 3);
      assert.ok(cell.notes.some((note) => /^PgBouncer shared the machine .* \d+ % of one core/.test(note)));
      const waited = cell.notes.flatMap(
        (note) => /^its clients waited (\S+) s in all .* under the load$/.exec(note)?.[1] ?? [],
      );
      assert.equal(waited.length, 1, String(cell.notes));
      assert.ok(Number(waited[0]) >= 0, String(waited));
      assert.ok(!cell.notes.some((note) => note.startsWith('sessions that did not end')), String(cell.notes));
      assert.deepEqual(await folders(), []);
    });

  test('one that dies under the load voids its cell', {
    skip: process.platform !== 'linux' && 'finds it in /proc',
  }, async (t) => {
    await using server = await openServer(testServer());
    const topology = { pooler: { mode: 'transaction', poolSize: 8 } } as const;
    const underWay = Promise.withResolvers<void>();
    const running = ran(t, server, { topology, settleWithinSeconds: 0 }, JITTER, underWay.resolve);
    await Promise.race([underWay.promise, running]);
    process.kill(await poolerBelow(base), 'SIGKILL');
    const outcome = await running;
    assert.equal(outcome.cell.verdict, 'invalid');
    assert.match(reasonsOf(outcome), /PgBouncer ended during the load/);
    assert.deepEqual(await folders(), []);
  });

  test('a strategy that has no place there voids its cell, with the reason', async (t) => {
    await using server = await openServer(testServer());
    const topology = { pooler: { mode: 'transaction', poolSize: 8 } } as const;
    for (const contender of ['advisory?wakeup=jitter', 'held-transaction'])
      await assert.rejects(
        ran(t, server, { topology, settleWithinSeconds: 0 }, contender),
        /cannot share the sessions of its workers, and .* has a pooler in transaction mode between/,
      );
    assert.deepEqual(await folders(), []);
  });
});

describe('beside a standby', () => {
  let server: PostgresServer;
  before(async () => {
    server = await startEmbedded();
  });
  after(() => server[Symbol.asyncDispose]());

  const topology = { standby: { feedback: true } };
  /** Three transactions a job: a holder is named from a thousand of them on, and a standby tells once a second what it needs. */
  const busy = (seconds: number, fault: FaultInput, ratePerSec = 300) => [
    { label: 'a', seconds, arrival: { model: 'uniform', ratePerSec } as const, faults: [fault] },
  ];

  test('a query on it holds the horizon of the primary for as long as it lasts', async (t) => {
    const outcome = await ran(t, server, {
      topology,
      phases: busy(6, { fault: 'standby-query', afterSeconds: 0.5, forSeconds: 3 }),
    });
    const { cell } = outcome;
    assert.notEqual(cell.verdict, 'incorrect', reasonsOf(outcome));
    assert.doesNotMatch(reasonsOf(outcome), /standby/);
    assert.deepEqual(
      cell.window.faults.map(({ label }) => label),
      ['standby-query', 'standby-query ends'],
    );
    assert.equal(cell.contender.effective['standby'], 'gives feedback');
    assert.match(cell.window.loadModel, /with a standby that gives feedback$/);
    const seen = serverSamples(outcome);
    const said = JSON.stringify(seen.map(({ t: at, xminAge, xminHolder }) => [at, xminAge, xminHolder]));
    const held = seen.filter(({ xminHolder }) =>
      /^(slot|standby) claimbench_standby_/.test(xminHolder ?? ''),
    );
    assert.ok(held.length > 0, said);
    const age = Math.max(...held.map(({ xminAge }) => xminAge ?? 0));
    const late = seen.filter(({ t: at }) => at > 4.7).map(({ xminAge }) => xminAge ?? 0);
    assert.ok(age > 1_500, said);
    assert.ok(late.length > 0 && Math.min(...late) < age / 1.5, said);
    assert.deepEqual([await slots(server), (await folders()).length], [[], 1]);
  });

  test('without feedback the primary does not hear of the query', async (t) => {
    const outcome = await ran(t, server, {
      topology: { standby: { feedback: false } },
      phases: busy(3, { fault: 'standby-query', afterSeconds: 0.3, forSeconds: 2 }),
    });
    assert.doesNotMatch(reasonsOf(outcome), /standby/);
    assert.equal(outcome.cell.contender.effective['standby'], 'no feedback');
    const holders = serverSamples(outcome).map(({ xminHolder }) => xminHolder ?? '');
    assert.ok(!holders.some((holder) => holder.includes('claimbench_standby')), holders.join());
  });

  test('the slot of one that is lost keeps xmin and WAL until it is dropped', async (t) => {
    const outcome = await ran(t, server, {
      topology,
      phases: busy(6, { fault: 'lose-standby', afterSeconds: 1.5, forSeconds: 3 }),
    });
    assert.notEqual(outcome.cell.verdict, 'incorrect', reasonsOf(outcome));
    assert.doesNotMatch(reasonsOf(outcome), /standby/);
    assert.deepEqual(
      outcome.cell.window.faults.map(({ label }) => label),
      ['lose-standby', 'lose-standby ends'],
    );
    const seen = serverSamples(outcome);
    const said = JSON.stringify(seen.map((s) => [s.t, s.xminAge, s.xminHolder, s.retainedWalBytes]));
    const left = seen.filter(({ t: at }) => at > 3 && at < 4.4);
    assert.ok(
      left.some(({ xminHolder }) => xminHolder?.startsWith('slot claimbench_standby_')),
      said,
    );
    assert.ok(Math.max(...left.map((s) => s.retainedWalBytes ?? 0)) > 200_000, said);
    const afterwards = seen.filter(({ t: at }) => at > 4.7 && at < 6);
    assert.ok(afterwards.length > 0, said);
    for (const { retainedWalBytes, xminAge } of afterwards) {
      assert.equal(retainedWalBytes, undefined, said);
      assert.ok((xminAge ?? 0) < 500, said);
    }
    assert.deepEqual([await slots(server), (await folders()).length], [[], 1]);
  });

  test('one that dies by itself voids its cell, and the server goes on', async (t) => {
    let standby: Standby | undefined;
    const { openStandby } = server;
    assert.ok(openStandby);
    const fragile: PostgresServer = {
      ...server,
      openStandby: async (options) => {
        standby = await openStandby(options);
        return standby;
      },
    };
    const running = ran(t, fragile, {
      topology,
      phases: busy(2, { fault: 'standby-query', afterSeconds: 0.2, forSeconds: 60 }, 100),
    });
    while (standby === undefined) await sleep(20);
    // Well within its load: agents start within a second or two, and the load lasts two.
    const [opened] = [standby];
    await whenQueried(opened);
    await opened.stop();
    const outcome = await running;
    assert.equal(outcome.cell.verdict, 'invalid');
    assert.match(reasonsOf(outcome), /the standby did not last as long as the load: /);
    assert.match(reasonsOf(outcome), /fault standby-query at 0\.2 s: it did not last: /);
    assert.equal(outcome.cell.jobs.settled, 200, 'the queue did its work all the same');
    assert.deepEqual([await slots(server), (await folders()).length], [[], 1]);
  });

  test('an abandoned slot keeps WAL until its end', async (t) => {
    const outcome = await ran(t, server, {
      phases: busy(4, { fault: 'abandon-slot', afterSeconds: 0.3, forSeconds: 2.5 }),
    });
    assert.doesNotMatch(reasonsOf(outcome), /slot/);
    assert.deepEqual(
      outcome.cell.window.faults.map(({ label }) => label),
      ['abandon-slot', 'abandon-slot ends'],
    );
    const kept = serverSamples(outcome).map(
      ({ t: at, retainedWalBytes }) => [at, retainedWalBytes ?? 0] as const,
    );
    const most = Math.max(...kept.map(([, bytes]) => bytes));
    assert.ok(most > 200_000, JSON.stringify(kept));
    const afterwards = kept.filter(([at]) => at > 3);
    assert.ok(afterwards.length > 0 && afterwards.every(([, bytes]) => bytes === 0), JSON.stringify(kept));
    assert.deepEqual(await slots(server), []);
  });

  test('a role that may not replicate leaves no slot: the cell is void and says what is missing', async (t) => {
    await using place = await server.openDatabase('plain_role');
    await withConnection(place.connection, { applicationName: 'test' }, async (client) => {
      await client.query(`CREATE ROLE plain LOGIN CREATEDB PASSWORD 'plain'`);
      await client.query(`GRANT CREATE ON DATABASE "${place.connection.database}" TO plain`);
    });
    const { host, port, database } = place.connection;
    await using asPlain = await openServer(`postgres://plain:plain@${host}:${port}/${database}`);
    const outcome = await ran(t, asPlain, {
      phases: busy(2, { fault: 'abandon-slot', afterSeconds: 0.3 }, 100),
    });
    assert.equal(outcome.cell.verdict, 'invalid');
    assert.match(
      reasonsOf(outcome),
      /fault abandon-slot at 0\.3 s: role "plain" may not create a replication slot: ALTER ROLE … REPLICATION/,
    );
    assert.deepEqual(outcome.cell.window.faults, []);
  });
});

async function poolerBelow(folder: string): Promise<number> {
  for (const name of await readdir('/proc')) {
    const line = await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '');
    if (/^\d+$/.test(name) && line.includes(`--quiet\0${folder}/`)) return Number(name);
  }
  throw new Error('no pooler runs');
}

async function whenQueried(standby: Standby): Promise<void> {
  const endMs = performance.now() + 20_000;
  for (;;) {
    const queried = await withConnection(standby.connection, { applicationName: 'test' }, async (client) => {
      const { rowCount } = await client.query(
        `SELECT FROM pg_stat_activity WHERE application_name = 'claimbench fault' AND state = 'idle in transaction'`,
      );
      return rowCount === 1;
    });
    if (queried) return;
    assert.ok(performance.now() < endMs, 'the fault reaches the standby');
    await sleep(50);
  }
}

// Is any job lost, or settled by who lost it, when a worker, a connection or the server dies at any step of its life?
//
// Each fault hits all strategies at once: they mostly wait for leases to end.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import path from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import { z } from 'zod';
import { startEmbedded } from '../harness/server/embedded.ts';
import type { CellDatabase, PostgresServer } from '../harness/server/server.ts';
import acksWithoutFence from '../testing/planted/acks-without-fence.ts';
import { deviationsIn } from './conformance/deviations.ts';
import { CRASH_STEPS, type Life, live, schemasOf } from './crash/life.ts';
import { recover } from './crash/recovery.ts';
import type { Driver } from './drivers/driver.ts';
import type { DriverOptions } from './drivers/options.ts';
import { pgDriver } from './drivers/pg.ts';
import { eventually } from './eventually.ts';
import { strategies } from './strategies/index.ts';
import type { StrategyFactory } from './strategy.ts';

const PROGRAM = path.resolve(import.meta.dirname, '../testing/crash-worker.ts');
const AT_ONCE = { timeout: 90_000, concurrency: true };

/** A session's lease has no end, which JSON cannot say. */
const leaseSchema = z.object({ fencingToken: z.string(), expiresAtMs: z.number().nullable() });
const jobSchema = z.object({
  id: z.string(),
  queue: z.string(),
  payload: z.unknown(),
  priority: z.int(),
  attempt: z.int(),
  maxAttempts: z.int(),
  lease: leaseSchema.transform(({ expiresAtMs, ...lease }) => ({
    ...lease,
    expiresAtMs: expiresAtMs ?? Number.POSITIVE_INFINITY,
  })),
});
const livingJobSchema = z.object({
  step: z.enum(CRASH_STEPS),
  queue: z.string(),
  id: z.string(),
  fate: z.enum(['back', 'dead', 'gone', 'back or gone']),
  attempt: z.int(),
  dueMs: z.number(),
  slackMs: z.number(),
  lost: jobSchema.exactOptional(),
});
const livesSchema = z.array(z.array(z.object({ schema: z.string(), jobs: z.array(livingJobSchema) })));

let server: PostgresServer;
let database: CellDatabase;

before(async () => {
  // Every strategy at every step has a connection of its own.
  server = await startEmbedded({ settings: { max_connections: '600' } });
  database = await server.openDatabase('crash');
});

after(async () => {
  await server[Symbol.asyncDispose]();
});

function open(applicationName: string): Driver {
  const options: DriverOptions = { ...database.connection, max: 6, applicationName };
  return pgDriver(options);
}

const steps = (factory: StrategyFactory) =>
  new Set(deviationsIn('crash', factory).map(({ test: step }) => step));

async function install(fault: string, factories: readonly StrategyFactory[]): Promise<void> {
  await using driver = open('crash installer');
  for (const factory of factories)
    for (const schema of schemasOf(`${fault} ${factory.strategyName}`))
      await factory.create({ schema }).install(driver);
}

function liveAs(factory: StrategyFactory, fault: string, driver: Driver): Promise<readonly Life[]> {
  const schema = `${fault} ${factory.strategyName}`;
  return live({ factory, schema, driver, without: steps(factory), worker: false });
}

/** A test for each strategy, all at once. */
async function recoverAll(
  t: TestContext,
  lives: readonly (readonly Life[])[],
  crashedMs: number,
): Promise<void> {
  await using driver = open('crash recovery');
  await Promise.all(
    strategies.map((factory, i) =>
      t.test(factory.strategyName, async () => {
        const ofStrategy = lives[i] ?? [];
        assert(ofStrategy.flatMap(({ jobs }) => jobs).length > 0, 'no job was at any step');
        await Promise.all(ofStrategy.map((life) => recover(factory, driver, life, crashedMs)));
      }),
    ),
  );
}

/** The program, when it has said where its jobs are. */
async function startProgram(
  url: string,
): Promise<{ readonly child: ChildProcess; readonly lives: readonly (readonly Life[])[] }> {
  const child = spawn(process.execPath, ['--import', import.meta.resolve('tsx'), PROGRAM, url], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_TEST_CONTEXT: undefined },
  });
  assert(child.stdout);
  let said = '';
  for await (const chunk of child.stdout) {
    said += String(chunk);
    if (said.endsWith('\n')) return { child, lives: livesSchema.parse(JSON.parse(said)) };
  }
  throw new Error('the program ended before its jobs were at their steps');
}

/** Ends every session of a driver, and waits until they are gone. */
async function terminate(applicationName: string): Promise<void> {
  await using admin = open('crash admin');
  const values = [`${applicationName}%`];
  // Not with a timeout of its own: that waits for one after the other, a tenth of a second each.
  await admin.query({
    text: 'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE $1',
    values,
  });
  await eventually(async () => {
    const { rows } = await admin.query({
      text: 'SELECT pid FROM pg_stat_activity WHERE application_name LIKE $1',
      values,
    });
    return rows.length === 0;
  }, 'every backend has ended');
}

// The first three at once, as each leaves the others' sessions alone; then the one that ends all.
describe('nothing is lost, and nothing is settled under a lost lease', { concurrency: true }, () => {
  test('when the worker process is killed', AT_ONCE, async (t) => {
    await install('killed', strategies);
    const { host, port, user, password, database: name } = database.connection;
    const url = `postgres://${user}:${encodeURIComponent(password)}@${host}:${port}/${name}`;
    const { child, lives } = await startProgram(url);
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('exit', resolve));
    await recoverAll(t, lives, Date.now());
  });

  test('when the backends are terminated', AT_ONCE, async (t) => {
    await install('terminated', strategies);
    await using victim = open('terminated');
    const lives = await Promise.all(strategies.map((factory) => liveAs(factory, 'terminated', victim)));
    await terminate('terminated');
    await recoverAll(t, lives, Date.now());
  });

  test('and it is noticed when a strategy lets who lost a job settle it', AT_ONCE, async () => {
    await install('planted', [acksWithoutFence]);
    await using victim = open('planted');
    const lives = await liveAs(acksWithoutFence, 'planted', victim);
    await terminate('planted');
    await using driver = open('crash recovery');
    const recovering = lives.map((life) => recover(acksWithoutFence, driver, life, Date.now()));
    await assert.rejects(Promise.all(recovering), /was settled under its lost lease/);
  });
});

test('nothing is lost when the server is stopped at once and started again', AT_ONCE, async (t) => {
  await install('stopped', strategies);
  await using victim = open('stopped');
  const lives = await Promise.all(strategies.map((factory) => liveAs(factory, 'stopped', victim)));
  assert(server.restart);
  await server.restart('immediate');
  await recoverAll(t, lives, Date.now());
});

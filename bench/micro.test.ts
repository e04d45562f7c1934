// Does bench:micro time the operation alone, refuse wrong answers, and leave a bundle that renders again to the same bytes?

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { UsageError } from '../harness/errors.ts';
import { type MicroRow, resultSchema } from '../harness/result/result.ts';
import { startEmbedded } from '../harness/server/embedded.ts';
import type { PostgresServer } from '../harness/server/server.ts';
import { type StrategyFactory, strategies } from '../queue/index.ts';
import { claimbench, temporaryFolder } from '../testing/command.ts';
import claimsSingly from '../testing/planted/claims-singly.ts';
import { planted } from '../testing/planted/plant.ts';
import { figuresOf } from './micro/figures.ts';
import { measureMicro } from './micro/measure.ts';
import { readWords } from './micro/options.ts';
import { type Budget, sample, sampleSync } from './micro/sample.ts';

const COMMAND = fileURLToPath(new URL('micro.ts', import.meta.url));
const TINY: Budget = { ms: 0, runs: 2, warmUpMs: 0, warmUpRuns: 1 };
const never = new AbortController().signal;

let server: PostgresServer;

before(async () => {
  server = await startEmbedded();
});

after(async () => {
  await server[Symbol.asyncDispose]();
});

/** Rows of these strategies through both drivers. */
async function rowsOf(
  t: { after(release: () => void): void },
  own: readonly StrategyFactory[],
  operations: readonly string[],
  depth = 200,
): Promise<readonly MicroRow[]> {
  return measureMicro({
    strategies: own,
    drivers: ['pg', 'postgres'],
    depths: [depth],
    operations,
    server,
    folder: temporaryFolder(t),
    seed: 1,
    rounds: 2,
    budget: TINY,
    signal: never,
    say: () => undefined,
    onRound: () => undefined,
  });
}

function named(...names: string[]): StrategyFactory[] {
  return strategies.filter(({ strategyName }) => names.includes(strategyName));
}

async function micro(...words: string[]) {
  const child = spawn(process.execPath, ['--import', 'tsx', COMMAND, ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NODE_TEST_CONTEXT: undefined },
    timeout: 120_000,
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { stdout, stderr, code: await ended };
}

test('only the run is timed: neither what comes before it nor the proof after it', async () => {
  const calls: string[] = [];
  const samples = await sample(
    {
      open: async () => void calls.push('open'),
      async before() {
        calls.push('before');
        await sleep(30);
      },
      run: () => void calls.push('run'),
      async after() {
        calls.push('after');
        await sleep(30);
      },
      close: async () => void calls.push('close'),
    },
    TINY,
    never,
  );
  assert.equal(samples.length, 2);
  assert.ok((samples[0] ?? Number.NaN) < 20_000, `least ${samples[0]} µs`);
  const cycle = ['before', 'run', 'after'];
  assert.deepEqual(calls, ['open', ...cycle, 'close', 'open', ...cycle, ...cycle, 'close']);
});

test('the budget counts what lies between two runs, and an abort ends the sampling', async () => {
  const slow = { before: () => sleep(20), run: () => undefined };
  const samples = await sample(slow, { ms: 100, runs: 1, warmUpMs: 0, warmUpRuns: 1 }, never);
  assert.ok(samples.length <= 6, `${samples.length} samples in 100 ms`);
  const stop = new AbortController();
  const endless = { run: () => stop.abort(new Error('enough')) };
  await assert.rejects(sample(endless, { ...TINY, runs: 1_000_000 }, stop.signal), /enough/);
});

test('what the proof of an answer rejects with is what the sampling rejects with', async () => {
  const wrong = { run: () => undefined, after: () => Promise.reject(new Error('7 of 9')) };
  await assert.rejects(sample(wrong, TINY, never), /7 of 9/);
  const thrower = () => {
    throw new Error('broken');
  };
  await assert.rejects(sampleSync(thrower, TINY, never), /broken/);
});

test('a p99 needs a hundred samples beyond it, and rounds stand beside the whole', () => {
  const round = Array.from({ length: 4_999 }, (_, i) => i + 1);
  const few = figuresOf([round, round]);
  assert.equal(few.samples, 9_998);
  assert.equal(few.p99Us, undefined);
  assert.equal(few.p50Us, 2_500);
  assert.equal(few.opsPerSec, 400);
  const many = figuresOf([round, [...round, 5_000, 5_001]]);
  assert.ok((many.p99Us ?? 0) > 4_900);
  assert.deepEqual(
    many.rounds.map(({ samples }) => samples),
    [4_999, 5_001],
  );
  // Student's t for one degree of freedom is 12.706; the mean of 1 and 3 is 2, its standard error 1.
  assert.equal(figuresOf([[1], [3]]).relativeMargin, 6.35);
  assert.equal(figuresOf([[5]]).relativeMargin, undefined);
});

test('every operation of a job queue and of a log is measured or not offered, by both drivers', async (t) => {
  const operations = ['enqueue', 'copy', 'claim', 'settle', 'turn', 'heartbeat', 'reap'];
  const rows = await rowsOf(t, named('range-lease', 'held-transaction', 'tick-log'), operations);
  assert.deepEqual(
    rows.filter(({ state }) => state === 'void'),
    [],
  );
  assert.equal(rows.length, 13 * 3 * 2);
  for (const { operation, size, figures } of rows.filter(({ state }) => state === 'measured')) {
    assert.deepEqual(
      figures?.rounds.map(({ samples }) => samples),
      [2, 2],
      `${operation} of ${size}`,
    );
  }
  const absent = new Set(
    rows.flatMap(({ operation, size, strategy, state }) =>
      state === 'not offered' ? [`${strategy}: ${operation} ${size}`] : [],
    ),
  );
  assert.deepEqual([...absent].toSorted(), [
    'held-transaction: claim 100',
    'held-transaction: heartbeat 1',
    'held-transaction: heartbeat 100',
    'held-transaction: reap 100',
    'held-transaction: settle 100',
    'held-transaction: turn 1',
    'held-transaction: turn 100',
    'tick-log: copy 1000',
  ]);
});

test('at depth 0 an operation finds the jobs that it takes, and no others', async (t) => {
  const rows = await rowsOf(t, named('batch'), ['claim', 'settle', 'enqueue'], 0);
  assert.equal(rows.length, 7 * 2);
  assert.ok(rows.every(({ state, depth }) => state === 'measured' && depth === 0));
});

test('a claim that hands out fewer voids its row with the reason, and no other', async (t) => {
  const rows = await rowsOf(t, [claimsSingly], ['claim']);
  assert.deepEqual(
    rows.map(({ size, driver, state, reason }) => ({ size, driver, state, reason })),
    [1, 100].flatMap((size) =>
      ['pg', 'postgres'].map((driver) => ({
        size,
        driver,
        state: size === 1 ? 'measured' : 'void',
        reason: size === 1 ? undefined : '1 different jobs were claimed, where 100 were asked for',
      })),
    ),
  );
  assert.ok(rows.every(({ state, figures }) => (state === 'measured') === (figures !== undefined)));
});

test('an enqueue that says more than it does is found by what the database holds', async (t) => {
  const forgets = planted('forgets-one', 'skip-locked', () => ({}), {
    enqueue: (sound) => async (db, jobs) => {
      const ids = await sound(db, jobs.length === 100 ? jobs.slice(1) : jobs);
      return jobs.length === 100 ? [...ids, '999999999'] : ids;
    },
  });
  const rows = await rowsOf(t, [forgets], ['enqueue']);
  const voids = rows.filter(({ state }) => state === 'void');
  assert.deepEqual([...new Set(voids.map(({ size }) => size))], [100]);
  for (const { reason } of voids) assert.match(reason ?? '', /^\d+ jobs were ready afterwards, where 200 /);
});

test('the command writes a bundle, prints its tables, and the report is the same when it is rendered again', async (t) => {
  const out = join(temporaryFolder(t), 'bundle');
  const chosen = ['--strategy', 'batch', '--op', 'claim', '--op', 'turn', '--op', 'arrival draw'];
  const { stdout, stderr, code } = await micro('--smoke', '--seed', '5', '--out', out, ...chosen);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /^claim, 100 jobs$/m);
  assert.match(stdout, /^ *Strategy +pg, 200 +postgres, 200$/m);
  assert.match(stdout, /^ *batch +[\d., {2}]+ \[/m);
  assert.match(stdout, /Not offered by batch: settle and claim are two round trips/);
  assert.match(stdout, /all 5 operations gave right answers/);
  assert.match(stderr, /round 2 of 2/);
  const read = (file: string) => readFileSync(join(out, file), 'utf8');
  const result = resultSchema.parse(JSON.parse(read('result.json')));
  assert.equal(result.complete, true);
  assert.deepEqual(result.cells, []);
  assert.equal(result.micro?.length, 2 * 2 + 2 * 2 + 1);
  const page = read('report.html');
  assert.match(page, /<h2 id="micro-title">Micro-benchmarks<\/h2>/);
  assert.match(page, /claim, 100 jobs: all figures/);
  assert.match(page, /npm run --silent bench:micro -- --smoke --seed 5 --strategy batch/);
  assert.match(read('report.md'), /\*\*turn, 1 job\*\*/);
  const files = ['report.html', 'report.md', 'charts/micro-operations.svg'];
  const first = files.map(read);
  const again = await claimbench('report', out);
  assert.equal(again.code, 0, again.stderr);
  assert.deepEqual(files.map(read), first);
  const compared = await claimbench('compare', out);
  assert.match(compared.stderr, /^claimbench: .+\n$/);
  assert.doesNotMatch(compared.stderr, /unexpected failure/);
});

test('what is not known is refused in one line, before anything is started', async () => {
  for (const [words, said] of [
    [['--wrong'], /unknown option '--wrong'/],
    [['extra'], /too many arguments/],
    [['--strategy', 'bach'], /--strategy: there is no bach; did you mean batch\?/],
    [['--op', 'clam'], /--op: there is no clam; did you mean claim\?/],
    [['--driver', 'mysql'], /--driver: there is no mysql; there are: pg, postgres/],
    [['--depth', '-1'], /give a whole number from 0 to/],
    [['--rounds', '1'], /give a whole number from 2 to 100/],
    [['--seconds-per-row', 'x'], /give a number from 0\.01 to 600/],
    [['--smoke', '--seed', '-3'], /give a whole number from 0/],
  ] as const) {
    assert.throws(
      () => readWords(words),
      (error) => error instanceof UsageError && said.test(error.message) && !error.message.includes('\n'),
    );
  }
  const { stdout, stderr, code } = await micro('--strategy', 'bach');
  assert.equal(code, 1, stderr);
  assert.equal(stdout, '');
  assert.match(stderr, /^claimbench: --strategy: there is no bach; did you mean batch\?\n$/);
});

test('what nobody chooses is all of it, and what somebody does is that alone', () => {
  const all = readWords([]);
  assert.equal(all?.strategies.length, strategies.length);
  assert.deepEqual(all?.drivers, ['pg', 'postgres']);
  assert.deepEqual(all?.depths, [1_000, 100_000]);
  assert.equal(all?.operations, undefined);
  assert.equal(all?.rounds, 2);
  const some = readWords([
    '--strategy',
    'ring',
    '--driver',
    'postgres',
    '--depth',
    '7',
    '--depth',
    '0',
    '--seed',
    '3',
  ]);
  assert.deepEqual(
    some?.strategies.map(({ strategyName }) => strategyName),
    ['ring'],
  );
  assert.deepEqual([some?.drivers, some?.depths, some?.seed], [['postgres'], [0, 7], 3]);
});

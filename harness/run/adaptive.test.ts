// Does a run whose next cell depends on the last one send each outcome back, and end its cells when it is stopped?

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { scenarioSchema } from '../../scenarios/scenario.ts';
import { testDatabase } from '../../testing/database.ts';
import type { CellOutcome } from '../cell/result.ts';
import { parseContender } from '../contenders/index.ts';
import { type Environment, type RunResult, resultSchema } from '../result/result.ts';
import { connectUrl } from '../server/url.ts';
import { BundleWriter } from './bundle.ts';
import { CellSequence, type PlannedCell } from './plan.ts';
import { run } from './run.ts';

const CONTENDER = parseContender('null', () => '');
const ENVIRONMENT: Environment = {
  claimbenchVersion: '0',
  node: '24',
  os: 'x',
  arch: 'x',
  cpuModel: 'x',
  cores: 1,
  memoryBytes: 1,
  container: false,
  server: { kind: 'url', description: 'x', version: '18', settings: {}, durable: true },
  sharedMachine: true,
  missing: [],
};

function drain(name: string) {
  const phases = [{ label: 'x', seconds: 0.3 }];
  return scenarioSchema.parse({
    name,
    question: 'Is it run?',
    preload: { ready: 100 },
    warmupSeconds: 0,
    phases,
  });
}

async function adaptive(
  t: TestContext,
  cells: Generator<PlannedCell, void, CellOutcome>,
  {
    told = [],
    signal,
    keep,
  }: {
    readonly told?: readonly CellOutcome[];
    readonly signal: AbortSignal;
    readonly keep?: (folder: string) => void;
  },
): Promise<RunResult> {
  const folder = mkdtempSync(join(tmpdir(), 'claimbench-adaptive-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  keep?.(folder);
  const database = await testDatabase(t);
  await using server = await connectUrl(database.url);
  using bundle = new BundleWriter(join(folder, 'bundle'));
  const result = await run({
    plan: { scenarios: [drain('pattern')], contenders: [CONTENDER], repeats: 1, seed: 4 },
    adaptive: {
      cells,
      expected: () => 2,
      capacity: () => ({ cells: told.map(({ cell }) => ({ id: cell.id, purpose: 'closed' })) }),
    },
    servers: [{ server }],
    bundle,
    command: ['test'],
    signal,
    environment: async () => ENVIRONMENT,
    onProgress: () => undefined,
    onCell: () => undefined,
    sampling: false,
  });
  return resultSchema.parse(JSON.parse(JSON.stringify(result)));
}

test('each outcome is sent back before the next cell is asked for, and what was made of them is kept', async (t) => {
  const sequence = new CellSequence(4);
  const told: CellOutcome[] = [];
  const cells = function* (): Generator<PlannedCell, void, CellOutcome> {
    told.push(yield sequence.next(drain('one'), CONTENDER));
    const name = told[0]?.cell.scenario === 'one' ? 'after-one' : 'after-nothing';
    told.push(yield sequence.next(drain(name), CONTENDER));
  };
  const result = await adaptive(t, cells(), { told, signal: new AbortController().signal });
  assert.equal(result.complete, true);
  assert.deepEqual(
    result.cells.map(({ scenario }) => scenario),
    ['one', 'after-one'],
  );
  assert.deepEqual(
    result.scenarios.map(({ name }) => name),
    ['one', 'after-one'],
    'the pattern was not run',
  );
  assert.deepEqual(
    result.capacity?.cells.map(({ id }) => id),
    result.cells.map(({ id }) => id),
  );
  assert.ok(result.cells.every(({ verdict }) => verdict !== 'incorrect'));
});

test('stopped in mid-run: the cell under way is dropped, the cells are ended, and the run is not complete', async (t) => {
  const sequence = new CellSequence(4);
  const told: CellOutcome[] = [];
  const stop = new AbortController();
  let ended = false;
  const cells = function* (): Generator<PlannedCell, void, CellOutcome> {
    try {
      told.push(yield sequence.next(drain('one'), CONTENDER));
      stop.abort();
      told.push(yield sequence.next(drain('two'), CONTENDER));
    } finally {
      ended = true;
    }
  };
  const result = await adaptive(t, cells(), { told, signal: stop.signal });
  assert.equal(result.complete, false);
  assert.deepEqual(
    result.cells.map(({ scenario }) => scenario),
    ['one'],
  );
  assert.deepEqual(
    result.capacity?.cells.map(({ id }) => id),
    result.cells.map(({ id }) => id),
  );
  assert.equal(ended, true);
});

test('a cell that cannot be judged is in the bundle all the same', async (t) => {
  const sequence = new CellSequence(4);
  const cells = function* (): Generator<PlannedCell, void, CellOutcome> {
    yield sequence.next(drain('one'), CONTENDER);
    throw new RangeError('a fit of nothing');
  };
  let kept: string | undefined;
  const keep = (folder: string) => {
    kept = join(folder, 'bundle', 'result.json');
  };
  const signal = new AbortController().signal;
  await assert.rejects(adaptive(t, cells(), { signal, keep }), /a fit of nothing/);
  const { cells: saved } = resultSchema.parse(JSON.parse(readFileSync(kept ?? '', 'utf8')));
  assert.deepEqual(
    saved.map(({ scenario }) => scenario),
    ['one'],
  );
});

test('cells of a sequence: numbered as they come, one that comes again a repeat with arrivals of its own', () => {
  const sequence = new CellSequence(100);
  const names = ['a', 'b', 'a', 'a'];
  const plans = names.map((name) => sequence.next(drain(name), CONTENDER).plan);
  assert.deepEqual(
    plans.map(({ repeat }) => repeat),
    [1, 1, 2, 3],
  );
  assert.deepEqual(
    plans.map(({ order, block }) => [order, block]),
    [
      [0, 0],
      [1, 1],
      [2, 2],
      [3, 3],
    ],
  );
  assert.deepEqual(
    plans.map(({ seed }) => seed),
    [100, 101, 102, 103],
  );
  assert.equal(new Set(plans.map(({ id }) => id)).size, 4);
  const other = sequence.next(
    drain('a'),
    parseContender('skip-locked', () => ''),
  ).plan;
  assert.equal(other.repeat, 1);
  assert.ok(!plans.some(({ id }) => id === other.id));
});

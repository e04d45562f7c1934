// Is what was measured kept whole, and nothing written over?

import assert from 'node:assert/strict';
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { scenarioSchema } from '../../scenarios/scenario.ts';
import type { CellOutcome } from '../cell/result.ts';
import { voidCell } from '../cell/void.ts';
import { RuntimeFailure, UsageError } from '../errors.ts';
import { BUNDLE, METHOD_VERSION, type RunResult, resultSchema, SCHEMA_VERSION } from '../result/result.ts';
import { BundleWriter } from './bundle.ts';

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'claimbench-bundle-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

function outcome(id: string): CellOutcome {
  const scenario = scenarioSchema.parse({
    name: 'drain',
    question: 'Is it kept?',
    preload: { ready: 1 },
    phases: [{ label: 'x', seconds: 1 }],
  });
  const contender = { name: 'null', source: { kind: 'built-in', name: 'null' }, axes: {} } as const;
  const plan = { id, block: 0, order: 0, repeat: 0, scenario, contender, seed: 1 };
  return {
    ...voidCell(plan, 'null', 'it was not measured'),
    histogramLog: `log of ${id}\n`,
    samples: [
      { kind: 'load', cell: id, t: 0.5, seconds: 0.5, enqueued: 0, claimed: 1, settled: 1, backlog: 0 },
    ],
  };
}

function result(...outcomes: readonly CellOutcome[]): RunResult {
  return resultSchema.parse({
    schemaVersion: SCHEMA_VERSION,
    methodVersion: METHOD_VERSION,
    runId: 'r',
    seed: 1,
    startedAt: '2024-01-01T00:00:00.000Z',
    finishedAt: '2024-01-01T00:00:00.000Z',
    command: ['run'],
    complete: false,
    environment: {
      claimbenchVersion: '0',
      node: '24',
      os: 'x',
      arch: 'x',
      cpuModel: 'x',
      cores: 1,
      memoryBytes: 1,
      container: false,
      server: { kind: 'embedded', description: 'x', version: '18', settings: {}, durable: true },
      sharedMachine: true,
      missing: [],
    },
    scenarios: [],
    contenders: [],
    cells: outcomes.map((o) => o.cell),
    comparisons: [],
  });
}

const saved = (directory: string): RunResult =>
  resultSchema.parse(JSON.parse(readFileSync(join(directory, BUNDLE.result), 'utf8')));

function refusal(directory: string, kind: typeof UsageError | typeof RuntimeFailure, said: RegExp): void {
  assert.throws(
    () => new BundleWriter(directory),
    (error) =>
      error instanceof kind &&
      said.test(error.message) &&
      error.message.includes(directory) &&
      !error.message.includes('\n'),
  );
}

test('each cell is on disk as soon as it is added: result, histograms, samples', (t) => {
  const directory = join(folder(t), 'deep', 'er');
  const bundle = new BundleWriter(directory);
  const [one, two] = [outcome('one'), outcome('two')];
  bundle.save(result());
  assert.equal(saved(directory).cells.length, 0);
  bundle.add(one, result(one));
  assert.deepEqual(
    saved(directory).cells.map((c) => c.id),
    ['one'],
  );
  bundle.add(two, result(one, two));
  assert.deepEqual(
    saved(directory).cells.map((c) => c.id),
    ['one', 'two'],
  );
  assert.equal(readFileSync(join(directory, BUNDLE.histograms, 'two.hlog'), 'utf8'), 'log of two\n');
  const samples = readFileSync(join(directory, BUNDLE.samples), 'utf8').split('\n');
  assert.deepEqual(
    samples.slice(0, 2).map((line) => JSON.parse(line).cell),
    ['one', 'two'],
  );
  assert.equal(samples[2], '', 'nothing but whole lines');
});

test('a reader of result.json never sees half of it', (t) => {
  const directory = join(folder(t), 'b');
  const bundle = new BundleWriter(directory);
  const one = outcome('one');
  bundle.save(result(one));
  const before = readFileSync(join(directory, BUNDLE.result), 'utf8');
  const open = openSync(join(directory, BUNDLE.result), 'r');
  bundle.save(result(one, outcome('two')));
  assert.equal(readFileSync(open, 'utf8'), before, 'who had it open reads on in the old one');
  closeSync(open);
  assert.equal(existsSync(join(directory, `${BUNDLE.result}.part`)), false);
});

test('a result that cannot be written leaves the one before it whole', (t) => {
  const directory = join(folder(t), 'b');
  const bundle = new BundleWriter(directory);
  bundle.save(result(outcome('one')));
  mkdirSync(join(directory, `${BUNDLE.result}.part`));
  assert.throws(() => bundle.save(result()), RuntimeFailure);
  assert.equal(saved(directory).cells.length, 1);
});

test('a bundle is never written over, nor any other file', (t) => {
  const at = folder(t);
  const directory = join(at, 'b');
  new BundleWriter(directory).save(result(outcome('one')));
  refusal(directory, UsageError, /holds a bundle already, which is never overwritten/);
  assert.equal(saved(directory).cells.length, 1);
  writeFileSync(join(at, 'notes.txt'), 'precious');
  refusal(at, UsageError, /is not empty/);
  assert.deepEqual(readdirSync(at).sort(), ['b', 'notes.txt']);
});

test('an empty folder is taken', (t) => {
  const directory = folder(t);
  new BundleWriter(directory).save(result());
  assert.equal(saved(directory).cells.length, 0);
});

test('a file, a path through a file, and a place where nothing can be written are told in one line', (t) => {
  const at = folder(t);
  writeFileSync(join(at, 'file'), 'precious');
  refusal(join(at, 'file'), UsageError, /is a file/);
  refusal(join(at, 'file', 'sub'), RuntimeFailure, /a part of the path is a file/);
  assert.equal(readFileSync(join(at, 'file'), 'utf8'), 'precious');
});

/** Root may write everywhere, so it gives up its rights for as long as it tries. */
function withoutRights(work: () => void): void {
  const root = process.geteuid?.() === 0;
  if (root) process.seteuid?.(65_534);
  try {
    work();
  } finally {
    if (root) process.seteuid?.(0);
  }
}

test('a folder that may not be written, or not even read, is told in one line', (t) => {
  const at = folder(t);
  mkdirSync(join(at, 'closed'), { mode: 0o000 });
  chmodSync(at, 0o555);
  try {
    withoutRights(() => {
      refusal(join(at, 'b'), RuntimeFailure, /permission denied/);
      refusal(join(at, 'closed'), RuntimeFailure, /permission denied/);
    });
  } finally {
    // A folder that may not be written could not be removed either.
    chmodSync(at, 0o700);
  }
});

test('when nothing came of the run the folder goes again, else it stays', (t) => {
  const at = folder(t);
  {
    using _bundle = new BundleWriter(join(at, 'nothing'));
  }
  assert.equal(existsSync(join(at, 'nothing')), false);
  {
    using bundle = new BundleWriter(join(at, 'no-cell'));
    bundle.save(result());
    assert.equal(saved(join(at, 'no-cell')).cells.length, 0, 'while it runs, it can be read');
  }
  assert.equal(existsSync(join(at, 'no-cell')), false);
  {
    using bundle = new BundleWriter(join(at, 'something'));
    const one = outcome('one');
    bundle.add(one, result(one));
    // A later save that lost them does not make it nothing.
    bundle.save(result());
  }
  assert.equal(saved(join(at, 'something')).cells.length, 0);
  {
    using _bundle = new BundleWriter(join(at, 'touched'));
    writeFileSync(join(at, 'touched', 'mine.txt'), 'precious');
  }
  assert.equal(readFileSync(join(at, 'touched', 'mine.txt'), 'utf8'), 'precious');
});

test('a bundle that is opened again keeps the cells of its result, and nothing of any other', (t) => {
  const directory = join(folder(t), 'b');
  const [one, two, three] = [outcome('one'), outcome('two'), outcome('three')];
  {
    using bundle = new BundleWriter(directory);
    bundle.add(one, result(one));
    // The kill came before result.json knew of it.
    bundle.add(two, result(one));
  }
  const plan = (cell: string) => `${JSON.stringify({ cell, query: 'SELECT 1' })}\n`;
  writeFileSync(join(directory, BUNDLE.plans), plan('one') + plan('two') + plan('one').slice(0, 9));
  writeFileSync(join(directory, `${BUNDLE.result}.part`), '{');
  const before = readFileSync(join(directory, BUNDLE.result), 'utf8');
  {
    using bundle = new BundleWriter(directory, new Set(['one']));
    assert.equal(readFileSync(join(directory, BUNDLE.result), 'utf8'), before);
    assert.deepEqual(readdirSync(join(directory, BUNDLE.histograms)), ['one.hlog']);
    assert.equal(readFileSync(join(directory, BUNDLE.plans), 'utf8'), plan('one'));
    assert.ok(!existsSync(join(directory, `${BUNDLE.result}.part`)));
    bundle.add(three, result(one, three));
  }
  const samples = readFileSync(join(directory, BUNDLE.samples), 'utf8').trim().split('\n');
  assert.deepEqual(
    samples.map((line) => JSON.parse(line).cell),
    ['one', 'three'],
  );
  {
    using _bundle = new BundleWriter(directory, new Set(['one', 'three']));
  }
  assert.equal(saved(directory).cells.length, 2, 'opened and left alone it stays');
});

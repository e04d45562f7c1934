// Does `claimbench sweep` measure its grid on a real server, go on where it was stopped, and refuse what cannot be?

import assert from 'node:assert/strict';
import { appendFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type RunResult, resultSchema, sampleSchema } from '../harness/result/result.ts';
import { claimbench, type Running, start, temporaryFolder, testServer } from '../testing/command.ts';

/** Cells that are over soon: what they measure is not asked here. */
const SHORT = ['--axis', 'depth=2000', '--axis', 'job-ms=2', '--seconds', '0.5'];

function readResult(bundle: string): RunResult {
  return resultSchema.parse(JSON.parse(readFileSync(join(bundle, 'result.json'), 'utf8')));
}

/** Every point has its repeats, no cell is there twice, and each has its files and only whole lines of them. */
function requireWhole(bundle: string, points: number, repeats: number): RunResult {
  const result = readResult(bundle);
  const sweep = result.capacity?.sweep;
  assert.equal(sweep?.points.length, points);
  for (const { at, cells } of sweep?.points ?? []) assert.equal(cells.length, repeats, JSON.stringify(at));
  const ids = result.cells.map(({ id }) => id);
  assert.equal(ids.length, points * repeats);
  assert.equal(new Set(ids).size, ids.length, 'a cell is there twice');
  assert.deepEqual(sweep?.points.flatMap(({ cells }) => cells).toSorted(), ids.toSorted());
  assert.deepEqual(result.capacity?.cells.map(({ id }) => id).toSorted(), ids.toSorted());
  assert.deepEqual(
    readdirSync(join(bundle, 'histograms')).toSorted(),
    ids.map((id) => `${id}.hlog`).toSorted(),
  );
  for (const line of readFileSync(join(bundle, 'samples.ndjson'), 'utf8').trim().split('\n'))
    assert.ok(ids.includes(sampleSchema.parse(JSON.parse(line)).cell));
  assert.equal(result.complete, true);
  assert.ok(existsSync(join(bundle, 'report.html')));
  return result;
}

async function until(running: Running, said: string): Promise<void> {
  while (!running.stderr().includes(said)) {
    assert.equal(running.child.exitCode, null, running.stderr());
    await sleep(20);
  }
}

test('a sweep stopped by Ctrl-C, and then killed, is gone on with until every point has its repeats', async (t) => {
  const out = join(temporaryFolder(t), 'bundle');
  const words = ['--axis', 'connections=1,2', '--repeats', '2', '--seed', '5', '--server', testServer()];
  const first = start(['sweep', ...SHORT, ...words, '--out', out]);
  await until(first, '[1/4]');
  first.child.kill('SIGINT');
  const stopped = await first.finished;
  assert.equal(stopped.code, 130, stopped.stderr);
  assert.ok(
    stopped.stderr.includes(`go on with: npm run --silent claimbench -- sweep --resume ${out}`),
    stopped.stderr,
  );
  assert.ok(!readFileSync(join(out, 'result.json'), 'utf8').includes(new URL(testServer()).password));
  const part = readResult(out);
  assert.equal(part.complete, false);
  assert.equal(part.cells.length, 1);
  assert.equal(part.capacity?.sweep?.points.length, 2);
  await requireRefusedElsewhere(out, part);

  const password = { PGPASSWORD: decodeURIComponent(new URL(testServer()).password) };
  const second = start(['sweep', '--resume', out], 120_000, password);
  await until(second, '[2/4]');
  second.child.kill('SIGKILL');
  await second.finished;
  const killed = readResult(out);
  assert.ok(killed.cells.length > 1 && killed.cells.length < 4);
  // What a cell leaves that the kill came upon while it was being written.
  appendFileSync(join(out, 'samples.ndjson'), '{"kind":"load","cell":"sweep-drain-half');
  writeFileSync(join(out, 'histograms', 'sweep-drain-half.9.1.hlog'), 'half');

  const third = start(['sweep', '--resume', out, '--server', testServer(), '--json']);
  await until(third, '[3/4]');
  const beside = await claimbench('sweep', '--resume', out, '--server', testServer());
  if (third.child.exitCode === null) {
    assert.equal(beside.code, 1, beside.stderr);
    assert.match(beside.stderr, new RegExp(`is being written by process ${third.child.pid} on `));
  }
  const { code, stdout, stderr } = await third.finished;
  assert.ok(code === 0 || code === 4, stderr);
  const whole = requireWhole(out, 2, 2);
  assert.deepEqual(whole.cells.slice(0, killed.cells.length), killed.cells, 'what was there has changed');
  assert.equal(whole.runId, part.runId);
  assert.deepEqual(resultSchema.parse(JSON.parse(stdout)), whole);
  assert.ok(whole.environment.missing.some((line) => line.includes('went on later')));
  assert.equal(whole.environment.stealShare, undefined);
  assert.ok(!existsSync(join(out, 'writer.json')), 'the lock is left');

  const again = await claimbench('sweep', '--resume', out);
  assert.match(again.stderr, /nothing is missing/);
  assert.deepEqual(readResult(out), whole);
});

/** What another machine has measured is not gone on with, and stays as it is. */
async function requireRefusedElsewhere(out: string, part: RunResult): Promise<void> {
  const path = join(out, 'result.json');
  const original = readFileSync(path, 'utf8');
  const elsewhere = { ...part, environment: { ...part.environment, cpuModel: 'Z80' } };
  writeFileSync(path, JSON.stringify(elsewhere));
  const ended = await claimbench('sweep', '--resume', out, '--server', testServer());
  assert.equal(ended.code, 1, ended.stderr);
  assert.match(ended.stderr, /measured elsewhere or otherwise: cpuModel was Z80 and is /);
  assert.doesNotMatch(ended.stderr, /\n\s+at /);
  assert.deepEqual(readResult(out), elsewhere);
  writeFileSync(path, original);
}

test('settings of the server as an axis: each value has a server of its own, and its cells say which', async (t) => {
  const out = join(temporaryFolder(t), 'bundle');
  const words = [...SHORT, '--axis', 'set.work_mem=4MB,8MB', '--axis', 'batch=1,50'];
  const ran = await claimbench('sweep', ...words, '--repeats', '1', '--out', out);
  assert.ok(ran.code === 0 || ran.code === 4, ran.stderr);
  const result = requireWhole(out, 4, 1);
  assert.equal(result.contenders.length, 4);
  const of = (label: string) =>
    result.environment.servers?.find((one) => one.label === label)?.settings['work_mem'];
  assert.deepEqual([of('work_mem=4MB'), of('work_mem=8MB')], ['4MB', '8MB']);
  for (const { at, cells } of result.capacity?.sweep?.points ?? []) {
    const cell = result.cells.find(({ id }) => id === cells[0]);
    assert.equal(cell?.parameters['work_mem'], at['set.work_mem']);
    assert.equal(cell?.contender.batch, at['batch']);
    assert.equal(cell?.contender.name, `skip-locked?batch=${at['batch']} on work_mem=${at['set.work_mem']}`);
  }
});

test('a mistake is answered in one line, before a server is started', async (t) => {
  const folder = temporaryFolder(t);
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [['--axis', 'worker=1'], /no such axis; did you mean workers\?/],
    [['--resume', folder], /result\.json: no such file/],
    [['--resume', folder, '--axis', 'workers=1'], /--axis cannot stand beside --resume/],
  ];
  for (const [words, said] of cases) {
    const ended = await claimbench('sweep', ...words);
    assert.equal(ended.code, 1, `${words.join(' ')}\n${ended.stderr}`);
    assert.match(ended.stderr, said);
    assert.equal(ended.stderr.trim().split('\n').length, 1, ended.stderr);
  }
});

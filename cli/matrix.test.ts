// Does one run measure several versions of PostgreSQL, each as itself, and outlive a server that is lost?

import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type RunResult, resultSchema } from '../harness/result/result.ts';
import { commandLineOf, isAlive, procStatFields } from '../harness/server/processes.ts';
import { claimbench, type Running, start, temporaryFolder, testServer } from '../testing/command.ts';

const LOST = /the server was lost \(embedded PostgreSQL [\d.]+ on 127\.0\.0\.1:\d+\): its process has ended/;

/** A drain that is soon ready. */
function scenarioFile(folder: string): string {
  const file = join(folder, 'short.json');
  const phases = [{ label: 'drain', seconds: 1 }];
  const scenario = {
    name: 'short',
    question: 'How fast?',
    preload: { ready: 15_000 },
    warmupSeconds: 0.1,
    phases,
  };
  writeFileSync(file, JSON.stringify(scenario));
  return file;
}

function words(folder: string, ...more: readonly string[]): string[] {
  const fixed = ['run', '--scenario', scenarioFile(folder), '--contender', 'skip-locked', '--seed', '5'];
  return [...fixed, '--out', join(folder, 'bundle'), ...more];
}

function readResult(folder: string): RunResult {
  return resultSchema.parse(JSON.parse(readFileSync(join(folder, 'bundle', 'result.json'), 'utf8')));
}

/** Skips where a version cannot be had: the binaries of another than the installed one may have to be fetched. */
function cannotBeHad(t: TestContext, stderr: string): boolean {
  const why = /^claimbench: (.*(?:could not fetch|not published).*)$/m.exec(stderr)?.[1];
  if (why !== undefined) t.skip(why);
  return why !== undefined;
}

test('two versions in one run: a row, a server and settings each, compared along one axis at a time', async (t) => {
  const folder = temporaryFolder(t);
  const ran = await claimbench(...words(folder, '--contender', 'batch', '--pg', '14,18', '--repeats', '1'));
  if (cannotBeHad(t, ran.stderr)) return;
  assert.ok(ran.code === 0 || ran.code === 4, ran.stderr);
  const { cells, contenders, matrix, environment, complete, comparisons } = readResult(folder);
  assert.equal(complete, true);
  assert.deepEqual(contenders, ['skip-locked on 14', 'skip-locked on 18', 'batch on 14', 'batch on 18']);
  assert.deepEqual(
    matrix,
    contenders.map((name) => ({ name, contender: name.split(' on ')[0], server: name.split(' on ')[1] })),
  );
  assert.deepEqual(new Set(cells.map(({ contender }) => contender.name)), new Set(contenders));
  for (const { contender, parameters, telemetry } of cells) {
    const [, label] = contender.name.split(' on ');
    assert.equal(parameters['pg'], label);
    assert.match(String(parameters['pgVersion']), new RegExp(`^${label}\\.\\d+$`));
    assert.equal(contender.strategy, contender.name.startsWith('batch') ? 'batch' : 'skip-locked');
    // Told by the server itself: 14 knows no pg_stat_io.
    const hidden = telemetry?.missing.some((what) => what.includes('pg_stat_io'));
    assert.equal(hidden, label === '14', telemetry?.missing.join('; '));
  }
  const [first, second] = environment.servers ?? [];
  assert.deepEqual([first?.label, second?.label], ['14', '18']);
  assert.equal(environment.server.version, first?.version);
  assert.equal(first?.settings['io_method'], undefined, 'a setting of 18 alone');
  assert.notEqual(second?.settings['io_method'], undefined);
  assert.ok(first?.durable === true && second?.durable === true);
  assert.deepEqual(
    [...new Set(comparisons.map(({ base, head }) => `${head.contender} / ${base.contender}`))],
    [
      'skip-locked on 18 / skip-locked on 14',
      'batch on 18 / batch on 14',
      'batch on 14 / skip-locked on 14',
      'batch on 18 / skip-locked on 18',
    ],
  );
  const report = readFileSync(join(folder, 'bundle', 'report.md'), 'utf8');
  assert.match(report, /By version of PostgreSQL: short: settled jobs\/s/);
  assert.match(report, /PostgreSQL 14\.\d+ and 18\.\d+ differ in \d+ settings too/);
});

/** The servers that a command runs, with their command lines. */
function serversOf({ child }: Running): { readonly pid: number; readonly line: string }[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(procStatFields(Number(name))?.[1]) === child.pid)
    .map((name) => ({ pid: Number(name), line: commandLineOf(Number(name)) ?? '' }))
    .filter(({ line }) => / -D .*\/data -p \d+$/.test(line));
}

/** The server process that listens on a port, which the command named on stderr. */
function serverPid(running: Running, major: string): number {
  const port = new RegExp(`PostgreSQL ${major}\\.\\d+ on 127\\.0\\.0\\.1:(\\d+)`).exec(running.stderr())?.[1];
  const pid = serversOf(running).find(({ line }) => line.endsWith(` -p ${port}`))?.pid;
  assert.ok(pid !== undefined, `no server on port ${port}`);
  return pid;
}

/** Kills a server when so many cells are done and the next has begun. False when the run ended before. */
async function killServer(running: Running, major: string, afterCells: string): Promise<boolean> {
  while (!running.stderr().includes(`[${afterCells}/`)) {
    if (running.child.exitCode !== null) return false;
    await sleep(20);
  }
  await sleep(300);
  const pid = serverPid(running, major);
  process.kill(pid, 'SIGKILL');
  return true;
}

const noProc = process.platform === 'linux' ? false : 'finds the server in /proc';

test('a version whose server is lost takes its own cells with it, and the others go on', {
  skip: noProc,
}, async (t) => {
  const folder = temporaryFolder(t);
  const running = start(words(folder, '--pg', '14,18', '--repeats', '3'));
  const killed = await killServer(running, '14', '1');
  const ended = await running.finished;
  if (cannotBeHad(t, ended.stderr)) return;
  assert.ok(killed, ended.stderr);
  assert.equal(ended.code, 2, ended.stderr);
  const result = readResult(folder);
  assert.equal(result.complete, false);
  assert.equal(result.cells.length, 6, 'those of the lost server are void, not absent');
  const [lost] = result.lostServers ?? [];
  assert.equal(lost?.label, '14');
  assert.ok(lost.finishedCells >= 1 && lost.finishedCells < 6);
  const on = (label: string) => result.cells.filter(({ parameters }) => parameters['pg'] === label);
  assert.equal(on('18').length, 3);
  for (const { reasons, jobs } of on('18')) {
    assert.doesNotMatch(reasons.join(), /lost/);
    assert.ok(jobs.settled > 100);
  }
  const later = on('14').filter(({ order }) => order > lost.finishedCells);
  for (const { verdict, reasons } of later) {
    assert.equal(verdict, 'invalid');
    assert.match(reasons.join(), LOST);
  }
  assert.ok(on('14').some(({ reasons }) => LOST.test(reasons.join())));
  const said = ended.stderr.split('\n').filter((line) => line.startsWith('claimbench: lost '));
  assert.equal(said.length, 1, ended.stderr);
  assert.match(said[0] ?? '', /^claimbench: lost embedded PostgreSQL 14\.\d+ .* run it again with --pg 14$/);
  const report = readFileSync(join(folder, 'bundle', 'report.md'), 'utf8');
  assert.match(
    report,
    /The run is incomplete\.\*\* The server of PostgreSQL 14 .* was lost after \d cells? of the run/,
  );
});

test('the only server is lost: what had finished is kept and reported, exit code 2', {
  skip: noProc,
}, async (t) => {
  const folder = temporaryFolder(t);
  const running = start(words(folder, '--repeats', '9'));
  assert.ok(await killServer(running, '18', '1'), running.stderr());
  const ended = await running.finished;
  assert.equal(ended.code, 2, ended.stderr);
  const result = readResult(folder);
  assert.equal(result.complete, false);
  const [lost, ...others] = result.lostServers ?? [];
  assert.equal(others.length, 0);
  assert.ok(lost !== undefined && lost.label === undefined && lost.finishedCells >= 1);
  assert.equal(
    result.cells.length,
    lost.finishedCells + 1,
    'the cell under way is void, the rest was not begun',
  );
  assert.match(result.cells.at(-1)?.reasons.join() ?? '', LOST);
  for (const cell of result.cells.slice(0, -1)) assert.doesNotMatch(cell.reasons.join(), LOST);
  assert.match(ended.stdout, /^short$/m, 'the table of what had finished');
  assert.ok(existsSync(join(folder, 'bundle', 'report.html')));
});

test('several versions of a server at an address are refused, in one line', async (t) => {
  const folder = temporaryFolder(t);
  const ran = await claimbench(...words(folder, '--pg', '14,18', '--server', testServer()));
  assert.equal(ran.code, 1, ran.stderr);
  assert.match(ran.stderr, /a server at an address decides its own version: leave that option out\n$/);
  assert.equal(ran.stderr.trim().split('\n').length, 1, ran.stderr);
  assert.ok(!existsSync(join(folder, 'bundle')));
});

test('a version that cannot be opened is named, and the servers opened before it are gone', {
  skip: noProc,
}, async (t) => {
  const folder = temporaryFolder(t);
  const cache = join(folder, 'a-file');
  writeFileSync(cache, '');
  const before = process.env['CLAIMBENCH_CACHE'];
  process.env['CLAIMBENCH_CACHE'] = cache;
  const running = start(words(folder, '--pg', '18,15'));
  if (before === undefined) delete process.env['CLAIMBENCH_CACHE'];
  else process.env['CLAIMBENCH_CACHE'] = before;
  const seen = new Set<number>();
  while (running.child.exitCode === null) {
    for (const { pid } of serversOf(running)) seen.add(pid);
    await sleep(20);
  }
  const ended = await running.finished;
  assert.equal(ended.code, 2, ended.stderr);
  assert.match(ended.stderr, /^claimbench: PostgreSQL 15: cannot write the cache .*\n$/);
  assert.ok(seen.size > 0, 'no server was seen');
  assert.ok(
    [...seen].every((pid) => !isAlive(pid)),
    'a server was left behind',
  );
});

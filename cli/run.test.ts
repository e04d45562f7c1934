// Does `claimbench run` measure, catch what is wrong, and leave what it promises?

import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type RunResult, resultSchema, sampleSchema } from '../harness/result/result.ts';
import {
  claimbench,
  type Finished,
  SHORT_DRAIN,
  start,
  temporaryFolder,
  testServer,
} from '../testing/command.ts';

/** Enough for a machine that two files of tests share. */
const ATTEMPTS = 4;
const PLANTED = resolve(import.meta.dirname, '../testing/planted');

function readResult(bundle: string): RunResult {
  return resultSchema.parse(JSON.parse(readFileSync(join(bundle, 'result.json'), 'utf8')));
}

/** A run whose cells are valid: beside other tests the machine may be too busy for one, and then once more. */
async function validRun(t: TestContext): Promise<{ readonly ran: Finished; readonly out: string }> {
  for (let attempt = 1; ; attempt += 1) {
    const out = join(temporaryFolder(t), 'bundle');
    const ran = await claimbench(
      ...['run', ...SHORT_DRAIN, '--contender', 'skip-locked', '--contender', 'batch?batch=50'],
      ...['--repeats', '1', '--duration', '1.5', '--seed', '7', '--server', testServer()],
      ...['--json', '--out', out],
    );
    if (ran.code !== 4 || attempt === ATTEMPTS) return { ran, out };
    t.diagnostic(`attempt ${attempt} was invalid`);
  }
}

test('a run leaves a whole bundle, prints JSON alone on stdout, and its report comes out the same again', async (t) => {
  const { ran, out } = await validRun(t);
  assert.equal(ran.code, 0, ran.stderr);
  const printed = resultSchema.parse(JSON.parse(ran.stdout));
  assert.deepEqual(printed, readResult(out));
  assert.equal(printed.seed, 7);
  assert.equal(printed.complete, true);
  assert.equal(printed.cells.length, 2);
  assert.ok(
    !JSON.stringify(printed).includes(new URL(testServer()).password),
    'the password is in the bundle',
  );
  for (const cell of printed.cells) {
    const { jobs, audit } = cell;
    const accounted =
      jobs.settled + jobs.retried + jobs.deadLettered + jobs.skipped + jobs.failed + jobs.inFlight;
    assert.equal(accounted, jobs.offered);
    assert.equal(audit.lost + audit.duplicateClaims + audit.duplicateSettlements, 0);
    assert.ok(jobs.settled > 100);
    assert.ok(existsSync(join(out, 'histograms', `${cell.id}.hlog`)));
    // A settle travels with the next claim: one round trip a job when nothing is batched, far fewer when it is.
    const trips = cell.cost?.roundTripsPerJob ?? 0;
    if (cell.contender.name === 'skip-locked') assert.ok(trips > 0.95 && trips < 1.3, `round trips ${trips}`);
    else assert.ok(trips < 0.2, `round trips ${trips}`);
    assert.ok((cell.cost?.walBytesPerJob ?? 0) > 100);
  }
  const lines = readFileSync(join(out, 'samples.ndjson'), 'utf8').trim().split('\n');
  for (const line of lines) sampleSchema.parse(JSON.parse(line));
  assert.ok(readdirSync(join(out, 'charts')).length > 0);

  const before = readFileSync(join(out, 'report.html'));
  assert.ok(before.length < 5_000_000);
  const again = await claimbench('report', out);
  assert.equal(again.code, 0, again.stderr);
  assert.ok(before.equals(readFileSync(join(out, 'report.html'))), 'the report came out different');
});

for (const { fault, contract } of [
  { fault: 'loses-jobs', contract: /jobs? (was|were) lost: enqueued, never settled/ },
  { fault: 'hands-out-twice', contract: /handed out twice within one lease/ },
  { fault: 'settles-stale', contract: /stale lease/ },
  { fault: 'over-claims', contract: /handed out beyond what the claim had asked for/ },
  { fault: 'forgets-jobs', contract: /left under a lease that nobody holds|came back within 5 s/ },
]) {
  test(`a strategy that ${fault.replaceAll('-', ' ')} ends with exit code 3 and shows no throughput`, async (t) => {
    const out = join(temporaryFolder(t), 'bundle');
    const ran = await claimbench(
      ...['run', ...SHORT_DRAIN, '--contender', join(PLANTED, `${fault}.ts`), '--repeats', '1'],
      ...['--server', testServer(), '--out', out],
    );
    assert.equal(ran.code, 3, ran.stderr);
    const [cell] = readResult(out).cells;
    assert.equal(cell?.verdict, 'incorrect');
    assert.match(cell.reasons.join('\n'), contract);
    assert.equal(cell.throughput, undefined);
    assert.equal(cell.latencyUs, undefined);
    const report = readFileSync(join(out, 'report.md'), 'utf8');
    assert.match(report, contract, 'the report does not name what happened');
  });
}

/** A server that waits for its disk leaves the killed worker settles in flight and nothing in hand; then once more. */
const KILLS = 2;

for (const contender of ['skip-locked', 'batch', 'advisory']) {
  test(`SIGKILL of a worker of ${contender} in mid-run: nothing lost, redelivered after the lease, counted as such`, async (t) => {
    let redelivered = 0;
    for (let kill = 1; kill <= KILLS && redelivered === 0; kill += 1) {
      const out = join(temporaryFolder(t), 'bundle');
      const ran = await claimbench(
        ...['run', '--scenario', 'worker-crash', '--contender', contender, '--repeats', '1'],
        ...['--server', testServer(), '--out', out],
      );
      assert.notEqual(ran.code, 3, ran.stderr);
      const [cell] = readResult(out).cells;
      assert.ok(cell !== undefined, ran.stderr);
      assert.notEqual(cell.verdict, 'incorrect', cell.reasons.join('; '));
      assert.equal(cell.window.faults[0]?.label, 'kill-worker');
      assert.equal(cell.audit.lost, 0);
      assert.equal(cell.jobs.settled, cell.jobs.offered);
      redelivered += cell.audit.redelivered;
    }
    assert.ok(redelivered > 0, `nothing was redelivered after ${KILLS} kills`);
  });
}

test('Ctrl-C keeps the cells that have finished, reports them, and ends with 130', async (t) => {
  const out = join(temporaryFolder(t), 'bundle');
  const running = start([
    'run',
    ...SHORT_DRAIN,
    '--contender',
    'batch',
    '--repeats',
    '50',
    '--duration',
    '1',
    '--server',
    testServer(),
    '--out',
    out,
  ]);
  while (!running.stderr().includes('[ 2/50]')) {
    assert.equal(running.child.exitCode, null, running.stderr());
    await sleep(50);
  }
  running.child.kill('SIGINT');
  const ended = await running.finished;
  assert.equal(ended.code, 130, ended.stderr);
  const result = readResult(out);
  assert.equal(result.complete, false);
  assert.ok(result.cells.length >= 2 && result.cells.length < 50);
  assert.ok(existsSync(join(out, 'report.html')));
});

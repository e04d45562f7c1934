// Does `claimbench plan` answer a question from a real server, answer the next one from its bundle, and refuse what is no question?

import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type RunResult, resultSchema } from '../harness/result/result.ts';
import { writeCapacityFixture } from '../reports/testing-capacity-fixture.ts';
import { writeFixture } from '../reports/testing-fixture.ts';
import { claimbench, type Running, start, temporaryFolder, testServer } from '../testing/command.ts';

/** Each cell is listed once, with what it was for; limits, headroom and recommendation agree. */
function requireSound(result: RunResult): void {
  const { capacity } = result;
  assert.ok(capacity?.plan !== undefined);
  const { question, answer } = capacity.plan;
  assert.deepEqual(
    capacity.cells.map(({ id }) => id),
    result.cells.map(({ id }) => id),
  );
  assert.equal(answer.peakPerSec, question.ratePerSec * question.peakFactor);
  const { recommended, safePerSec, headroom, limits, possible, nearest, undecided } = answer;
  if (recommended === undefined) assert.equal(possible, false);
  else
    assert.equal(recommended.workers * recommended.sessions * recommended.concurrency, recommended.handlers);
  const known = limits.flatMap(({ perSec }) => perSec ?? []);
  assert.equal(safePerSec, known.length === 0 ? undefined : Math.min(...known));
  if (safePerSec !== undefined)
    assert.ok(Math.abs((headroom ?? 0) - (safePerSec / answer.peakPerSec - 1)) < 1e-9);
  assert.equal(possible, recommended !== undefined && nearest.length === 0 && undecided.length === 0);
}

async function until(running: Running, said: RegExp): Promise<void> {
  while (!said.test(running.stderr())) {
    assert.equal(running.child.exitCode, null, running.stderr());
    await sleep(50);
  }
}

test('a plan stopped by Ctrl-C answers by what it has; another rate is answered from its bundle, which stays as it is', async (t) => {
  const folder = temporaryFolder(t);
  const out = join(folder, 'bundle');
  const first = start(
    [
      ...['plan', '--rate', '20', '--job-ms', '10', '--budget', '5m', '--seed', '3', '--connections', '50'],
      ...['--server', testServer(), '--out', out, '--json'],
    ],
    170_000,
  );
  // By then six levels were measured to fit, and one that is held back: where none was void there is a law.
  await until(first, /\[ ?7\/\d+\]/);
  // What a kill would leave: the question, and what can be told by then.
  const meanwhile = resultSchema.parse(JSON.parse(readFileSync(join(out, 'result.json'), 'utf8')));
  assert.equal(meanwhile.capacity?.plan?.question.ratePerSec, 20);
  first.child.kill('SIGINT');
  const { code, stdout, stderr } = await first.finished;
  assert.equal(code, 130, stderr);
  const result = resultSchema.parse(JSON.parse(stdout));
  assert.equal(result.complete, false);
  assert.ok(result.cells.length >= 7);
  requireSound(result);
  assert.ok(existsSync(join(out, 'report.html')));
  const kept = readFileSync(join(out, 'result.json'), 'utf8');
  assert.deepEqual(resultSchema.parse(JSON.parse(kept)), result);

  const second = await claimbench('plan', '--from', out, '--rate', '30', '--peak', '2', '--json');
  const other = resultSchema.parse(JSON.parse(second.stdout));
  requireSound(other);
  const { question, answer } = other.capacity?.plan ?? {};
  assert.equal(second.code, answer?.recommended === undefined ? 4 : 0, second.stderr);
  assert.equal(answer?.peakPerSec, 60);
  assert.equal(question?.connections, 50, 'what is not given stays');
  assert.deepEqual(other.cells, result.cells);
  assert.equal(readFileSync(join(out, 'result.json'), 'utf8'), kept);

  const asked = await claimbench('plan', '--from', out, '--rate', '30', '--out', join(folder, 'asked'));
  assert.ok(asked.code === 0 || asked.code === 4, asked.stderr);
  assert.match(
    readFileSync(join(folder, 'asked', 'report.md'), 'utf8'),
    /-- plan --rate .*--out out\/measured\n.*-- plan --from out\/measured --rate 30 --slo/,
  );

  const same = await claimbench('plan', '--from', out, '--json', '--out', join(folder, 'again'));
  assert.equal(same.code, second.code, same.stderr);
  assert.deepEqual(resultSchema.parse(JSON.parse(same.stdout)).capacity, result.capacity, 'the same answer');
  assert.ok(existsSync(join(folder, 'again', 'report.html')));
});

test('a mistake is answered in one line, before a server is started', async (t) => {
  const folder = temporaryFolder(t);
  const workload = join(folder, 'workload.yaml');
  writeFileSync(workload, 'rate: 10\nconections: 4\n');
  const run = join(folder, 'run');
  await writeFixture(run);
  const odd = join(folder, 'odd');
  const written = await writeCapacityFixture(odd, 'plan');
  Object.assign(written.capacity?.plan?.question.handler ?? {}, { time: 'guessed' });
  writeFileSync(join(odd, 'result.json'), JSON.stringify(written));
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [[], /plan: give --rate/],
    [['--rate', '10', '--outage', '10m'], /--outage and --recover go together/],
    [['--rate', '10', '--slo', 'pickp.p99<250ms'], /did you mean pickup/],
    [['--workload', workload], /there is no key conections; did you mean connections\?/],
    [['--from', odd], /how long its jobs take is not told as it should be/],
    [['--rate', '10', '--job-ms', '800'], /jobs of 800 ms are longer than the 500 ms .*claimbench search/],
    [['--rate', '10', '--contender', 'skip-locked?adaptive=8'], /leave adaptive out/],
    [['--rate', '10', '--no-sampling', '--slo', 'deadTuples.growth<5/s'], /leave it out, or their --slo/],
    [['--rate', '10', '--contender', 'null'], /a plan must choose concurrency/],
    [['--rate', '10', '--contender', 'batch', '--contender', 'ring'], /one contender was given already/],
    [['--from', run, '--budget', '5m'], /--budget cannot stand beside --from/],
    [['--from', run, '--contender', 'batch'], /--contender cannot stand beside --from/],
    [['--from', run, '--server', 'docker'], /--server cannot stand beside --from/],
    [
      ['--rate', '10', '--server', 'postgres://me@db/x', '--server', 'postgres://me@db/x'],
      /one address is given twice/,
    ],
    [['--from', run], /holds no (plan|measurements of capacity)/],
  ];
  for (const [words, said] of cases) {
    const ended = await claimbench('plan', ...words);
    assert.equal(ended.code, 1, `${words.join(' ')}\n${ended.stderr}`);
    assert.match(ended.stderr, said);
    assert.equal(ended.stderr.trim().split('\n').length, 1, ended.stderr);
    assert.equal(ended.stdout, '');
  }
});

test('one server under two names is refused as one', async () => {
  const [one, other] = [new URL(testServer()), new URL(testServer())];
  other.hostname = one.hostname === 'localhost' ? '127.0.0.1' : 'localhost';
  other.pathname = '/postgres';
  const ended = await claimbench('plan', '--rate', '10', '--server', one.href, '--server', other.href);
  assert.equal(ended.code, 1, ended.stderr);
  assert.match(
    ended.stderr,
    /^claimbench: --server: .* are one and the same server .*: leave one of them out\n$/,
  );
});

// Is a question read from the command line and from a workload file alike, and a wrong one answered with the mend?

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Command } from 'commander';
import { UsageError } from '../../harness/errors.ts';
import { planQuestionSchema } from '../../harness/result/capacity.ts';
import { temporaryFolder } from '../../testing/command.ts';
import {
  changedQuestion,
  type QuestionWords,
  questionOf,
  questionOptions,
  questionSchema,
  withWorkloadFile,
} from './question.ts';
import { patternOf } from './workload.ts';

async function words(...args: readonly string[]): Promise<QuestionWords> {
  const command = questionOptions(new Command('plan').exitOverride()).configureOutput({
    writeErr: () => undefined,
  });
  command.parse([...args], { from: 'user' });
  await withWorkloadFile(command);
  return questionSchema.parse(command.opts());
}

async function asked(...args: readonly string[]) {
  const said = await words(...args);
  return questionOf(said, await patternOf(said), 'skip-locked');
}

async function refused(args: readonly string[], said: RegExp): Promise<void> {
  await assert.rejects(asked(...args), (error: unknown) => {
    assert.ok(error instanceof UsageError, `${args.join(' ')}: ${error}`);
    assert.match(error.message, said);
    assert.doesNotMatch(error.message, /\n/);
    return true;
  });
}

test('a rate alone: every default filled in', async () => {
  const question = await asked('--rate', '800');
  assert.deepEqual(question, {
    ratePerSec: 800,
    peakFactor: 1,
    jobMs: 0,
    handler: { time: 'none' },
    payloadBytes: 100,
    slo: [{ of: 'pickup', percentile: 99, limitUs: 250_000, text: 'pickup.p99 < 250 ms' }],
    contender: 'skip-locked',
  });
  assert.deepEqual(planQuestionSchema.parse(question), question);
});

const ALL = [
  ...['--rate', '300', '--peak', '3', '--rate-later', '900', '--months', '12', '--job-ms', '25'],
  ...[
    '--job-time',
    'lognormal:100',
    '--payload',
    '500',
    '--slo',
    'pickup.p99<100ms',
    '--slo',
    'response.p95<1s',
  ],
  ...['--outage', '10m', '--recover', '0.5h', '--bloat', '10m', '--connections', '40', '--other-load', '20'],
];

test('a workload file says the same as the command line, which goes over it', async (t) => {
  const folder = temporaryFolder(t);
  const yaml = join(folder, 'w.yaml');
  writeFileSync(
    yaml,
    `rate: 300\npeak: 3\nrate-later: 900\nmonths: 12\njob-ms: 25\njobTime: lognormal:100\npayload: 500
slo: ['pickup.p99<100ms', 'response.p95<1s']\noutage: 10m\nrecover: 0.5h\nbloat: 10m\nconnections: 40\nother-load: 20\n`,
  );
  const question = await asked(...ALL);
  assert.deepEqual(question.outage, { seconds: 600, recoverSeconds: 1_800 });
  assert.deepEqual(question.later, { ratePerSec: 900, months: 12 });
  assert.deepEqual(planQuestionSchema.parse(question), question);
  assert.deepEqual(await asked('--workload', yaml), question);
  const over = await asked('--workload', yaml, '--rate', '500', '--slo', 'pickup.p50<5ms');
  assert.equal(over.ratePerSec, 500);
  assert.deepEqual(
    over.slo.map(({ text }) => text),
    ['pickup.p50 < 5 ms'],
  );
  assert.equal(over.peakFactor, 3);
  const json = join(folder, 'w.json');
  writeFileSync(json, JSON.stringify({ rate: 300, slo: 'pickup.p99<100ms' }));
  assert.equal((await asked('--workload', json)).slo[0]?.text, 'pickup.p99 < 100 ms');
});

test('a workload file that cannot be used is answered in one line, with file and key', async (t) => {
  const folder = temporaryFolder(t);
  const cases: readonly (readonly [string, string, RegExp])[] = [
    ['a.yaml', 'rat: 3', /a\.yaml: there is no key rat; did you mean rate\?/],
    ['b.yaml', 'rate: fast', /b\.yaml, rate: fast: give a number from/],
    ['c.yaml', 'rate: [', /--workload .*c\.yaml: /],
    ['d.yaml', '- rate', /give keys and values/],
    ['e.yaml', 'rate: true', /e\.yaml, rate: give a word, a number or a list/],
    ['f.toml', 'rate = 1', /give a \.yaml or \.json file/],
    ['g.yaml', 'workload: g.yaml', /there is no key workload/],
    ['h.yaml', 'rate: 1\npassword: x', /there is no key password/],
    ['i.yaml', 'rate: 1\noutage: -5m', /i\.yaml, outage: -5m: give a length of time/],
    ['j.json', '', /--workload .*j\.json: /],
  ];
  for (const [name, text, said] of cases) {
    writeFileSync(join(folder, name), text);
    await refused(['--workload', join(folder, name)], said);
  }
  await refused(['--workload', join(folder, 'none.yaml')], /there is no such file/);
});

test('words that are missing, or do not go together', async () => {
  await refused([], /give --rate/);
  await refused(['--rate', '1', '--outage', '1m'], /--outage and --recover go together/);
  await refused(['--rate', '1', '--recover', '1m'], /--outage and --recover go together/);
  await refused(['--rate', '1', '--months', '3'], /--rate-later and --months go together/);
  await refused(['--rate', '1', '--rate-later', '3'], /--rate-later and --months go together/);
});

test('another question to the same measurements keeps what is not given, and refuses other jobs', async () => {
  const before = await asked(...ALL);
  assert.deepEqual(changedQuestion({}, before), before);
  const { ratePerSec, peakFactor, outage, later } = changedQuestion(
    { rate: 50, outage: 60, recover: 30 },
    before,
  );
  assert.deepEqual([ratePerSec, peakFactor], [50, 3]);
  assert.deepEqual(outage, { seconds: 60, recoverSeconds: 30 });
  assert.deepEqual(later, before.later);
  for (const other of [{ jobMs: 3 }, { payload: 99 }, { scenario: 'drain' }, { otherLoad: 1 }])
    assert.throws(() => changedQuestion(other, before), /with --from: that is part of what was measured/);
  assert.throws(() => changedQuestion({ outage: 3 }, before), /go together/);
});

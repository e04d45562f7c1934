// Is every slip in the words of a command line answered in one line of the house style, with the mend?

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Command, CommanderError } from 'commander';
import { compareCommand } from './commands/compare.ts';
import { doctorCommand } from './commands/doctor.ts';
import { listCommand } from './commands/list.ts';
import { reportCommand } from './commands/report.ts';
import { runCommand } from './commands/run.ts';
import { answerInOneLine } from './usage.ts';

/** What the command line says of words that it must not run. */
async function answer(t: TestContext, ...words: readonly string[]): Promise<string> {
  const program = new Command('claimbench').exitOverride();
  for (const command of [runCommand, compareCommand, reportCommand, listCommand, doctorCommand])
    program.addCommand(command(() => assert.fail(`${words.join(' ')} was run`)).exitOverride());
  answerInOneLine(program);
  let said = '';
  const write = t.mock.method(process.stderr, 'write', (text: string) => {
    said += text;
    return true;
  });
  try {
    await assert.rejects(program.parseAsync(words, { from: 'user' }), CommanderError);
  } finally {
    write.mock.restore();
  }
  assert.match(said, /^claimbench: [^\n]*\n$/);
  return said.slice('claimbench: '.length, -1);
}

const RUN = 'see claimbench run --help';

test('an unknown option, with the nearest one where one is near', async (t) => {
  assert.equal(await answer(t, 'run', '--foo'), `unknown option --foo; ${RUN}`);
  assert.equal(
    await answer(t, 'run', '--scenaro', 'drain'),
    'unknown option --scenaro; did you mean --scenario?',
  );
  assert.equal(await answer(t, 'run', '--repeat=5'), 'unknown option --repeat; did you mean --repeats?');
  assert.equal(await answer(t, '--foo'), 'unknown option --foo; see claimbench --help');
});

test('an unknown command', async (t) => {
  assert.equal(await answer(t, 'rnu'), 'unknown command rnu; did you mean run?');
  assert.equal(
    await answer(t, 'benchmark'),
    'unknown command benchmark; there are: run, compare, report, list, doctor',
  );
});

test('arguments that are missing, or too many, as when a share is not quoted', async (t) => {
  assert.equal(
    await answer(t, 'compare'),
    '<bundle> is missing: give claimbench compare [options] <bundle> [bundle]; see claimbench compare --help',
  );
  assert.equal(
    await answer(t, 'run', '--rate', '0.7', 'of', 'drain'),
    `run takes no arguments: leave out of drain, or quote what belongs together; ${RUN}`,
  );
  assert.match(await answer(t, 'report', 'a', 'b'), /^report takes one argument: leave out b, /);
  assert.match(
    await answer(t, 'compare', 'a', 'b', 'c'),
    /^compare takes 2 arguments at most: leave out c, /,
  );
});

test('values that are missing, empty, or not allowed', async (t) => {
  assert.equal(await answer(t, 'run', '--repeats'), `--repeats has no value: give <n>; ${RUN}`);
  assert.equal(await answer(t, 'run', '--repeats', 'x'), '--repeats x: give a whole number from 1 to 1000');
  assert.equal(await answer(t, 'run', '--duration', '0'), '--duration 0: give a number from 0.5 to 86400');
  assert.equal(await answer(t, 'run', '--pg', '3'), '--pg 3: give one of 14, 15, 16, 17, 18');
  const several = 'give one of 14, 15, 16, 17, 18, or several of them, such as 14,18';
  assert.equal(await answer(t, 'run', '--pg', '14,13'), `--pg 14,13: ${several}`);
  assert.equal(await answer(t, 'run', '--pg', '14,'), `--pg 14,: ${several}`);
  assert.equal(
    await answer(t, 'run', '--pg', '14,18,14'),
    '--pg 14,18,14: 14 stands there twice: name each version once',
  );
  for (const option of [
    '--contender',
    '--scenario',
    '--suite',
    '--out',
    '--rate',
    '--seed',
    '--server',
    '--pin',
    '--pg',
  ])
    assert.match(await answer(t, 'run', option, ' '), new RegExp(`^${option} is empty: give <.*>; ${RUN}$`));
  for (const option of ['--base', '--head', '--scenario', '--out'])
    assert.match(
      await answer(t, 'compare', 'a', option, ''),
      new RegExp(`^${option} is empty: give <.*>; see`),
    );
  assert.match(await answer(t, 'doctor', '--server', ''), /^--server is empty: give <where>; /);
});

test('no password is repeated, wherever the address stands', async (t) => {
  const address = 'postgres://me:sesame@host/db';
  for (const words of [
    ['run', `--sever=${address}`],
    ['run', address],
    ['run', '--repeats', address],
    ['run', '--pg', address],
    [address],
  ])
    assert.doesNotMatch(await answer(t, ...words), /sesame/);
});

test('what spans lines is told in one', async (t) => {
  assert.equal(
    await answer(t, 'run', '--repeats', 'a\nb'),
    '--repeats a b: give a whole number from 1 to 1000',
  );
  assert.match(await answer(t, 'list', 'runs', 'a\nb'), /^list takes one argument: leave out a b, /);
});

// Is the contender that was written the one that runs, with every axis that was written and none that was not?

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { suggestion } from '../../cli/suggest.ts';
import { wakeups } from '../../queue/index.ts';
import { UsageError } from '../errors.ts';
import { CONTENDERS, definitionOf, parseContender, withDriver } from './index.ts';

const parse = (text: string) => parseContender(text, suggestion);

function refused(text: string, said: RegExp): void {
  assert.throws(
    () => parse(text),
    (error) => {
      assert.ok(error instanceof UsageError, String(error));
      assert.match(error.message, said);
      assert.doesNotMatch(error.message, /\n/);
      return true;
    },
    text,
  );
}

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'claimbench-contender-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

test('every built-in contender is found by its name, and no two share one', async () => {
  for (const { name } of CONTENDERS) {
    const spec = parse(name);
    assert.deepEqual(spec, { name, source: { kind: 'built-in', name }, axes: {} });
    assert.equal((await definitionOf(spec)).name, name);
  }
  assert.equal(new Set(CONTENDERS.map((c) => c.name)).size, CONTENDERS.length);
});

test('axes arrive as what they are: numbers, words', () => {
  assert.deepEqual(
    parse('batch?batch=500&prefetch=0&settle=batched&settleDelayMs=2&concurrency=2&wakeup=poll&pollMs=20')
      .axes,
    {
      batch: 500,
      prefetch: 0,
      settle: 'batched',
      settleDelayMs: 2,
      concurrency: 2,
      wakeup: 'poll',
      pollMs: 20,
    },
  );
  assert.equal(parse('batch?batch=5').name, 'batch?batch=5', 'what reports print is what was written');
  for (const { wakeupName } of wakeups)
    assert.equal(parse(`batch?wakeup=${wakeupName}`).axes.wakeup, wakeupName);
});

test('a wrong name or axis is answered with the nearest right one, a wrong wake-up with all of them', () => {
  refused('skip-lock', /no contender skip-lock; did you mean skip-locked\?/);
  refused('rabbitmq', /no contender rabbitmq; there are: skip-locked, /);
  refused('', /no contender/);
  refused('batch?bacth=5', /contender batch\?bacth=5: there is no axis bacth; did you mean batch\?/);
  refused('null?wakeup=poll', /no axis wakeup; there are: batch/);
  refused('batch?wakeup=pol', /no wakeup pol; there are: poll, jitter, notify, coalesced$/);
});

test('a question mark with nothing behind it is no other contender', () => {
  for (const text of ['batch?', 'batch?&']) assert.deepEqual(parse(text), parse('batch'));
});

test('every axis that a strategy does not leave open is named at once', () => {
  refused(
    'held-transaction?batch=5&leaseMs=500&prefetch=3&concurrency=2',
    /held-transaction has no choice of batch: .*; no choice of prefetch: .*; no choice of concurrency: .*; no choice of leaseMs: .*; leave batch and prefetch and concurrency and leaseMs out$/,
  );
});

test('a wrong value names its axis, itself, and what is allowed', () => {
  for (const value of ['0', '1.5', '10001', 'abc', '-1', '1e99', 'Infinity'])
    refused(`batch?batch=${value}`, new RegExp(`axis batch: ${value} is no whole number from 1 to 10000$`));
  refused('batch?settle=bached', /axis settle: bached is neither each nor batched$/);
  refused('batch?pollMs=0', /axis pollMs: 0 is no whole number from 1 to 3600000$/);
  refused('batch?settleDelayMs=x', /axis settleDelayMs: x is no whole number from 0 to 60000$/);
});

test('a driver and its pipeline are chosen by their names, or not at all', async () => {
  assert.deepEqual(parse('batch?driver=postgres&pipeline=off').axes, { driver: 'postgres', pipeline: 'off' });
  refused('batch?driver=pq', /axis driver: pq is neither pg nor postgres$/);
  refused('batch?pipeline=yes', /axis pipeline: yes is neither on nor off$/);
  refused('null?driver=pg', /no axis driver; there are: batch/);
});

test('a driver for all goes to each contender that has the choice and was not given one', async () => {
  const over = async (text: string) => await withDriver(parse(text), 'postgres');
  assert.deepEqual(await over('batch'), parse('batch?driver=postgres'));
  assert.deepEqual(await over('batch?batch=5'), parse('batch?batch=5&driver=postgres'));
  for (const text of ['batch?driver=pg', 'null', 'null?batch=5'])
    assert.deepEqual(await over(text), parse(text));
});

test('nothing that was written is dropped in silence', () => {
  refused('batch?batch=5&batch=6', /axis batch is given twice/);
  refused('batch?batch=5?prefetch=3', /axis batch: /);
  refused('batch?prefetch=', /axis prefetch has no value/);
  refused('batch?prefetch', /axis prefetch has no value/);
  refused('batch?prefetch=%20', /axis prefetch has no value/);
  refused('batch?toString=1', /no axis toString/);
});

test('a path is a file of the user’s, with the axes of the reference queue', async (t) => {
  const at = folder(t);
  const path = join(at, 'mine.mjs');
  refused(path, /strategy file .*mine\.mjs does not exist: give the path of a file, or a name/);
  writeFileSync(path, 'export default { strategyName: "mine", summary: "x", create() {} };');
  const spec = parse(`${path}?batch=7`);
  assert.deepEqual(spec, { name: `${path}?batch=7`, source: { kind: 'file', path }, axes: { batch: 7 } });
  assert.equal((await definitionOf(spec)).summary, 'x');
  refused(`${path}?bacth=7`, /no axis bacth; did you mean batch\?/);
});

test('a file may hold a whole contender, which is used as it is, and takes the axes that it names', async (t) => {
  const path = join(folder(t), 'mine.mjs');
  const text = (over: string): string =>
    `export default { name: "mine", summary: "x", class: "broker", axes: ["batch"], open: async () => ({ mine: true }), ${over} };`;
  writeFileSync(path, text(''));
  const definition = await definitionOf(parse(`${path}?batch=7`));
  assert.equal(definition.class, 'broker');
  assert.deepEqual(await definition.open({ schema: 's' }, {}), { mine: true });
  const wrong = async (name: string, over: string, query: string, said: RegExp): Promise<void> => {
    const file = join(folder(t), name);
    writeFileSync(file, text(over));
    await assert.rejects(
      definitionOf(parse(`${file}${query}`)),
      (error) => error instanceof UsageError && said.test(error.message) && !error.message.includes('\n'),
      String(said),
    );
  };
  await wrong('axis.mjs', '', '?pollMs=5', /there is no axis pollMs; there are: batch$/);
  await wrong('none.mjs', 'axes: []', '?batch=5', /there is no axis batch; it takes none$/);
  await wrong(
    'class.mjs',
    'class: "job"',
    '',
    /contender file .*class\.mjs: its default .* class: .*"broker"/,
  );
  await wrong('axes.mjs', 'axes: ["size"]', '', /is no contender: axes\.0: /);
  await wrong('open.mjs', 'open: 5', '', /is no contender: open: must be a function/);
});

test('a user’s file that throws, or exports no strategy, is told in one line', async (t) => {
  const at = folder(t);
  for (const [name, text, said] of [
    ['throws.mjs', 'throw new Error("two\\nlines");', /throws\.mjs could not be loaded: two lines$/],
    ['null.mjs', 'throw null;', /could not be loaded: null$/],
    ['syntax.mjs', 'export default {;', /could not be loaded/],
    ['nothing.mjs', 'export const x = 1;', /no strategy as its default export/],
    ['half.mjs', 'export default { strategyName: "x" };', /no strategy as its default export/],
  ] as const) {
    writeFileSync(join(at, name), text);
    await assert.rejects(
      definitionOf(parse(join(at, name))),
      (error) => error instanceof UsageError && said.test(error.message),
      name,
    );
  }
});

// Does `claimbench history` keep the figures of bundles, and refuse what would spoil its file?

import assert from 'node:assert/strict';
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readLines } from '../../reports/history/line.ts';
import { writeFixture } from '../../reports/testing-fixture.ts';
import { matrixOf } from '../../reports/testing-fixture-data.ts';
import { claimbench, temporaryFolder } from '../../testing/command.ts';

test('bundles become lines, and lines a page', async (t) => {
  const folder = temporaryFolder(t);
  const [bundle, file, out] = [join(folder, 'bundle'), join(folder, 'history.ndjson'), join(folder, 'out')];
  const made = await writeFixture(bundle);
  const add = (...words: string[]) => claimbench('history', 'add', bundle, '--file', file, ...words);
  const first = await add('--commit', 'abc123', '--message', 'the first');
  assert.equal(first.code, 0, first.stderr);
  const again = await add('--commit', 'abc123');
  assert.equal(again.code, 1);
  assert.match(again.stderr, /^claimbench: history add: .* has this run already \([^)]*\)\n$/);

  // As of a writer that was killed: what comes next is a line of its own.
  appendFileSync(file, '{"historySchemaVersion": 1, "at"');
  writeFileSync(join(bundle, 'result.json'), JSON.stringify({ ...made, runId: 'another' }));
  assert.equal((await add('--commit', 'def456')).code, 0);
  const { lines, broken } = readLines(readFileSync(file, 'utf8'));
  assert.deepEqual(
    lines.map(({ commit }) => commit),
    ['abc123', 'def456'],
  );
  assert.equal(broken.length, 1);

  const report = await claimbench('history', 'report', '--file', file, '--out', out, '--json');
  assert.equal(report.code, 0, report.stderr);
  assert.match(report.stderr, /line 2 is left out/);
  const series = JSON.parse(report.stdout);
  assert.ok(series.length > 0 && series.every((one: { points: unknown[] }) => one.points.length === 2));
  for (const name of ['history.html', 'history.md', 'history.json'])
    assert.ok(existsSync(join(out, name)), name);
});

test('a mistake is answered in one line', async (t) => {
  const folder = temporaryFolder(t);
  const empty = join(folder, 'empty.ndjson');
  writeFileSync(empty, '');
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [['add', folder, '--file', empty], /result\.json: no such file/],
    [['report', '--file', join(folder, 'none'), '--out', folder], /none cannot be read/],
    [['report', '--file', empty, '--out', folder], /has no line that can be read/],
    [
      ['report', '--file', empty, '--out', folder, '--metric', 'cost.walBytesPerJo'],
      /did you mean cost\.walBytesPerJob/,
    ],
  ];
  for (const [words, said] of cases) {
    const ended = await claimbench('history', ...words);
    assert.equal(ended.code, 1, ended.stderr);
    assert.match(ended.stderr, said);
    assert.equal(ended.stderr.trim().split('\n').length, 1, ended.stderr);
  }
});

test('a bundle of several servers has no line', async (t) => {
  const folder = temporaryFolder(t);
  const [bundle, file] = [join(folder, 'bundle'), join(folder, 'history.ndjson')];
  await writeFixture(bundle, { amendResult: (made) => matrixOf(made, (name) => name, ['14', '18']) });
  const ended = await claimbench('history', 'add', bundle, '--file', file, '--commit', 'abc123');
  assert.equal(ended.code, 1);
  assert.match(ended.stderr, /^claimbench: history add: .* is of several servers: .*\n$/);
  assert.equal(existsSync(file), false);
});

// Does the table at the end of a run fit its terminal, and can it be read without colour?

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { type FixtureOptions, writeFixture } from '../testing-fixture.ts';
import { HOSTILE_NAMES, STANDARD } from '../testing-fixture-data.ts';
import { terminalTable } from './terminal.ts';

async function table(options: FixtureOptions, terminal: { colour: boolean; width: number }): Promise<string> {
  const dir = await mkdtemp(path.join(tmpdir(), 'claimbench-terminal-'));
  try {
    return terminalTable(await writeFixture(dir, options), terminal);
  } finally {
    await rm(dir, { recursive: true });
  }
}

const HOSTILE = STANDARD.contenders.map((one, i) => ({ ...one, name: HOSTILE_NAMES[i] ?? one.name }));

test('no line is wider than 100 columns, with long and hostile names too', async () => {
  for (const contenders of [STANDARD.contenders, HOSTILE]) {
    const text = await table({ contenders, repeats: 2 }, { colour: false, width: 200 });
    for (const line of text.split('\n')) assert.ok([...line].length <= 100, line);
    assert.doesNotMatch(text.replaceAll('\n', ''), /\p{Cc}/u);
  }
});

test('colour only adds: without it the words are the same', async () => {
  const options: FixtureOptions = { repeats: 2, scenarios: STANDARD.scenarios.slice(0, 1) };
  const plain = await table(options, { colour: false, width: 100 });
  const coloured = await table(options, { colour: true, width: 100 });
  assert.notEqual(coloured, plain);
  const trimmed = (text: string) => text.split('\n').map((line) => line.trimEnd());
  assert.deepEqual(trimmed(stripVTControlCharacters(coloured)), trimmed(plain));
});

test('void cells say so, with reasons below the table', async () => {
  const amend: FixtureOptions['amend'] = (cell) => {
    if (cell.contender.name === 'advisory')
      return { ...cell, verdict: 'incorrect', reasons: ['3 jobs lost'] };
    return cell.contender.name === 'skip-locked' && cell.repeat === 1
      ? { ...cell, verdict: 'invalid', reasons: ['event loop p99 31 ms'] }
      : cell;
  };
  const text = await table(
    { amend, repeats: 2, scenarios: STANDARD.scenarios.slice(0, 1) },
    { colour: false, width: 100 },
  );
  assert.match(text, /advisory.*– {2}INCORRECT/);
  assert.match(text, /skip-locked.*1\/2 valid/);
  assert.match(text, /skip-locked, repeat 1, invalid: event loop p99 31 ms/);
  assert.match(text, /2 of 8 cells INCORRECT, 1 invalid/);
  assert.match(text, /pgmq/);
});

test('at 80 columns no line is longer, and every name is whole, however alike they are', async () => {
  const names = [
    'skip-locked',
    'skip-locked#2',
    'batch?batch=100&wakeup=poll',
    'batch?batch=1000&wakeup=poll',
  ];
  const contenders = STANDARD.contenders
    .slice(0, 4)
    .map((one, i) => ({ ...one, name: names[i] ?? one.name }));
  for (const width of [80, 70, 60]) {
    const lines = (await table({ contenders, repeats: 2 }, { colour: false, width })).split('\n');
    for (const line of lines) assert.ok([...line].length <= width, `${[...line].length}: ${line}`);
    for (const name of names)
      assert.ok(
        lines.some((line) => line.split('  ')[0] === name),
        name,
      );
  }
});

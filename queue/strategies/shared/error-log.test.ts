// Is a job's log of errors read as it was written, whoever wrote it, and however much of it is left?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testDatabase } from '../../../testing/database.ts';
import { pgDriver } from '../../drivers/pg.ts';
import { leaseExpired, parseErrors, withError } from './error-log.ts';

const line = (attempt: number, error: string) => JSON.stringify({ attempt, at: attempt * 1000, error });
const entry = (attempt: number, error: string) => ({ attempt, atMs: attempt * 1000, error });
const bare = (error: string) => ({ attempt: 0, atMs: 0, error });

test('a log is read line by line, and what is no entry as the bare error that it was', () => {
  assert.deepEqual(parseErrors(null), []);
  assert.deepEqual(parseErrors(line(1, 'one')), [entry(1, 'one')]);
  assert.deepEqual(parseErrors(`${line(1, 'one\ntwo')}\n${line(2, '')}`), [
    entry(1, 'one\ntwo'),
    entry(2, ''),
  ]);
  const stack = 'Error: no\n    at a\n    at b';
  assert.deepEqual(parseErrors(stack), [bare(stack)]);
  assert.deepEqual(parseErrors(`${stack}\n${line(2, 'two')}`), [bare(stack), entry(2, 'two')]);
  for (const other of ['{', '{}', 'null', '[]', '{"attempt": "1", "at": 1, "error": "x"}', '{"code": 5}'])
    assert.deepEqual(parseErrors(`${other}\n${line(2, 'two')}`), [bare(other), entry(2, 'two')], other);
});

test('the first line of a full log was cut, and is left out; one that is shorter is whole', () => {
  // 65,536 characters were kept by the version before.
  for (const characters of [16_384, 65_536]) {
    const cut = '😀'.repeat(characters - line(2, 'two').length - 3);
    assert.deepEqual(parseErrors(`a"}${cut.slice(2)}\n${line(2, 'two')}`), [entry(2, 'two')]);
    const whole = `${cut.slice(4)}`;
    assert.deepEqual(parseErrors(`${whole}\n${line(2, 'two')}`), [bare(whole), entry(2, 'two')]);
  }
});

test('the server writes what is read, and the last error is whole whatever it holds', async (t) => {
  const database = await testDatabase(t);
  await using driver = pgDriver(database.settings);
  const append = async (log: string | null, attempt: number, error: string | null): Promise<string> => {
    const { rows } = await driver.query<{ readonly log: string }>({
      text: `SELECT ${withError('$1::text', '$2::integer', '$3::text')} AS log`,
      values: [log, attempt, error],
    });
    return rows[0]?.log ?? assert.fail();
  };
  let log: string | null = null;
  const awkward = [
    '"\\\r\n\t\u0001\u2028',
    '{"attempt" : 1}',
    '',
    '😀'.repeat(9_000),
    '\u0001'.repeat(60_000),
  ];
  for (const [index, error] of awkward.entries()) {
    const startMs = Date.now();
    log = await append(log, index + 1, error);
    assert.equal(log.split('\n').length, index + 1);
    const last = parseErrors(log).at(-1);
    assert.deepEqual([last?.attempt, last?.error], [index + 1, Array.from(error).slice(0, 2_000).join('')]);
    assert(Math.abs((last?.atMs ?? 0) - startMs) < 60_000);
  }
  for (let attempt = 6; attempt < 30; attempt += 1) log = await append(log, attempt, 'x'.repeat(8_000));
  assert.equal(log?.length, 16_384);
  assert.deepEqual(
    parseErrors(log).map(({ attempt }) => attempt),
    [23, 24, 25, 26, 27, 28, 29],
  );
  const before = `${'y'.repeat(30_000)}\n${line(2, 'two')}`;
  assert.deepEqual(
    parseErrors(await append(before, 3, 'three')).map(({ attempt }) => attempt),
    [2, 3],
    'the log of a version that kept more is cut at the next failure',
  );
  assert.deepEqual(
    parseErrors(await append(null, 1, null)).map(({ error }) => error),
    [''],
  );
  const { rows } = await driver.query<{ readonly said: string }>({
    text: `SELECT ${leaseExpired('worker')} AS said FROM (VALUES ('w-1'), (NULL)) AS of (worker)`,
  });
  assert.deepEqual(
    rows.map(({ said }) => said),
    ['lease expired, held by w-1', 'lease expired, held by nobody'],
  );
});

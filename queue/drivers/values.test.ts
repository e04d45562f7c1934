// Do values mean the same over every driver, in both directions?

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type TestDatabase, testDatabase } from '../../testing/database.ts';
import { driverKinds } from '../conformance/drivers.ts';
import type { Database } from './driver.ts';

let database: TestDatabase;
before(async () => {
  database = await testDatabase();
});
after(() => database[Symbol.asyncDispose]());

async function valueIn(db: Database, text: string, values?: readonly unknown[]): Promise<unknown> {
  const { rows } = await db.query<{ readonly v: unknown }>({ text, ...(values && { values }) });
  return rows[0]?.v;
}

for (const { label, open: openDriver } of driverKinds) {
  const open = () => openDriver(database.settings);

  describe(`driver ${label}`, () => {
    test('values come back as the queue expects them', async () => {
      await using driver = open();
      const cases: readonly [text: string, expected: unknown][] = [
        ['9007199254740993::bigint', '9007199254740993'],
        ['7::integer', 7],
        ['1.5::float8', 1.5],
        ['1.10::numeric', '1.10'],
        ['true', true],
        ['NULL::text', null],
        [`'{"a": [1, null, "ü"]}'::jsonb`, { a: [1, null, 'ü'] }],
        [`'null'::json`, null],
        [`'\\x00ff'::bytea`, Buffer.from([0, 255])],
        [`'2026-01-02 03:04:05.678+00'::timestamptz`, new Date('2026-01-02T03:04:05.678Z')],
        [`ARRAY['a', NULL, 'NULL', '', 'x"\\y,{}', ' ü\n']`, ['a', null, 'NULL', '', 'x"\\y,{}', ' ü\n']],
        ['ARRAY[1, NULL]::bigint[]', ['1', null]],
        ['ARRAY[1, NULL]::smallint[]', [1, null]],
        [
          'ARRAY[ARRAY[1, 2], ARRAY[3, 4]]',
          [
            [1, 2],
            [3, 4],
          ],
        ],
        ["'[0:1]={1.5,-2e-7}'::float8[]", [1.5, -2e-7]],
        ["'{}'::text[]", []],
      ];
      for (const [text, expected] of cases)
        for (const values of [undefined, [1]])
          assert.deepEqual(
            await valueIn(driver, `SELECT ${text} AS v${values ? ' WHERE $1::integer = 1' : ''}`, values),
            expected,
            text,
          );
    });

    test('parameters arrive as what the statement says they are, named or not', async () => {
      await using driver = open();
      const at = '2026-01-02T03:04:05.678Z';
      const cases: readonly [type: string, value: unknown, text: string][] = [
        ['bigint', '9007199254740993', '9007199254740993'],
        ['smallint', 3, '3'],
        ['boolean', false, 'false'],
        ['boolean', true, 'true'],
        ['jsonb', '{"a": "text"}', '{"a": "text"}'],
        ['jsonb', '"text"', '"text"'],
        ['text', '{"a": "text"}', '{"a": "text"}'],
        ['text', 'ü☃😀\\"', 'ü☃😀\\"'],
        ['timestamptz', at, '2026-01-02 03:04:05.678+00'],
        ['timestamptz', '-infinity', '-infinity'],
        ['timestamptz', new Date(at), '2026-01-02 03:04:05.678+00'],
        ['text[]', ['a', null, 'NULL', '', 'x"\\y,{}', 'ü'], '{a,NULL,"NULL","","x\\"\\\\y,{}",ü}'],
        ['smallint[]', [1, null, -3], '{1,NULL,-3}'],
        ['bigint[]', ['9007199254740993', null], '{9007199254740993,NULL}'],
        ['float8[]', [null, 1.5, 1e-7], '{NULL,1.5,1e-07}'],
        ['timestamptz[]', [null, at], '{NULL,"2026-01-02 03:04:05.678+00"}'],
        ['boolean[]', [true, null, false], '{t,NULL,f}'],
        ['text[]', [], '{}'],
        ['bytea', Buffer.from([0, 255]), '\\x00ff'],
      ];
      await using session = await driver.connect('test');
      await session.query({ text: "SET timezone = 'UTC'" });
      for (const [type, value, text] of cases) {
        const sql = `SELECT $1::${type}::text AS v, $2::integer IS NULL AS nothing`;
        for (const name of [undefined, type]) {
          const { rows } = await session.query({ text: sql, values: [value, null], ...(name && { name }) });
          assert.deepEqual(rows, [{ v: text, nothing: true }], type);
        }
      }
    });
  });
}

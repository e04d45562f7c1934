// Does every text come out of COPY as it went in, over every driver?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { testDatabase } from '../../../testing/database.ts';
import { driverKinds } from '../../conformance/drivers.ts';
import { encodePayload } from '../../payload.ts';
import { copyField } from './copy-text.ts';

/** Well-formed texts without NUL, rich in what COPY has a meaning for. */
const text = fc.string({
  unit: fc.oneof(
    fc.constantFrom('\\', '\n', '\r', '\t', '\b', '\f', '\v', '.', 'N', 'n', 't', '"', ','),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }).filter((unit) => unit !== '\0'),
  ),
});

for (const kind of driverKinds) {
  test(`${kind.label}: texts and JSON come back as they were`, async (t) => {
    const { settings } = await testDatabase(t);
    await using driver = kind.open({ ...settings, max: 1 });
    await driver.query({ text: 'CREATE TABLE kept (place integer, name text, payload json)' });
    const rows = fc.array(fc.tuple(text, fc.jsonValue()), { maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(rows, async (given) => {
        const lines = given.map(([name, value], place) => {
          const payload = copyField(JSON.stringify(value));
          return `${place}\t${copyField(name)}\t${payload}\n`;
        });
        const kept = await driver.transaction(async (tx) => {
          assert(tx.copyIn);
          await tx.query({ text: 'TRUNCATE kept' });
          await tx.copyIn('COPY kept (place, name, payload) FROM STDIN', lines);
          return tx.query({ text: 'SELECT name, payload::text AS payload FROM kept ORDER BY place' });
        });
        assert.deepEqual(
          kept.rows,
          given.map(([name, value]) => ({ name, payload: JSON.stringify(value) })),
        );
      }),
      { numRuns: 60 },
    );
  });
}

test('what a payload may not hold never gets here', () => {
  for (const payload of ['\0', '\ud800', { '\udfff': 1 }])
    assert.throws(() => encodePayload(payload), { name: 'InvalidArgumentError' });
});

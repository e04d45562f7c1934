// Is a pooler found out, and does every statement find its way through it?

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { testDatabase } from '../../testing/database.ts';
import { poolerBinary, startPooler, withoutPooler } from '../../testing/pooler.ts';
import { driverKinds } from '../conformance/drivers.ts';
import { prepared } from '../sql.ts';

for (const { label, open } of driverKinds) {
  describe(`passage over ${label}`, { skip: withoutPooler }, () => {
    for (const size of [1, 2, 4])
      test(`transaction mode is found out with ${size} connections to the server`, async (t) => {
        const database = await testDatabase(t);
        await using pooler = await startPooler({ size });
        await using driver = open({ ...pooler.through(database), max: 2 });
        await using connection = await driver.connect('one');
        assert.equal(connection.pooler, 'transaction');
        await using another = await driver.connect('another');
        assert.equal(another.pooler, 'transaction');
        const { rows } = await driver.query({ text: `SELECT name, statement FROM pg_prepared_statements` });
        console.log(rows, poolerBinary());
        const one = prepared('SELECT $1::int AS x, pg_backend_pid() pid');
        for (let i = 0; i < 5; i++) {
          const r = await Promise.allSettled(
            [connection, another, driver, driver, driver].map((c) => c.query(one([i]))),
          );
          console.log(
            r
              .map((x) => (x.status === 'fulfilled' ? 'ok' : x.reason.code + ' ' + x.reason.message))
              .join('|'),
          );
        }
      });
    test('session mode is found out', async (t) => {
      const database = await testDatabase(t);
      await using pooler = await startPooler({ size: 4, mode: 'session' });
      await using driver = open({ ...pooler.through(database), max: 2 });
      await using connection = await driver.connect('one');
      assert.equal(connection.pooler, 'session');
    });
  });
}

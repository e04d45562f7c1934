// Is a driver refused whose options would send it to a server that nobody named?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pgDriver, postgresDriver } from '../index.ts';

const address = { host: 'localhost', port: 5432, user: 'u', password: 'p', database: 'd' };

for (const open of [pgDriver, postgresDriver]) {
  const refused = (options: unknown, message: RegExp) =>
    // What a caller without types may hand in.
    assert.throws(() => open(options as never), { name: 'InvalidArgumentError', message });

  test(`${open.name}: no address, and none that is empty or misspelt`, () => {
    for (const options of [{}, { port: 5432 }, { ...address, host: undefined }])
      refused(options, /neither connectionString nor host: give connectionString as postgres:/);
    refused({ connectionString: '' }, /^connectionString is empty: give postgres:/);
    refused({ connectionString: undefined }, /^connectionString is undefined: give postgres:/);
    refused({ ...address, connectionString: undefined }, /^connectionString is undefined/);
    refused(
      { conectionString: 'postgres://h/d' },
      /^a driver has no option conectionString: there are connec/,
    );
    refused(
      { connectionString: 'postgres://h/d', host: 'h' },
      /^host stands beside connectionString: write it/,
    );
    refused({ connectionString: 'postgres://h/d', ssl: true }, /^ssl stands beside connectionString/);
    for (const direct of [
      { ...address, pooler: 'none' },
      { ...address, max: 3 },
    ])
      refused({ ...address, direct }, /^direct has no option (pooler|max): there are connectionString, host/);
    refused({ ...address, host: '' }, /^host is empty: give the name of the server/);
    refused(undefined, /^the options of a driver is undefined/);
  });

  test(`${open.name}: what is out of range or of another kind`, async () => {
    for (const max of [0, 1001, 1.5, '8'])
      refused({ ...address, max }, /^max is (0|1001|1\.5|"8"): give a whole number in 1…1000$/);
    for (const connectTimeoutMs of [0, -1, '100', Number.NaN, 3_600_001])
      refused({ ...address, connectTimeoutMs }, /^connectTimeoutMs is .*: give a whole number in 1…3600000$/);
    for (const port of [0, 65_536, '5432', null])
      refused({ ...address, port }, /^port is (0|65536|"5432"|null): give a whole number in 1…65535$/);
    refused({ ...address, direct: { ...address, port: 0 } }, /^port is 0/);
    for (const hook of ['onStatement', 'onIdleError', 'onSession'])
      refused({ ...address, [hook]: true }, new RegExp(`^${hook} is true: give a function`));
    const settings = {
      max: 1000,
      connectTimeoutMs: 1,
      onStatement: () => undefined,
      onIdleError: () => undefined,
    };
    await open({ ...address, ...settings, direct: address })[Symbol.asyncDispose]();
  });

  test(`${open.name}: pipeline is true or false`, async () => {
    refused({ ...address, pipeline: 'off' }, /^pipeline is "off": give true or false/);
    for (const pipeline of [true, false]) await open({ ...address, pipeline })[Symbol.asyncDispose]();
  });
}

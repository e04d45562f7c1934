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
    for (const options of [{}, { conectionString: 'postgres://h/d' }, { ...address, host: undefined }])
      refused(options, /neither connectionString nor host: give connectionString as postgres:/);
    refused({ connectionString: '' }, /^connectionString is empty: give postgres:/);
    refused({ connectionString: undefined }, /^connectionString is undefined: give postgres:/);
    refused({ ...address, connectionString: undefined }, /^connectionString is undefined/);
    refused({ ...address, host: '' }, /^host is empty: give the name of the server/);
    refused(undefined, /^the options of a driver is undefined/);
  });

  test(`${open.name}: pipeline is true or false`, async () => {
    refused({ ...address, pipeline: 'off' }, /^pipeline is "off": give true or false/);
    for (const pipeline of [true, false]) await open({ ...address, pipeline })[Symbol.asyncDispose]();
  });
}

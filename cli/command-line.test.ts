// Is a run's command line kept without any password, and can the run be repeated from it?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UsageError } from '../harness/errors.ts';
import { parseServerAddress } from '../harness/server/server-address.ts';
import { withoutPasswords } from './command-line.ts';

const keep = (word: string): string => withoutPasswords([word], 1)[0] ?? '';

/** Whatever the server's address parser accepts, and finds a password in, must not be seen in what is kept. */
const ADDRESSES = [
  'postgres://user:SECRET@host:5432/db',
  'postgresql://user:SECRET@host/db?sslmode=require',
  'postgres://:SECRET@host/db',
  'postgres://user:SE%40CRET@host/db',
  'postgres://user:SE@CRET@host/db',
  'postgres://user:SE:CRET@host/db',
  'postgres://user@corp:SECRET@host:5432/db',
  'postgres://user@corp:SE@CRET@[::1]:5432/db',
  'postgres://user:SECRET@/db?host=/var/run/postgresql',
  'postgres://host/db?password=SECRET',
  'postgres://host:5432/db?user=me&password=SECRET&sslmode=disable',
  'postgres://host/db?password=other&password=SECRET',
  'postgres://host/db?pass%77ord=SECRET',
  'postgres://user:other@host/db?password=SECRET',
  'postgres://user:SECRET@host/db?application_name=a:b',
  'postgres://host:5432/db?user=a%40b&password=SECRET',
];

test('passwords are taken out in every form that an address may have', () => {
  for (const address of ADDRESSES) {
    const { password } = parseServerAddress(address).settings;
    assert.ok(password.replaceAll(/[:@]/g, '').includes('SECRET'), `${address} holds no password`);
    for (const word of [address, `--server=${address}`]) {
      const kept = keep(word);
      assert.doesNotMatch(kept, /SE|CRET|other/, `${word} was kept as ${kept}`);
    }
  }
});

test('what is left says where the run went: user, host, port, database, parameters', () => {
  assert.equal(
    keep('postgres://user:SECRET@host:5432/db?sslmode=require'),
    'postgres://user@host:5432/db?sslmode=require',
  );
  assert.equal(
    keep('postgres://host/db?password=SECRET&sslmode=require'),
    'postgres://host/db?password=…&sslmode=require',
  );
  for (const address of [
    'postgres://host:5432/db',
    'postgres://user@host:5432/db?sslmode=disable',
    'postgres://h/d?a=b:c@d',
  ])
    assert.equal(keep(address), address);
});

test('an address that is refused does not leak either', () => {
  for (const address of [
    'postgres://user:12/SECRET@host/x',
    'postgres://user:12#SECRET@host/x',
    'postgres://user:12?SECRET@host/x',
    'POSTGRES://user:SECRET@host/x',
    'postgres://host:1/x?password=12@SECRET',
  ]) {
    assert.throws(() => parseServerAddress(address), UsageError, address);
    assert.doesNotMatch(keep(address), /SECRET/, keep(address));
  }
});

test('other words stay as they are', () => {
  const words = ['run', '--contender', 'batch?batch=5&wakeup=poll', '--rate', '0.7 of drain', './a:b@c.ts'];
  assert.deepEqual(withoutPasswords(words, 7), [...words, '--seed', '7']);
});

test('a seed that was drawn is put in, one that was given stays', () => {
  assert.deepEqual(withoutPasswords(['run'], 9), ['run', '--seed', '9']);
  assert.deepEqual(withoutPasswords(['run', '--seed', '5'], 5), ['run', '--seed', '5']);
  assert.deepEqual(withoutPasswords(['run', '--seed=5'], 5), ['run', '--seed=5']);
});

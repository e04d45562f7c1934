// Does a server get what scenarios need, and is one that has less refused before anything is measured?

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { claimbench, temporaryFolder, testServer } from '../../testing/command.ts';
import { UsageError } from '../errors.ts';
import { readSettings } from '../measure/settings-in-force.ts';
import { startEmbedded } from '../server/embedded.ts';
import { openServer } from '../server/index.ts';
import { requireServerNeeds, serverNeedsOf, settingsWithNeeds } from './server-needs.ts';

const many = { name: 'many', serverNeeds: { max_connections: 300, max_prepared_transactions: 3 } };
const few = { name: 'few', serverNeeds: { max_connections: 120 } };
const none = { name: 'none', serverNeeds: {} };

test('the largest need of each setting counts, and names its scenario', () => {
  assert.deepEqual(serverNeedsOf([none]), []);
  assert.deepEqual(serverNeedsOf([few, many, none]), [
    { setting: 'max_connections', atLeast: 300, scenario: 'many' },
    { setting: 'max_prepared_transactions', atLeast: 3, scenario: 'many' },
  ]);
});

test('needs fill in what was not given, lower nothing, and leave what is enough', () => {
  const needs = serverNeedsOf([many]);
  assert.equal(settingsWithNeeds(undefined, []), undefined);
  assert.deepEqual(settingsWithNeeds(undefined, needs), {
    max_connections: '300',
    max_prepared_transactions: '3',
  });
  assert.deepEqual(settingsWithNeeds({ max_connections: '400', jit: 'on' }, needs), {
    max_connections: '400',
    jit: 'on',
    max_prepared_transactions: '3',
  });
  assert.equal(settingsWithNeeds(undefined, serverNeedsOf([few]))?.['max_connections'], '200');
});

test('a setting of the user that is too low is refused, with the mend', () => {
  assert.throws(
    () => settingsWithNeeds({ max_connections: '299' }, serverNeedsOf([many])),
    (error) =>
      error instanceof UsageError &&
      /^--setting max_connections=299: scenario many needs 300 at least; give as much/.test(error.message),
  );
});

test('a server that was started for them has what they need, and its settings say so', async () => {
  const settings = settingsWithNeeds(undefined, serverNeedsOf([many])) ?? {};
  await using server = await startEmbedded({ settings });
  await requireServerNeeds([many, few, none], server);
  await using database = await server.openDatabase('told');
  const told = await readSettings(database.connection, []);
  assert.equal(told['max_connections'], '300');
  assert.equal(told['max_prepared_transactions'], '3');
});

test('a server at an address is asked', async () => {
  await using server = await openServer(testServer());
  await requireServerNeeds([none, few], server);
  await assert.rejects(
    requireServerNeeds([few, many], server),
    (error) =>
      error instanceof UsageError &&
      /^scenario many needs max_connections of 300 at least, and the server \(.*\) has 200: set max_connections = 300/.test(
        error.message,
      ),
  );
});

test('the command refuses both before it measures', async (t) => {
  const file = join(temporaryFolder(t), 'needy.json');
  const scenario = {
    name: 'needy',
    question: 'Enough?',
    preload: { ready: 10 },
    phases: [{ label: 'a', seconds: 1 }],
  };
  writeFileSync(file, JSON.stringify({ ...scenario, serverNeeds: { max_connections: 500 } }));
  const words = ['run', '--scenario', file, '--contender', 'skip-locked', '--repeats', '1'];
  const out = ['--out', join(temporaryFolder(t), 'bundle')];
  const low = await claimbench(...words, '--setting', 'max_connections=100', ...out);
  assert.equal(low.code, 1, low.stderr);
  assert.match(low.stderr, /--setting max_connections=100: scenario needy needs 500 at least/);
  const asked = await claimbench(...words, '--server', testServer(), ...out);
  assert.equal(asked.code, 1, asked.stderr);
  assert.match(asked.stderr, /scenario needy needs max_connections of 500 at least/);
  assert.ok(!asked.stderr.includes(new URL(testServer()).password));
});

// Does a watch tell how statements are sent, which of them touch durability, and what a real session has in force?

import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { pgDriver, postgresDriver, wakeups } from '../../queue/index.ts';
import { testServer } from '../../testing/command.ts';
import { SessionWatch } from './session-watch.ts';

test('names are prepared, values alone extended, bare text simple; what controls a session is neither', () => {
  const watch = new SessionWatch();
  for (const statement of [
    { text: 'SELECT 1', name: 'a', values: [] },
    { text: 'SELECT 1', name: 'a' },
    { text: 'SELECT $1', values: [1] },
    { text: 'SELECT 2', values: [] },
    { text: 'BEGIN' },
    { text: 'COMMIT' },
    { text: 'LISTEN "x"' },
  ])
    assert.equal(watch.sent(statement, true), true);
  assert.deepEqual(watch.report().statements, { prepared: 2, extended: 1, simple: 1 });
  assert.equal(watch.sent({ text: 'SELECT /* claimbench fairness */ 1' }, true), false);
  assert.equal(watch.report().statements.simple, 1);
});

test('statements that name a setting of durability are kept, the queue’s own lone signal is not', async () => {
  const watch = new SessionWatch();
  const driver = { query: async (statement: { text: string }) => watch.sent(statement, true) };
  for (const wakeup of wakeups) {
    const signaller = wakeup.signaller({ driver: driver as never, schema: 's', onError: assert.ifError });
    await signaller.insideEnqueue?.(driver as never, ['q']);
    signaller.afterEnqueue?.(['q']);
    await signaller[Symbol.asyncDispose]();
  }
  assert.deepEqual(watch.report().suspicious, []);
  watch.sent({ text: 'SELECT 1 -- synchronous_commit = off' }, true);
  watch.sent({ text: 'SET LOCAL\n  synchronous_commit = off' }, false);
  assert.deepEqual(watch.report().suspicious, ['SET LOCAL synchronous_commit = off']);
});

for (const open of [pgDriver, postgresDriver])
  test(`${open.name}: a session is read back as it is, at its opening and its end, and a pool session by session`, async () => {
    const watch = new SessionWatch();
    const driver = open({
      connectionString: testServer(),
      max: 3,
      applicationName: 'session watch',
      onStatement: (statement) => watch.sent(statement, true),
    });
    after(() => driver[Symbol.asyncDispose]());
    const session = await driver.connect('test');
    await watch.read(session, 'opening');
    assert.deepEqual(watch.report().settings['synchronous_commit'], ['on']);
    await session.query({ text: 'SET synchronous_commit = off' });
    await session.query({ text: 'SELECT 1', name: 'one' });
    await watch.read(session, 'end');
    await watch.readPool(driver, 3, 'before the load');
    const report = watch.report();
    assert.deepEqual(report.settings, {
      synchronous_commit: ['off', 'on'],
      fsync: ['on'],
      full_page_writes: ['on'],
    });
    assert.equal(report.leastPrepared, 1);
    assert.equal(report.sessions, 4);
    assert.equal(report.ownCommits, 2, 'those before the load are not the load’s');
    assert.deepEqual(report.statements, { prepared: 1, extended: 0, simple: 0 });
    await session[Symbol.asyncDispose]();
    await watch.read(session, 'end');
    assert.equal(watch.report().ownCommits, 2, 'a session that is gone is not read, and throws nothing');
  });

// Is a contender found that is less durable than its server, however it went about it?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type DurabilityFacts, durabilityRow } from './durability.ts';

const ON = { synchronous_commit: 'on', fsync: 'on', full_page_writes: 'on' };
const SOUND: DurabilityFacts = {
  found: ON,
  sessions: { synchronous_commit: ['on'], fsync: ['on'], full_page_writes: ['on'] },
  unlogged: [],
  suspicious: [],
};
const verdict = (over: Partial<DurabilityFacts>) => durabilityRow({ ...SOUND, ...over }).verdict;

test('one session that was off once is enough, and stronger values are sound', () => {
  assert.equal(verdict({}), 'matches');
  assert.equal(verdict({ sessions: { ...SOUND.sessions, synchronous_commit: ['off', 'on'] } }), 'differs');
  assert.equal(verdict({ sessions: { ...SOUND.sessions, fsync: ['off'] } }), 'differs');
  assert.equal(
    verdict({ sessions: { ...SOUND.sessions, synchronous_commit: ['local', 'remote_apply'] } }),
    'matches',
  );
});

test('where commits wait for a standby, waiting for less than the server does differs', () => {
  const found = { ...ON, synchronous_standby_names: 'FIRST 1 (s1)' };
  const of = (value: string, server = 'on') =>
    verdict({
      found: { ...found, synchronous_commit: server },
      sessions: { ...SOUND.sessions, synchronous_commit: [value] },
    });
  for (const weaker of ['off', 'local', 'remote_write']) assert.equal(of(weaker), 'differs', weaker);
  for (const sound of ['on', 'remote_apply']) assert.equal(of(sound), 'matches', sound);
  assert.deepEqual([of('on', 'remote_apply'), of('local', 'local')], ['differs', 'matches']);
});

test('tables that a crash would empty are not durable', () => {
  const found = durabilityRow({ ...SOUND, unlogged: ['jobs'] });
  assert.equal(found.verdict, 'differs');
  assert.match(found.note ?? '', /UNLOGGED: jobs/);
});

test('statements that switch it off for their own transaction are found by their text', () => {
  for (const text of [
    'SET LOCAL synchronous_commit = off',
    'set local synchronous_commit TO OFF',
    "SET synchronous_commit='off'",
    "SELECT set_config('synchronous_commit', 'off', true)",
    'ALTER ROLE me SET synchronous_commit = false',
    'function claim: synchronous_commit = off; RETURN QUERY',
  ])
    assert.equal(verdict({ suspicious: [text] }), 'differs', text);
  for (const text of [
    'SET LOCAL synchronous_commit = on',
    "SELECT set_config('synchronous_commit', $1, true)",
  ]) {
    const found = durabilityRow({ ...SOUND, suspicious: [text] });
    assert.equal(found.verdict, 'matches', text);
    assert.match(found.note ?? '', /not judged/);
  }
});

test('what the owner of the server gave up is not the contender’s fault, all else still is', () => {
  const found = { ...ON, synchronous_commit: 'off' };
  const sessions = { ...SOUND.sessions, synchronous_commit: ['off'] };
  assert.equal(verdict({ found, sessions }), 'matches');
  assert.equal(durabilityRow({ ...SOUND, found, sessions }).declared, 'not durable, as the server');
  assert.equal(verdict({ found, sessions: { ...sessions, fsync: ['off'] } }), 'differs');
  assert.equal(verdict({ found, sessions, unlogged: ['jobs'] }), 'differs');
});

test('without a session that was read nothing is claimed; tables still tell', () => {
  assert.equal(verdict({ sessions: {} }), 'not observed');
  assert.equal(verdict({ sessions: {}, unlogged: ['jobs'] }), 'differs');
  assert.equal(verdict({ found: undefined }), 'not observed');
});

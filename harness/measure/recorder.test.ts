// Does the ledger say what a consumer said, at the instants at which it said it?

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Ledger, SETTLE } from './ledger.ts';
import { LedgerWriter, RECORD_BYTES, SETTLE_KINDS } from './ledger-writer.ts';
import { newCounters, recordingEvents } from './recorder.ts';

function recording(t: TestContext) {
  const path = mkdtempSync(join(tmpdir(), 'claimbench-recorder-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  const file = join(path, 'ledger');
  const writer = new LedgerWriter(file);
  const clock = { us: 0 };
  const counters = newCounters();
  const errors: unknown[] = [];
  const events = recordingEvents(
    writer,
    counters,
    () => clock.us,
    (error) => errors.push(error),
  );
  const read = (size: number): Ledger => {
    writer[Symbol.dispose]();
    const ledger = new Ledger(size, size, 0);
    ledger.readFile(file, 0);
    return ledger;
  };
  return { events, clock, counters, errors, read, onDisk: () => statSync(file).size / RECORD_BYTES };
}

test('a claim and its settle carry the instants of request, answer, sending and answer', (t) => {
  const { events, clock, counters, read } = recording(t);
  clock.us = 120;
  events.claimed(3, 100, [0, 1], [1, 4]);
  clock.us = 150;
  const number = events.settling(3, [0, 1], ['ack', 'dead-letter']);
  clock.us = 170;
  events.settled(3, number, []);
  const ledger = read(2);
  assert.deepEqual(ledger.claimsOf(1), [
    { agent: 0, claimer: 3, attempt: 4, requestedUs: 100, answeredUs: 120 },
  ]);
  assert.deepEqual(
    [0, 1].flatMap((key) => ledger.settlesOf(key)).map((s) => [SETTLE_KINDS[s.kind], s.sentUs, s.answeredUs]),
    [
      ['ack', 150, 170],
      ['dead-letter', 150, 170],
    ],
  );
  assert.equal(counters.claims, 1);
  assert.equal(counters.claimedJobs, 2);
  assert.equal(counters.finished, 2);
});

test('a claim is on disk before it is worked on, a settle before it is sent', (t) => {
  const { events, onDisk } = recording(t);
  events.claimed(0, 0, [0, 1], [1, 1]);
  assert.equal(onDisk(), 2);
  events.settling(0, [0, 1], ['ack', 'ack']);
  assert.equal(onDisk(), 4);
});

test('each key of a settle has its own outcome: stale ones are stale, the others took effect', (t) => {
  const { events, counters, read } = recording(t);
  events.claimed(0, 0, [0, 1, 2], [1, 1, 1]);
  const number = events.settling(0, [0, 1, 2], ['ack', 'ack', 'retry']);
  events.settled(0, number, [1]);
  assert.deepEqual([...read(3).settleState], [SETTLE.effective, SETTLE.stale, SETTLE.effective]);
  assert.equal(counters.staleSettles, 1);
  assert.equal(counters.finished, 1, 'neither a retry nor a stale ack is finished');
});

test('a session that broke is on disk at once, by its claimer, and books no job', (t) => {
  const { events, clock, counters, read, onDisk } = recording(t);
  clock.us = 77;
  events.sessionLost(4_099);
  assert.equal(onDisk(), 1);
  events.claimed(3, 100, [0], [1]);
  const ledger = read(1);
  assert.deepEqual([...ledger.lostSessions], [4_099]);
  assert.deepEqual(ledger.claimsOf(0).length, 1);
  assert.deepEqual(counters, { ...newCounters(), claims: 1, claimedJobs: 1 });
});

test('jobs beyond what a claim asked for are counted', (t) => {
  const { events, counters, onDisk } = recording(t);
  events.overClaimed(0, 2);
  events.overClaimed(1, 3);
  assert.deepEqual(counters, { ...newCounters(), overClaimed: 5 });
  assert.equal(onDisk(), 0);
});

test('settles under way at once are answered each by its own number', (t) => {
  const { events, clock, read } = recording(t);
  events.claimed(0, 0, [0], [1]);
  events.claimed(1, 0, [1], [1]);
  const first = events.settling(0, [0], ['ack']);
  const second = events.settling(1, [1], ['ack']);
  clock.us = 10;
  events.settled(1, second, []);
  clock.us = 20;
  events.settled(0, first, [0]);
  const ledger = read(2);
  assert.deepEqual([...ledger.settledUs], [20, 10]);
  assert.deepEqual([...ledger.settleState], [SETTLE.stale, SETTLE.effective]);
});

test('of empty claims that prove something one in 100 ms is kept, and each is counted', (t) => {
  const { events, clock, counters, read } = recording(t);
  for (clock.us = 0; clock.us < 1e6; clock.us += 1_000) events.emptyClaim(0, clock.us);
  const kept = read(1).emptyClaims.map((c) => c.requestedUs);
  assert.deepEqual(
    kept,
    Array.from({ length: 10 }, (_, i) => i * 100_000),
  );
  assert.equal(counters.emptyClaims, 1_000);
});

test('a settle that failed is unknown, counts as no job finished, and its error is heard', (t) => {
  const { events, counters, errors, read } = recording(t);
  const boom = new Error('boom');
  events.claimed(0, 0, [0], [1]);
  events.settleFailed(0, events.settling(0, [0], ['ack']), boom);
  events.emptyClaim(0);
  events.error(boom);
  assert.deepEqual([...read(1).settleState], [SETTLE.unknown]);
  assert.deepEqual(counters, {
    ...newCounters(),
    claims: 1,
    claimedJobs: 1,
    emptyClaims: 1,
    failedSettles: 1,
    errors: 1,
  });
  assert.deepEqual(errors, [boom, boom]);
});

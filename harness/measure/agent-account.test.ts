// Does an agent's ledger know what its recorder counted, and when its clock went back?

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { temporaryFolder } from '../../testing/command.ts';
import { COUNTED } from './agent-account.ts';
import { Ledger } from './ledger.ts';
import { LedgerWriter, RECORD } from './ledger-writer.ts';
import { newCounters, recordingEvents } from './recorder.ts';

function recording(t: TestContext) {
  const file = join(temporaryFolder(t), 'ledger');
  const writer = new LedgerWriter(file);
  const clock = { us: 1_000 };
  const counters = newCounters();
  const tick = (): number => {
    clock.us += 1;
    return clock.us;
  };
  const events = recordingEvents(writer, counters, tick, () => undefined);
  const read = (): Ledger => {
    writer[Symbol.dispose]();
    const ledger = new Ledger(100, 100, 0);
    ledger.readFile(file, 7);
    return ledger;
  };
  return { events, clock, counters, writer, read };
}

test('every count of the recorder is found again in the file, foreign keys and settles without an answer included', (t) => {
  const { events, counters, writer, read } = recording(t);
  const answers = ['enqueued', 'enqueueFailed', 'enqueueFailed', 'rejected', 'rolledBack'] as const;
  for (let key = 0; key < 6; key += 1) {
    writer.append(RECORD.enqueueSent, 0, 0, key, 0, 500 + key, 0);
    counters.sent += 1;
    const answer = answers[key];
    if (answer === undefined) continue;
    writer.append(RECORD.enqueueDone, key, 0, key, 500.5 + key, 0, 0);
    counters[answer] += 1;
  }
  events.claimed(1, 900, [0, 1, 2, 4_000_000_000], [1, 1, 1, 1]);
  events.claimed(2, 901, [3], [1]);
  events.claimed(2, 905, [4], [1]);
  events.overClaimed(1, 3);
  events.extended(2, 906, [3, 4]);
  events.emptyClaim(1, 950);
  events.emptyClaim(1);
  const first = events.settling(1, [0, 1, 2], ['ack', 'dead-letter', 'retry']);
  const second = events.settling(2, [3, 4], ['ack', 'ack']);
  events.settled(2, second, [4]);
  events.settled(1, first, []);
  events.settleFailed(1, events.settling(1, [5], ['ack']), new Error('gone'));
  events.settling(1, [6], ['ack']);
  const ledger = read();
  const [account] = ledger.accounts;
  assert.equal(account?.agent, 7);
  for (const name of COUNTED) {
    assert.ok(counters[name] > 0, `${name} was not tried`);
    assert.equal(account.counts[name], counters[name], name);
  }
  assert.equal(account.clockBackUs, 0);
  assert.equal(ledger.overClaims, 3);
  assert.deepEqual(
    ledger.emptyClaims.map((c) => c.requestedUs),
    [950],
    'only what proves that nothing was ready',
  );
});

test('a clock that goes back, even between two kinds of records, is told by its largest step', (t) => {
  const { events, clock, read } = recording(t);
  events.claimed(1, 1_000, [0], [1]);
  clock.us -= 100;
  const number = events.settling(1, [0], ['ack']);
  clock.us -= 40;
  events.settled(1, number, [0]);
  events.sessionLost(1);
  assert.equal(read().accounts[0]?.clockBackUs, 99);
});

// Is what happened to every job read back from the files, even from those of a process that was killed?

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { appendFileSync, mkdtempSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Claim, ENQUEUE, Ledger, SETTLE, type Settle } from './ledger.ts';
import { LedgerWriter, RECORD, RECORD_BYTES, SETTLE_KINDS } from './ledger-writer.ts';

const [ACK, RETRY, DEAD] = SETTLE_KINDS.map((_, i) => i);

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'claimbench-ledger-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

function written(path: string, write: (ledger: LedgerWriter) => void): string {
  using ledger = new LedgerWriter(path);
  write(ledger);
  return path;
}

function claim(answeredUs: number, over: Partial<Claim> = {}): Claim {
  return { agent: 1, claimer: 0, attempt: 1, requestedUs: answeredUs - 5, answeredUs, ...over };
}

function settle(sentUs: number, over: Partial<Settle> = {}): Settle {
  return {
    agent: 1,
    claimer: 0,
    kind: ACK ?? 0,
    sentUs,
    state: SETTLE.effective,
    answeredUs: sentUs + 5,
    ...over,
  };
}

test('every field of every kind of record survives the file', (t) => {
  const path = written(join(folder(t), 'a'), (w) => {
    w.append(RECORD.enqueueSent, 0, 0, 3, 1_000_000.25, 1_000_010.5, 0);
    w.append(RECORD.enqueueDone, 0, 0, 3, 1_000_500.75, 0, 0);
    w.append(RECORD.enqueueSent, 0, 0, 4, 2, 3, 4_000_000_000);
    w.append(RECORD.enqueueDone, 1, 0, 4, 5, 3.5, 0);
    w.append(RECORD.enqueueSent, 0, 0, 5, 2, 3, 0);
    w.append(RECORD.enqueueDone, 2, 0, 5, 5, 0, 0);
    w.append(RECORD.enqueueSent, 0, 0, 6, 2, 3, 0);
    w.append(RECORD.claimed, 0, 1023, 3, 1_000_600, 1_000_700.125, 7);
    w.append(RECORD.settling, DEAD ?? 0, 1023, 3, 1_000_800, 0, 4_000_000_000);
    w.append(RECORD.settled, 0, 1023, 0, 1_000_900, 0, 4_000_000_000);
  });
  const ledger = new Ledger(8, 2, 77);
  ledger.readFile(path, 12);
  assert.deepEqual([...ledger.enqueueState], [2, 2, 0, 2, 3, 1, 1, 0]);
  assert.deepEqual(
    [ENQUEUE.notSent, ENQUEUE.sent, ENQUEUE.confirmed, ENQUEUE.refused],
    [0, 1, 2, 3],
    'the states of the line above',
  );
  assert.deepEqual([...ledger.intendedUs.slice(0, 4)], [77, 77, Number.NaN, 1_000_000.25]);
  assert.equal(ledger.sentUs[3], 1_000_010.5);
  assert.equal(ledger.sentUs[4], 3.5, 'when it was really sent, where the answer says so');
  assert.deepEqual([ledger.isDelayed(3), ledger.eligibleUs(3)], [false, 1_000_000.25]);
  assert.deepEqual([ledger.isDelayed(4), ledger.eligibleUs(4)], [true, 4_000_000_002]);
  assert.equal(ledger.enqueuedUs[3], 1_000_500.75);
  assert.ok(Number.isNaN(ledger.enqueuedUs[6]), 'no answer is no instant');
  assert.deepEqual(ledger.claimsOf(3), [
    { agent: 12, claimer: 1023, attempt: 7, requestedUs: 1_000_600, answeredUs: 1_000_700.125 },
  ]);
  assert.deepEqual(ledger.settlesOf(3), [
    {
      agent: 12,
      claimer: 1023,
      kind: DEAD,
      sentUs: 1_000_800,
      state: SETTLE.effective,
      answeredUs: 1_000_900,
    },
  ]);
  assert.deepEqual([...ledger.claimsOf(4), ...ledger.settlesOf(4)], []);
  assert.equal(ledger.histories.size, 0);
});

test('a file is never written over', (t) => {
  const path = written(join(folder(t), 'a'), () => undefined);
  assert.throws(() => new LedgerWriter(path), { code: 'EEXIST' });
});

test('more records than the buffer holds arrive in order, none lost', (t) => {
  const n = 100_001;
  const path = written(join(folder(t), 'a'), (w) => {
    for (let key = 0; key < n; key += 1) w.append(RECORD.claimed, 0, key % 8, key, key, key + 0.5, 1);
  });
  assert.equal(statSync(path).size, n * RECORD_BYTES);
  const ledger = new Ledger(n, n, 0);
  ledger.readFile(path, 0);
  assert.ok(
    ledger.claimedUs.every(
      (us, key) =>
        us === key + 0.5 && ledger.claimer[key] === key % 8 && ledger.claimSequence[key] === key + 1,
    ),
  );
});

test('a torn last record is left out, whatever was torn off; all before it count', (t) => {
  const path = written(join(folder(t), 'a'), (w) => {
    for (let key = 0; key < 3; key += 1) w.append(RECORD.claimed, 0, 0, key, 1, 2, 1);
  });
  for (let bytes = 3 * RECORD_BYTES - 1; bytes >= 2 * RECORD_BYTES; bytes -= 1) {
    truncateSync(path, bytes);
    const ledger = new Ledger(3, 3, 0);
    ledger.readFile(path, 0);
    assert.deepEqual(
      [...ledger.claimedUs].map((us) => !Number.isNaN(us)),
      [true, true, false],
      `${bytes} bytes`,
    );
  }
  truncateSync(path, 0);
  new Ledger(3, 3, 0).readFile(path, 0);
  appendFileSync(path, Buffer.alloc(RECORD_BYTES - 1, 3));
  new Ledger(3, 3, 0).readFile(path, 0);
});

test('a settle that was announced and never answered is unknown, and so is one that failed', (t) => {
  const path = written(join(folder(t), 'a'), (w) => {
    for (let key = 0; key < 4; key += 1) w.append(RECORD.claimed, 0, 0, key, 1, 2, 1);
    w.append(RECORD.settling, ACK ?? 0, 0, 0, 10, 0, 1);
    w.append(RECORD.settling, ACK ?? 0, 0, 1, 10, 0, 1);
    w.append(RECORD.settling, RETRY ?? 0, 0, 2, 11, 0, 2);
    w.append(RECORD.stale, 0, 0, 1, 0, 0, 1);
    w.append(RECORD.settled, 0, 0, 0, 20, 0, 1);
    w.append(RECORD.settled, 1, 0, 0, 21, 0, 2);
    w.append(RECORD.settling, ACK ?? 0, 0, 3, 12, 0, 3);
  });
  const ledger = new Ledger(4, 4, 0);
  ledger.readFile(path, 0);
  assert.deepEqual([...ledger.settleState], [SETTLE.effective, SETTLE.stale, SETTLE.unknown, SETTLE.unknown]);
  assert.equal(ledger.settledUs[2], 21);
  assert.ok(Number.isNaN(ledger.settledUs[3]));
  assert.equal(ledger.settleKind[2], RETRY);
});

test('settles of like number from two agents are not mixed up', (t) => {
  const at = folder(t);
  const ledger = new Ledger(2, 2, 0);
  for (const agent of [0, 1]) {
    const path = written(join(at, `${agent}`), (w) => {
      w.append(RECORD.claimed, 0, agent, agent, 1, 2, 1);
      w.append(RECORD.settling, ACK ?? 0, agent, agent, 10, 0, 1);
      if (agent === 1) w.append(RECORD.settled, 0, agent, 0, 20, 0, 1);
    });
    ledger.readFile(path, agent);
  }
  assert.deepEqual([...ledger.settleState], [SETTLE.unknown, SETTLE.effective]);
});

test('a job claimed and settled several times has all of it, in the order of time, in whatever order files are read', () => {
  for (const order of [
    [0, 1, 2],
    [2, 1, 0],
    [1, 2, 0],
  ]) {
    const ledger = new Ledger(1, 1, 0);
    for (const i of order) {
      ledger.addClaim(0, claim(100 * (i + 1), { agent: i, claimer: i, attempt: i + 1 }), 1);
      ledger.addSettle(0, settle(100 * (i + 1) + 50, { agent: i, claimer: i }));
    }
    const said = `read in the order ${order}`;
    assert.deepEqual(
      ledger.claimsOf(0).map((c) => [c.agent, c.answeredUs]),
      [
        [0, 100],
        [1, 200],
        [2, 300],
      ],
      said,
    );
    assert.deepEqual(
      ledger.settlesOf(0).map((s) => s.sentUs),
      [150, 250, 350],
      said,
    );
    // The columns hold the first of each: pickup ends with the first claim, not with that of the file read first.
    assert.deepEqual(
      [ledger.claimedUs[0], ledger.claimer[0], ledger.claimAgent[0], ledger.attempt[0]],
      [100, 0, 0, 1],
      said,
    );
    assert.deepEqual([ledger.settleSentUs[0], ledger.settleClaimer[0]], [150, 0], said);
  }
});

test('several settles of a job that was never seen claimed are kept too', () => {
  const ledger = new Ledger(1, 1, 0);
  ledger.addSettle(0, settle(10));
  ledger.addSettle(0, settle(20));
  ledger.addClaim(0, claim(5), 1);
  assert.equal(ledger.settlesOf(0).length, 2);
  assert.equal(ledger.claimsOf(0).length, 1);
});

test('keys that were never offered are set aside', (t) => {
  const path = written(join(folder(t), 'a'), (w) => {
    w.append(RECORD.claimed, 0, 0, 5, 1, 2, 1);
    w.append(RECORD.claimed, 0, 0, 0xffff_ffff, 1, 2, 1);
  });
  const ledger = new Ledger(5, 5, 0);
  ledger.readFile(path, 0);
  assert.deepEqual([...ledger.foreignKeys], [5, 0xffff_ffff]);
});

test('lost sessions of all agents are read back by their claimers, and are no records of a job', (t) => {
  const at = folder(t);
  // Of no jobs at all: a session's record has no key that could be taken for a foreign one.
  const ledger = new Ledger(0, 0, 0);
  for (const [agent, claimers] of [[1, 2], [65_535]].entries()) {
    const path = written(join(at, `${agent}`), (w) => {
      for (const claimer of claimers) w.append(RECORD.sessionLost, 0, claimer, 0, 1_000.5, 0, 0);
    });
    ledger.readFile(path, agent);
  }
  assert.deepEqual([...ledger.lostSessions], [1, 2, 65_535]);
  assert.equal(ledger.foreignKeys.size, 0);
  assert.deepEqual([...new Ledger(1, 1, 0).lostSessions], []);
});

test('what an agent had flushed when SIGKILL took it is read', (t) => {
  const path = join(folder(t), 'killed');
  const script = `
    import { LedgerWriter } from ${JSON.stringify(new URL('./ledger-writer.ts', import.meta.url).href)};
    import { newCounters, recordingEvents } from ${JSON.stringify(new URL('./recorder.ts', import.meta.url).href)};
    let clock = 0;
    const events = recordingEvents(new LedgerWriter(${JSON.stringify(path)}), newCounters(), () => ++clock, () => {});
    const keys = [0, 1, 2];
    events.claimed(0, 0, keys, [1, 1, 1]);
    const number = events.settling(0, [0], ['ack']);
    events.settled(0, number, []);
    events.settling(0, [1], ['ack']);
    events.sessionLost(6);
    process.kill(process.pid, 'SIGKILL');
    setInterval(() => {}, 1000);
  `;
  const child = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    encoding: 'utf8',
  });
  assert.equal(child.signal, 'SIGKILL', child.stderr);
  const ledger = new Ledger(3, 3, 0);
  ledger.readFile(path, 0);
  assert.deepEqual([...ledger.claimedUs], [1, 1, 1], 'every hand-out, before any is worked on');
  assert.deepEqual(
    [...ledger.settleState],
    [SETTLE.effective, SETTLE.unknown, SETTLE.none],
    'a settle that left is known, though its answer is not',
  );
  assert.deepEqual([...ledger.lostSessions], [6]);
});

const JOBS = 1_000_000;
const MB = 1e6;

test('a million jobs, enqueued, claimed and settled: read in seconds, within 200 MB', (t) => {
  const at = folder(t);
  const produced = written(join(at, 'producer'), (w) => {
    for (let key = 0; key < JOBS; key += 1) {
      w.append(RECORD.enqueueSent, 0, 0, key, key, key + 1, 0);
      w.append(RECORD.enqueueDone, 0, 0, key, key + 2, 0, 0);
    }
  });
  const worked = [1, 2].map((agent) =>
    written(join(at, `worker-${agent}`), (w) => {
      for (let first = agent - 1; first < JOBS; first += 200) {
        const keys = Array.from({ length: 100 }, (_, i) => first + 2 * i);
        for (const key of keys) w.append(RECORD.claimed, 0, agent, key, key + 3, key + 4, 1);
        for (const key of keys) w.append(RECORD.settling, ACK ?? 0, agent, key, key + 5, 0, first);
        w.append(RECORD.settled, 0, agent, 0, first + 600, 0, first);
      }
    }),
  );
  // In a process of its own: what was resident before does not count, and its peak is the reading's alone.
  const script = `
    import { Ledger } from ${JSON.stringify(new URL('./ledger.ts', import.meta.url).href)};
    const before = process.resourceUsage().maxRSS * 1024;
    const startMs = performance.now();
    const ledger = new Ledger(${JOBS}, 0, 0);
    ${JSON.stringify([produced, ...worked])}.forEach((path, agent) => ledger.readFile(path, agent));
    const elapsedMs = performance.now() - startMs;
    const columns = Object.values(ledger).filter(ArrayBuffer.isView).reduce((n, c) => n + c.byteLength, 0);
    const settled = ledger.settleState.reduce((n, s) => n + (s === 2 ? 1 : 0), 0);
    const confirmed = ledger.enqueueState.reduce((n, s) => n + (s === 2 ? 1 : 0), 0);
    const grown = process.resourceUsage().maxRSS * 1024 - before;
    console.log(JSON.stringify({ grown, elapsedMs, columns, settled, confirmed, histories: ledger.histories.size }));
  `;
  const child = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    encoding: 'utf8',
  });
  assert.equal(child.status, 0, child.stderr);
  const found: Record<string, number> = JSON.parse(child.stdout);
  const said = child.stdout;
  assert.equal(found['settled'], JOBS, said);
  assert.equal(found['confirmed'], JOBS, said);
  assert.equal(found['histories'], 0, said);
  assert.equal(found['columns'], 71 * JOBS, said);
  assert.ok((found['grown'] ?? Number.NaN) < 200 * MB, said);
  assert.ok((found['elapsedMs'] ?? Number.NaN) < 5_000, said);
  t.diagnostic(said.trim());
});

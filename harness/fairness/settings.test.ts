// Is a setting that runs otherwise than declared found, and nobody accused who is as he says?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FairnessRow, FairnessSetting } from '../result/result.ts';
import type { ClaimReport } from './claim-habits.ts';
import { type DeclaredFacts, fairnessRows, type ObservedFacts } from './settings.ts';

const DECLARED: DeclaredFacts = {
  batch: 100,
  workerAgents: 1,
  workerSessions: 8,
  producerSessions: 4,
  supportSessionsPerAgent: 3,
  pollMs: 100,
  signalled: false,
  statementMode: 'prepared',
};

const CLAIMS: ClaimReport = {
  claims: 1_000,
  jobs: 99_000,
  maxJobs: 100,
  asked: { claims: 1_000, jobs: 100_000, max: 100 },
  emptyClaims: 0,
  quietGapsUs: [],
};

const OBSERVED: ObservedFacts = {
  drain: true,
  seconds: 10,
  enqueued: 0,
  poolWaitShare: 0,
  claims: CLAIMS,
  sessions: { worker: 8, producer: 4, support: 2, unknown: [] },
  workerSessionsOpened: 8,
  durability: {
    found: { synchronous_commit: 'on', fsync: 'on', full_page_writes: 'on' },
    sessions: { synchronous_commit: ['on'], fsync: ['on'], full_page_writes: ['on'] },
    unlogged: [],
    suspicious: [],
  },
  statements: { sent: { prepared: 995, extended: 4, simple: 1 }, leastPrepared: 3 },
};

function row(
  setting: FairnessSetting,
  observed: Partial<ObservedFacts> = {},
  declared: Partial<DeclaredFacts> = {},
): FairnessRow {
  const rows = fairnessRows({ ...DECLARED, ...declared }, { ...OBSERVED, ...observed });
  const found = rows.find((one) => one.setting === setting);
  assert.ok(found, setting);
  return found;
}

function claims(over: Partial<ClaimReport>): Partial<ObservedFacts> {
  return { claims: { ...CLAIMS, ...over } };
}

test('a contender that runs as declared differs nowhere', () => {
  const rows = fairnessRows(DECLARED, OBSERVED);
  assert.deepEqual(
    rows.map((one) => [one.setting, one.verdict]),
    [
      ['batch', 'matches'],
      ['connections', 'matches'],
      ['producerConnections', 'matches'],
      ['otherConnections', 'matches'],
      ['pollMs', 'not observed'],
      ['durability', 'matches'],
      ['statementMode', 'matches'],
    ],
  );
  for (const one of rows) assert.equal(one.effective === undefined, one.why !== undefined, one.setting);
});

test('a declared batch of 100 that runs at 1 differs in a drain, and is not judged where nothing waited', () => {
  const single = claims({ jobs: 1_000, maxJobs: 1 });
  const found = row('batch', single);
  assert.equal(found.verdict, 'differs');
  assert.equal(found.effective, 1);
  assert.equal(row('batch', { ...single, drain: false }).verdict, 'not observed');
  assert.equal(row('batch', claims({ claims: 3, jobs: 3 })).verdict, 'not observed');
});

test('a prefetch that asks for what fits is held to what it asked for', () => {
  const topUps = { claims: 1_000, jobs: 30_000, max: 100 };
  assert.equal(row('batch', claims({ jobs: 29_000, asked: topUps })).verdict, 'matches');
  assert.equal(
    row('batch', claims({ jobs: 12_000, asked: topUps })).verdict,
    'differs',
    'half of it missing',
  );
  const ones = { claims: 1_000, jobs: 1_000, max: 100 };
  assert.equal(
    row('batch', claims({ jobs: 1_000, asked: ones })).verdict,
    'differs',
    'one by one is no batch',
  );
  const never = { claims: 1_000, jobs: 50_000, max: 50 };
  assert.equal(row('batch', claims({ jobs: 50_000, maxJobs: 50, asked: never })).verdict, 'differs');
});

test('where claims do not tell what they asked for, half of the declared batch is the limit', () => {
  const asked = { claims: 0, jobs: 0, max: 0 };
  assert.equal(row('batch', claims({ jobs: 51_000, asked })).verdict, 'matches');
  assert.equal(row('batch', claims({ jobs: 49_000, asked })).verdict, 'differs');
});

test('claims of more than declared differ, under whatever load', () => {
  const more = claims({ jobs: 10_000, maxJobs: 10, asked: { claims: 1_000, jobs: 10_000, max: 10 } });
  for (const drain of [true, false])
    assert.equal(row('batch', { ...more, drain }, { batch: 1 }).verdict, 'differs');
});

test('sessions: as many workers as declared, spare producers may go, nobody else may come', () => {
  const seen = { worker: 8, producer: 4, support: 2, unknown: [] };
  const of = (setting: FairnessSetting, over: object, observed: Partial<ObservedFacts> = {}) =>
    row(setting, { sessions: { ...seen, ...over }, ...observed }).verdict;
  assert.equal(of('connections', { worker: 16 }), 'differs');
  assert.equal(of('connections', { worker: 3 }, { workerSessionsOpened: 3 }), 'differs');
  assert.equal(of('connections', { worker: 3 }), 'not observed', 'they were open, and closing when counted');
  assert.equal(of('producerConnections', { producer: 2 }), 'matches');
  assert.equal(of('producerConnections', { producer: 2 }, { poolWaitShare: 0.2 }), 'differs');
  assert.equal(of('producerConnections', { producer: 5 }), 'differs');
  assert.equal(of('otherConnections', { support: 4 }), 'differs');
  assert.equal(
    of('otherConnections', { support: 0, unknown: [{ name: 'my pool', sessions: 1 }] }),
    'differs',
  );
  assert.equal(row('otherConnections', {}, { supportSessionsPerAgent: undefined }).verdict, 'not declared');
});

const every = (ms: number) => Array.from({ length: 50 }, () => ms * 1000);

test('polling: slower is no mismatch, more empty claims than polls and wake-ups explain are', () => {
  const idle = (ms: number) =>
    claims({ claims: 0, jobs: 0, emptyClaims: (8 * 10_000) / ms, quietGapsUs: every(ms) });
  assert.equal(row('pollMs', idle(100)).verdict, 'matches');
  assert.equal(row('pollMs', idle(100)).effective, 100);
  assert.equal(row('pollMs', idle(500)).verdict, 'matches');
  assert.equal(row('pollMs', idle(20)).verdict, 'differs');
  assert.equal(row('pollMs', idle(20)).effective, 20);
  assert.equal(row('pollMs', idle(20), { pollMs: undefined }).verdict, 'not declared');
});

test('polling: what signals and full batches may have woken accuses nobody', () => {
  const woken = claims({ claims: 4_000, jobs: 4_000, emptyClaims: 4_500, quietGapsUs: every(2) });
  assert.equal(row('pollMs', woken).verdict, 'not observed');
  const signals = { ...claims({ claims: 500, jobs: 500, emptyClaims: 3_000 }), enqueued: 500 };
  assert.equal(row('pollMs', signals).verdict, 'differs');
  assert.equal(row('pollMs', signals, { signalled: true }).verdict, 'not observed');
});

test('statements: the mode that nine of ten were sent in, and the server has the last word', () => {
  const sent = (prepared: number, extended: number, simple: number, leastPrepared = 3) =>
    row('statementMode', { statements: { sent: { prepared, extended, simple }, leastPrepared } });
  assert.equal(sent(900, 90, 10).verdict, 'matches');
  assert.deepEqual([sent(0, 990, 10).verdict, sent(0, 990, 10).effective], ['differs', 'extended']);
  assert.deepEqual([sent(500, 0, 500).verdict, sent(500, 0, 500).effective], ['differs', 'mixed']);
  assert.equal(sent(1_000, 0, 0, 0).verdict, 'differs', 'named, and yet the server kept none');
  assert.equal(sent(99, 50, 50).verdict, 'not observed', 'too few to tell a habit');
  assert.equal(row('statementMode', {}, { statementMode: undefined }).verdict, 'not declared');
});

test('what could not be observed says why, and is no mismatch', () => {
  const rows = fairnessRows(DECLARED, {
    ...OBSERVED,
    claims: 'killed',
    sessions: 'no database',
    statements: 'hidden',
    durability: { ...OBSERVED.durability, found: undefined },
  });
  for (const one of rows) assert.ok(one.verdict === 'not observed' && one.why !== undefined, one.setting);
});

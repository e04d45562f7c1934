// Is an agent believed when its report, its ledger and its clock agree, and not otherwise?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClockReading } from '../load/clock-reading.ts';
import { type AgentAccount, COUNTED } from '../measure/agent-account.ts';
import { type AgentCounters, newCounters } from '../measure/recorder.ts';
import { type AuditedAgent, agentProblems, clocksDisagree, worstClock } from './agent-audit.ts';
import { LIMITS } from './generator-limits.ts';

const COUNTS: AgentCounters = { ...newCounters(), claims: 5, claimedJobs: 50, finished: 49, staleSettles: 1 };

function agent(over: Partial<AuditedAgent> = {}): AuditedAgent {
  const report = { counters: COUNTS, errors: [] } as unknown as AuditedAgent['report'];
  return { agent: 2, role: 'worker', report, live: COUNTS, clock: [], ...over };
}

function account(over: Partial<AgentCounters> = {}, clockBackUs = 0): AgentAccount {
  return { agent: 2, counts: { ...COUNTS, ...over }, clockBackUs };
}

const problems = (of: AuditedAgent, found: AgentAccount): string =>
  agentProblems([of], [found], LIMITS.clockOffsetUs).join('\n');

test('counts that agree are believed; each that does not is named with both', () => {
  assert.equal(problems(agent(), account()), '');
  for (const name of COUNTED) {
    assert.equal(
      problems(agent(), account({ [name]: COUNTS[name] + 1 })),
      `the counts of worker agent 2 and its ledger disagree: ${name} ${COUNTS[name]} by its report, ${COUNTS[name] + 1} by its ledger`,
    );
  }
  assert.match(
    problems(agent(), account({ claims: 4, finished: 0 })),
    /claims 5 .*; finished 49 by its report, 0 by/,
  );
});

test('what was told while it ran is below the end; more would have ended the load too early', () => {
  assert.equal(problems(agent({ live: { ...COUNTS, finished: 3 } }), account()), '');
  assert.match(
    problems(agent({ live: { ...COUNTS, finished: 50 } }), account()),
    /finished 50 while it ran, 49 by its ledger/,
  );
});

test('an agent that was killed gave no report, and its ledger may know more than its last live counts', () => {
  assert.equal(problems(agent({ report: undefined, live: newCounters() }), account()), '');
});

test('a clock that went back is told by how much', () => {
  assert.equal(problems(agent(), account({}, 12_345)), 'the clock of worker agent 2 went back by 12.3 ms');
  assert.match(problems(agent(), account({}, 0.5)), /back by 0\.001 ms|back by 0\.000 ms/);
});

test('a clock may differ by a millisecond beyond what the measuring of it is unsure of, before and after', () => {
  const at = (...clock: ClockReading[]): string => problems(agent({ clock }), account());
  const good: ClockReading = { offsetUs: 20, uncertaintyUs: 50 };
  assert.equal(at(good, { offsetUs: 1_200, uncertaintyUs: 200 }), '');
  assert.equal(at(good, { offsetUs: -50_000, uncertaintyUs: 49_000 }), '');
  assert.match(
    at(good, { offsetUs: 1_201, uncertaintyUs: 200 }),
    /worker agent 2 is 1\.201 ms ahead of the coordinator's, ± 0\.200 ms \(limit 1\.000 ms\)/,
  );
  assert.match(at({ offsetUs: -9_000, uncertaintyUs: 100 }, good), /is 9\.000 ms behind/);
});

test('the cell keeps the clock that is furthest off for certain', () => {
  const clocks: ClockReading[] = [
    { offsetUs: 4_000, uncertaintyUs: 5_000 },
    { offsetUs: -700.4, uncertaintyUs: 99.6 },
  ];
  const agents = clocks.map((clock) => agent({ clock: [clock] }));
  assert.deepEqual(worstClock(agents), { clockOffsetUs: -700, clockUncertaintyUs: 100 });
  assert.deepEqual(worstClock([agent()]), {});
});

test('one clock that is off, ahead or back, is enough for nothing to be proven of who came first', () => {
  const good = { offsetUs: 200, uncertaintyUs: 300 };
  const disagree = (clock: ClockReading, clockBackUs = 0): boolean => {
    const agents = [agent({ agent: 1, clock: [good] }), agent({ agent: 2, clock: [clock] })];
    return clocksDisagree(agents, [account({}, clockBackUs)], 1_000);
  };
  assert.equal(disagree(good), false);
  assert.equal(disagree({ offsetUs: 400_000, uncertaintyUs: 100 }), true);
  assert.equal(disagree({ offsetUs: -5_000, uncertaintyUs: 100 }), true);
  assert.equal(disagree(good, 1), true);
});

// Are claims counted as they were asked for and answered, and idle gaps only where nothing was found?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ConsumerEvents } from '../contender.ts';
import { ClaimHabits, togetherClaimed } from './claim-habits.ts';

function habits() {
  const heard: string[] = [];
  const clock = { us: 0 };
  const collected = new ClaimHabits();
  const events = collected.observe(
    {
      claimed: (claimer: number, _us: number, keys: readonly number[]) =>
        heard.push(`${claimer}:${keys.length}`),
      emptyClaim: (claimer: number) => heard.push(`${claimer}:empty`),
    } as unknown as ConsumerEvents,
    () => clock.us,
  );
  const claim = (claimer: number, jobs: number, asked?: number) =>
    events.claimed(claimer, 0, Array(jobs).fill(0), Array(jobs).fill(1), asked);
  const empty = (claimer: number, atUs: number) => {
    clock.us = atUs;
    events.emptyClaim(claimer);
  };
  return { heard, collected, claim, empty };
}

test('jobs returned and asked for, mean and most; every event is passed on', () => {
  const { heard, collected, claim, empty } = habits();
  claim(0, 3, 10);
  claim(1, 7);
  empty(0, 5);
  assert.deepEqual(heard, ['0:3', '1:7', '0:empty']);
  assert.deepEqual(collected.report(), {
    claims: 2,
    jobs: 10,
    maxJobs: 7,
    asked: { claims: 1, jobs: 10, max: 10 },
    emptyClaims: 1,
    quietGapsUs: [],
  });
});

test('a gap counts only for one session, and only when no session found work in between', () => {
  const { collected, claim, empty } = habits();
  empty(0, 100);
  empty(1, 150);
  empty(0, 300);
  claim(1, 1);
  empty(0, 350);
  empty(0, 650);
  assert.deepEqual(collected.report().quietGapsUs, [200, 300]);
});

test('gaps are thinned evenly, so that a long idle stretch stays within bounds', () => {
  const { collected, empty } = habits();
  for (let i = 0; i <= 50_000; i += 1) empty(0, i * 10);
  const { quietGapsUs } = collected.report();
  assert.ok(quietGapsUs.length >= 400 && quietGapsUs.length < 1_000, String(quietGapsUs.length));
  assert.ok(quietGapsUs.every((us) => us === 10));
});

test('agents together: sums, the most of all, all gaps', () => {
  const one = habits();
  one.claim(0, 2, 5);
  one.empty(0, 1);
  one.empty(0, 4);
  const two = habits();
  two.claim(0, 6, 6);
  assert.deepEqual(togetherClaimed([one.collected.report(), two.collected.report()]), {
    claims: 2,
    jobs: 8,
    maxJobs: 6,
    asked: { claims: 2, jobs: 11, max: 6 },
    emptyClaims: 2,
    quietGapsUs: [3],
  });
});

// Is a slow start left out, and nothing else?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomStream } from '../../stats/random.ts';
import { Ledger } from './ledger.ts';
import { findWarmUp } from './warm-up.ts';

const START_US = 1e9;
const SECONDS = 10;

/** An open loop of 500 jobs/s whose pickup at second t is `levelUs(t)`, with noise. */
function openLoop(levelUs: (t: number) => number, seed = 1): ReturnType<typeof findWarmUp> {
  const jobs = 500 * SECONDS;
  const ledger = new Ledger(jobs, 0, START_US);
  const random = randomStream(seed, 'warm-up');
  for (let key = 0; key < jobs; key += 1) {
    const t = (key / jobs) * SECONDS;
    ledger.intendedUs[key] = START_US + t * 1e6;
    ledger.claimedUs[key] = START_US + t * 1e6 + levelUs(t) * Math.exp(0.4 * (random() + random() - 1));
  }
  const untilUs = START_US + SECONDS * 1e6;
  return findWarmUp({ ledger, startUs: START_US, untilUs, openLoop: true, preloaded: 0, floorSeconds: 0.5 });
}

/** A drain that settles `perSec(t)` jobs per second. */
function drain(perSec: (t: number) => number, seed = 1): ReturnType<typeof findWarmUp> {
  const settled: number[] = [];
  const random = randomStream(seed, 'warm-up');
  for (let t = 0; t < SECONDS; t += -Math.log(1 - random()) / perSec(t)) settled.push(START_US + t * 1e6);
  const ledger = new Ledger(settled.length, settled.length, START_US);
  ledger.settledUs.set(settled);
  const untilUs = START_US + SECONDS * 1e6;
  return findWarmUp({
    ledger,
    startUs: START_US,
    untilUs,
    openLoop: false,
    preloaded: settled.length,
    floorSeconds: 0.5,
  });
}

test('a load that is steady from its start loses the floor and no more', () => {
  for (let seed = 1; seed <= 40; seed += 1) {
    assert.deepEqual(openLoop(() => 2_000, seed).seconds, 0.5, `open loop, seed ${seed}`);
    const steady = drain(() => 3_000, seed);
    assert.ok(steady.seconds <= 1 && steady.found, `drain, seed ${seed}: ${steady.seconds}`);
  }
});

test('a slow start is left out up to where it ends', () => {
  for (let seed = 1; seed <= 40; seed += 1) {
    const { seconds, found } = openLoop((t) => (t < 2 ? 12_000 : 2_000), seed);
    assert.ok(found && seconds >= 1.8 && seconds <= 2.5, `open loop, seed ${seed}: ${seconds}`);
    const slow = drain((t) => (t < 1.5 ? 1_000 : 3_000), seed);
    assert.ok(slow.found && slow.seconds >= 1.2 && slow.seconds <= 2, `drain, seed ${seed}: ${slow.seconds}`);
  }
});

test('a stall in the midst of the load is no warm-up', () => {
  for (let seed = 1; seed <= 40; seed += 1) {
    const { seconds } = openLoop((t) => (t > 1.5 && t < 2.5 ? 500_000 : 2_000), seed);
    assert.equal(seconds, 0.5, `seed ${seed}`);
  }
});

test('never more than the cap, and a series that never settles says so', () => {
  const climbing = openLoop((t) => 1_000 * Math.exp(t));
  assert.equal(climbing.found, false);
  assert.equal(climbing.capSeconds, 4);
  assert.ok(climbing.seconds <= climbing.capSeconds);
  const falling = drain((t) => 8_000 * Math.exp(-t / 3));
  assert.equal(falling.found, false);
  assert.ok(falling.seconds <= falling.capSeconds);
});

test('a load too short to tell keeps its floor', () => {
  const ledger = new Ledger(3, 0, START_US);
  const short = { ledger, startUs: START_US, untilUs: START_US + 20_000, openLoop: true, preloaded: 0 };
  assert.equal(findWarmUp({ ...short, floorSeconds: 0.01 }).seconds, 0.01);
  assert.equal(findWarmUp({ ...short, floorSeconds: 5 }).seconds, 5);
});

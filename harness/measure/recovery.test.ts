// Does recovery say what happened to a queue whose course is known, and nothing where nothing happened?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { phaseFiguresSchema, recoverySchema } from '../result/recovery.ts';
import { Course } from './course.ts';
import type { FigureInput } from './figures.ts';
import { ENQUEUE, Ledger, SETTLE } from './ledger.ts';
import { SETTLE_KINDS } from './ledger-writer.ts';
import { phaseFigures } from './phases.ts';
import { type RecoveryInput, recoveryOf } from './recovery.ts';

const START = 1e9;
const S = 1e6;
const ACK = SETTLE_KINDS.indexOf('ack');
const DEAD = SETTLE_KINDS.indexOf('dead-letter');

type Job = { readonly due: number; readonly in?: number; readonly done?: number; readonly dead?: boolean };

/** Instants in seconds from the start of the load. Jobs get in when they are due or as `in` has it, and are claimed 1 ms before they are done. */
function inputOf(jobs: readonly Job[], preloaded = 0): FigureInput {
  const ledger = new Ledger(jobs.length, preloaded, START);
  for (const [key, { due, in: entered = due, done, dead }] of jobs.entries()) {
    ledger.intendedUs[key] = START + due * S;
    if (key >= preloaded) {
      ledger.sentUs[key] = START + due * S;
      ledger.enqueuedUs[key] = START + entered * S;
      ledger.enqueueState[key] = ENQUEUE.confirmed;
    }
    if (done === undefined) continue;
    const [claimedUs, doneUs] = [START + done * S - 1_000, START + done * S];
    ledger.addClaim(
      key,
      { agent: 1, claimer: 0, attempt: 1, requestedUs: claimedUs, answeredUs: claimedUs },
      jobs.length,
    );
    const kind = dead === true ? DEAD : ACK;
    ledger.addSettle(key, {
      agent: 1,
      claimer: 0,
      kind,
      sentUs: doneUs,
      state: SETTLE.effective,
      answeredUs: doneUs,
    });
  }
  return {
    ledger,
    preloaded,
    openLoop: jobs.length > preloaded,
    startUs: START,
    endUs: START + 60 * S,
    measured: [],
    assumedSettled: new Set(),
    failed: new Set(),
  };
}

/** One server: each job takes `serviceSeconds`, the server stands still between `stalls`, and is slower by a factor at times. */
function served(
  due: readonly number[],
  serviceSeconds: number,
  {
    stalls = [],
    slow = [],
  }: { stalls?: readonly [number, number][]; slow?: readonly [number, number, number][] } = {},
): Job[] {
  let free = 0;
  return due.map((at) => {
    let begin = Math.max(at, free);
    for (const [from, to] of stalls) if (begin >= from && begin < to) begin = to;
    const factor = slow.find(([from, to]) => begin >= from && begin < to)?.[2] ?? 1;
    free = begin + serviceSeconds * factor;
    return { due: at, done: free };
  });
}

function uniform(perSec: number, seconds: number): number[] {
  return Array.from({ length: perSec * seconds }, (_, i) => (i + 0.5) / perSec);
}

/** Mulberry32. */
function poisson(perSec: number, seconds: number, seed: number): number[] {
  let state = seed;
  const random = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
  const due: number[] = [];
  for (let at = 0; ; ) {
    at -= Math.log(1 - random()) / perSec;
    if (at >= seconds) return due;
    due.push(at);
  }
}

function recovery(
  jobs: readonly Job[],
  over: Partial<{ [K in 'faults' | 'measured']: readonly [number, number] }> & {
    arrivals?: RecoveryInput['arrivals'];
    end?: number;
    preloaded?: number;
  } = {},
) {
  const us = ([from, to]: readonly [number, number]) => ({ fromUs: START + from * S, toUs: START + to * S });
  const found = recoveryOf({
    course: new Course(inputOf(jobs, over.preloaded)),
    arrivals: over.arrivals ?? 'scheduled',
    measured: [us(over.measured ?? [1, 20])],
    faults: us(over.faults ?? [5, 6]),
    startUs: START,
    loadEndUs: START + (over.end ?? 20) * S,
  });
  return 'untold' in found ? assert.fail(found.untold) : recoverySchema.parse(found);
}

function near(actual: number | undefined, expected: number, within: number): void {
  assert.ok(
    actual !== undefined && Math.abs(actual - expected) <= within,
    `${actual} is not ${expected} ± ${within}`,
  );
}

test('a server that stalls for 1 s at 100 jobs/s: a hundred wait, none is settled, and it is back at once', () => {
  const found = recovery(served(uniform(100, 20), 0.002, { stalls: [[5, 6]] }));
  near(found.baseline.settledPerSec, 100, 1);
  assert.equal(found.baseline.seconds, 4);
  assert.equal(found.baseline.backlogMax, 1);
  near(found.during.share, 0, 0.01);
  near(found.backlogPeak, 100, 2);
  assert.equal(found.regainedSeconds, 0);
  // 100 jobs at 2 ms each, while 100 more come each second: 0.25 s.
  near(found.drainSeconds, 0.25, 0.02);
  near(found.observedSeconds, 14, 1e-9);
});

test('a queue that stands still longer than the fault has recovered when it goes on, not a window earlier', () => {
  const found = recovery(served(uniform(100, 20), 0.001, { stalls: [[5, 7.3]] }));
  near(found.regainedSeconds, 1.3, 0.11);
  near(found.backlogPeak, 230, 2);
});

test('half the capacity for a while is no recovery, though the backlog is worked off in one go behind it', () => {
  const half = served(uniform(100, 20), 0.005, { slow: [[5, 9, 4]] });
  const found = recovery(half, { faults: [5, 6] });
  near(found.during.share, 0.5, 0.03);
  near(found.regainedSeconds, 3, 0.15);
});

test('a queue that never comes back is not regained, and a burst that soon ends is none', () => {
  const lame = recovery(served(uniform(100, 20), 0.004, { slow: [[5, 99, 4]] }));
  assert.equal(lame.regainedSeconds, undefined);
  assert.equal(lame.drainSeconds, undefined);
  near(lame.during.share, 0.62, 0.02);
  const spurt = recovery(served(uniform(100, 20), 0.002, { stalls: [[5, 6]], slow: [[7, 99, 10]] }));
  assert.equal(spurt.regainedSeconds, undefined, 'half the rate from 7 s on');
});

test('without a dip recovery takes no time, however much chance there is in the arrivals', () => {
  const late: number[] = [];
  for (let seed = 1; seed <= 60; seed += 1) {
    for (const perSec of [100, 300]) {
      const found = recovery(served(poisson(perSec, 12, seed), 0.001), {
        end: 12,
        measured: [1, 12],
        faults: [5, 7],
      });
      assert.ok((found.during.share ?? 0) >= 0.95, `seed ${seed}: during ${found.during.share}`);
      late.push(found.regainedSeconds ?? assert.fail(`seed ${seed} never regained`));
    }
  }
  assert.equal(Math.max(...late), 0);
});

test('chance does not hide a queue that lost a third of its rate', () => {
  for (let seed = 1; seed <= 100; seed += 1) {
    const found = recovery(served(poisson(100, 15, seed), 0.002, { slow: [[5, 99, 7.5]] }), {
      end: 15,
      measured: [1, 15],
      faults: [5, 8],
    });
    assert.equal(found.regainedSeconds, undefined, `seed ${seed}`);
    assert.ok((found.during.share ?? 1) < 0.95, `seed ${seed}: during ${found.during.share}`);
  }
});

test('jobs that take long do not make a steady queue look late', () => {
  const found: number[] = [];
  for (let seed = 1; seed <= 100; seed += 1) {
    const jobs = poisson(100, 15, seed).map((due) => ({ due, done: due + 0.2 }));
    found.push(
      recovery(jobs, { end: 15, measured: [1, 15], faults: [5, 7] }).regainedSeconds ??
        assert.fail(`seed ${seed}`),
    );
  }
  assert.ok(found.filter((seconds) => seconds <= 0.5).length >= 95, found.join(' '));
  assert.ok(Math.max(...found) <= 2, found.join(' '));
});

test('less to do behind the faults than in the baseline is no harm; a backlog that is left lying is', () => {
  const quiet = [...uniform(100, 8), ...uniform(20, 12).map((at) => at + 8)];
  assert.equal(recovery(served(quiet, 0.002), { faults: [7, 8] }).regainedSeconds, 0);
  const stuck: Job[] = uniform(100, 8).map((due) => (due < 6 ? { due, done: due + 0.002 } : { due }));
  assert.equal(recovery(stuck, { faults: [6, 8] }).regainedSeconds, undefined);
});

test('what an outage keeps on its way to the queue is still to be done: nothing is drained before that is in and gone', () => {
  // Nobody gets through from 5 s to 6 s; then all come at once, and the server takes them at twice the rate of arrival.
  const [arrive, free] = [(due: number) => (due >= 5 && due < 6 ? 6.001 : due), { at: 0 }];
  const jobs = uniform(100, 20).map((due): Job => {
    free.at = Math.max(arrive(due), free.at) + 0.005;
    return { due, in: arrive(due), done: free.at };
  });
  const found = recovery(jobs);
  assert.equal(found.baseline.backlogMax, 1);
  near(found.drainSeconds, 1, 0.05);
  near(found.backlogPeak, 100, 2);
});

test('a queue that has nothing to do withstands nothing', () => {
  const before = served(uniform(100, 5), 0.002);
  const idle = recovery(before, { faults: [5.5, 8] });
  assert.equal(idle.during.share, undefined);
  assert.equal(idle.observedSeconds, 0);
  assert.equal(idle.regainedSeconds, undefined, 'no second of idleness dates a recovery');
  const later = recovery(served([...uniform(100, 5), ...uniform(100, 10).map((at) => at + 10)], 0.002), {
    faults: [5.5, 8],
  });
  assert.equal(later.during.share, undefined);
  assert.equal(later.observedSeconds, 12);
});

test('dead-lettered jobs have left the backlog', () => {
  const jobs = uniform(100, 20).map((due, i) => ({ due, done: due + 0.002, dead: i % 2 === 1 }));
  const found = recovery(jobs);
  assert.equal(found.backlogPeak, 1);
  near(found.baseline.settledPerSec, 50, 1);
});

test('in a drain the rate itself is the measure, and there is no backlog to speak of', () => {
  const backlog: Job[] = [];
  for (let at = 0.001; at < 10; at += at > 4 && at < 5.5 ? 0.02 : 0.002) backlog.push({ due: 0, done: at });
  const found = recovery(backlog, {
    preloaded: backlog.length,
    arrivals: 'none',
    faults: [4, 5],
    end: 10,
    measured: [1, 10],
  });
  near(found.baseline.settledPerSec, 500, 2);
  near(found.during.share, 0.1, 0.02);
  near(found.regainedSeconds, 0.5, 0.15);
  assert.equal(found.drainSeconds, undefined);
  assert.equal(found.backlogPeak, undefined);
});

test('a fault of an instant is judged by the second behind it; one that lasts to the end leaves nothing to be seen', () => {
  const killed = recovery(served(uniform(100, 20), 0.002, { stalls: [[5, 5.5]] }), { faults: [5, 5] });
  assert.equal(killed.during.seconds, 1);
  near(killed.during.share, 1, 0.06);
  near(killed.regainedSeconds, 0.5, 0.11);
  const held = recovery(served(uniform(100, 20), 0.002), { faults: [5, 20] });
  assert.equal(held.observedSeconds, 0);
  assert.equal(held.regainedSeconds, undefined);
});

test('without a baseline nothing is told', () => {
  const input = inputOf(served(uniform(100, 20), 0.002));
  const at = { fromUs: START + 1.4 * S, toUs: START + 2 * S };
  const measured = [{ fromUs: START + S, toUs: START + 20 * S }];
  const common = {
    course: new Course(input),
    arrivals: 'scheduled',
    startUs: START,
    loadEndUs: START + 20 * S,
  } as const;
  assert.match(
    JSON.stringify(recoveryOf({ ...common, measured, faults: at })),
    /40 jobs were settled in the 0\.4 s that were measured before/,
  );
  const idle = new Course(inputOf([{ due: 15, done: 16 }]));
  const later = { fromUs: START + 5 * S, toUs: START + 6 * S };
  assert.match(
    JSON.stringify(recoveryOf({ ...common, course: idle, measured, faults: later })),
    /0 jobs were settled in the 4\.0 s/,
  );
});

test('jobs of the preload that fall due at one instant are in the pickup of the phase that this lies in', () => {
  // A hundred lie there from the start and are due at 5 s, then picked up at 8 s; one more a second arrives and does not wait.
  const waiting = Array.from({ length: 100 }, () => ({ due: 0, done: 8.001 }));
  const arriving = uniform(1, 10).map((due) => ({ due, done: due + 0.002 }));
  const input = inputOf([...waiting, ...arriving], 100);
  for (let key = 0; key < 100; key += 1) input.ledger.delay(key, 5 * S);
  const stretches = [0, 5].map((from) => ({
    label: `from ${from}`,
    stretch: { fromUs: START + from * S, toUs: START + (from + 5) * S },
  }));
  const told = (over: Partial<FigureInput>) =>
    phaseFigures({ ...input, ...over, dueFrom: 0 }, stretches, new Course(input));
  const [before, due] = told({});
  assert.deepEqual([before?.pickupUs?.count, before?.pickupUs?.max], [5, 1_000]);
  assert.deepEqual([due?.pickupUs?.count, due?.pickupUs?.max, due?.offeredPerSec], [105, 3_000_000, 1]);
  const drain = told({ openLoop: false })[1];
  assert.deepEqual([drain?.pickupUs?.max, drain?.offeredPerSec], [3_000_000, undefined]);
});

test('each phase has its own figures: jobs belong to the one that they were due in, settles to the one they happened in', () => {
  const jobs = served(uniform(200, 20), 0.002, { stalls: [[5, 6]] });
  const input = inputOf(jobs);
  const stretch = (from: number, to: number) => ({ fromUs: START + from * S, toUs: START + to * S });
  const phases = phaseFigures(
    input,
    [
      { label: 'clean', stretch: stretch(0, 5) },
      { label: 'held', stretch: stretch(5, 6) },
      { label: 'recovery', stretch: stretch(6, 20) },
      { label: 'gone', stretch: undefined },
    ],
    new Course(input),
  ).map((phase) => phaseFiguresSchema.parse(phase));
  const [clean, held, after, gone] = phases;
  assert.deepEqual(
    phases.map((p) => p.offeredPerSec),
    [200, 200, 200, undefined],
  );
  near(clean?.settledPerSec, 200, 1);
  assert.equal(held?.settledPerSec, 0);
  near(after?.settledPerSec, 214, 1);
  near(held?.backlogMax, 200, 1);
  assert.equal(clean?.backlogMax, 1);
  assert.equal(clean?.pickupUs?.p50, 1_000);
  near(held?.pickupUs?.p50, 700_000, 5_000);
  assert.equal(held?.pickupUs?.p99, undefined, 'too few samples');
  assert.deepEqual(gone, { label: 'gone', seconds: 0 });
});

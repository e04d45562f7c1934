// Is what claiming takes by itself told apart from waiting, and is each prediction beside what was measured?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openLoad } from '../../cli/capacity/loads.ts';
import { CellSequence } from '../../harness/run/plan.ts';
import type { Stalls } from '../../stats/queueing.ts';
import { seeded } from '../../stats/random.ts';
import { CONTENDER, LINEAR, LINEAR_LAW, patternFor } from '../../testing/synthetic/capacity-world.ts';
import { quantile, waitQuantile } from '../../testing/synthetic/queue-law.ts';
import { simulateCell } from '../../testing/synthetic/simulated-cell.ts';
import { type MeasuredCell, measuredNow } from './measured.ts';
import { aheadOf, baseOf, claimsAhead, pickupPredictions, pickupSeconds } from './pickup.ts';
import { stallsOf } from './stalls.ts';

const law = LINEAR_LAW;
const pattern = await patternFor();

/** `stall`: all workers stand still for so many seconds, in the middle. */
function open(sessions: number, ratePerSec: number, seconds: number, seed = 1, stall = 0) {
  const crew = { agents: 1, sessions, concurrency: 1 };
  const fault = { fault: 'stall-worker', afterSeconds: seconds / 2, forSeconds: stall } as const;
  const scenario = openLoad(pattern, { ratePerSec, seconds, crew, ...(stall > 0 ? { fault } : {}) });
  const { plan } = new CellSequence(seed).next(scenario, CONTENDER);
  return measuredNow({ purpose: 'light', handlers: sessions }, simulateCell(LINEAR, plan));
}

test('jobs that waited in the light load are no part of what claiming takes', () => {
  // One handler, two fifths busy: two fifths of the jobs wait, and some of them for a tenth of a second.
  const light = open(1, 10, 300);
  const base = baseOf(law, light);
  assert.ok(base !== undefined && light.pickup !== undefined);
  assert.ok(light.pickup.getValueAtPercentile(95) > 50_000, 'the light load did wait');
  const tenth = base[Math.floor(base.length * 0.9)] ?? 0;
  assert.ok(tenth < 0.01, `${tenth}`);
  assert.deepEqual(
    base,
    base.toSorted((x, y) => x - y),
  );
  assert.equal(baseOf(law, { ...light, pickup: undefined }), undefined);
});

test('a percentile of pickup is that of theory behind the claim, and there is none where handlers do not keep up', () => {
  for (const handlers of [1, 2, 8])
    for (const busy of [0.5, 0.7, 0.9]) {
      const servicePerSec = LINEAR.lambdaPerSec;
      const arrivalPerSec = busy * handlers * servicePerSec;
      const theory = 0.002 + waitQuantile({ servers: handlers, servicePerSec, arrivalPerSec }, 0.99);
      const said =
        pickupSeconds(
          { law, handlers, base: [0.002], serviceScv: 1, ahead: { jobs: 0, batch: 1 }, stalls: [] },
          arrivalPerSec,
          99,
        ) ?? 0;
      assert.ok(Math.abs(said / theory - 1) < 0.01, `${handlers}, ${busy}: ${said}, not ${theory}`);
    }
  const crowd = { law, handlers: 2, base: [0.002], serviceScv: 1, ahead: { jobs: 0, batch: 1 }, stalls: [] };
  assert.equal(pickupSeconds(crowd, 2 * LINEAR.lambdaPerSec, 99), undefined);
});

test('foretold is the highest percentile that the load could tell, below 80 % busy and of these handlers alone', () => {
  const crowd = { law, handlers: 8, base: [0.001], serviceScv: 1, ahead: { jobs: 0, batch: 1 }, stalls: [] };
  const [long] = pickupPredictions(crowd, [open(8, 140, 90)]);
  assert.equal(long?.what, 'pickup p99');
  assert.ok(long.error === long.predicted / long.measured - 1);
  assert.equal(pickupPredictions(crowd, [open(8, 140, 20)])[0]?.what, 'pickup p95');
  assert.deepEqual(pickupPredictions(crowd, [open(8, 140, 2)]), [], 'too few jobs for any');
  assert.deepEqual(pickupPredictions(crowd, [open(4, 60, 60)]), [], 'other handlers');
  assert.deepEqual(pickupPredictions(crowd, [open(8, 165, 60)]), [], 'too busy');
});

function shareOf(stalls: Stalls): number {
  return stalls.reduce((sum, { share }) => sum + share, 0);
}

test('a stall that a light load saw is foretold of a busy one: it holds up more jobs there, and none where there was none', () => {
  for (const handlers of [8, 32]) {
    const rate = (busy: number): number => busy * handlers * LINEAR.lambdaPerSec;
    const seeds = Array.from({ length: 20 }, (_, i) => i + 1);
    const mean = (of: (seed: number) => number): number =>
      seeds.reduce((sum, seed) => sum + of(seed), 0) / seeds.length;
    const crowdOf = (light: MeasuredCell) => {
      const base = baseOf(law, light) ?? [];
      const crowd = { law, handlers, base, serviceScv: 1, ahead: { jobs: 0, batch: 1 } };
      return { ...crowd, stalls: stallsOf(crowd, light) };
    };
    const byChance = mean((seed) => shareOf(crowdOf(open(handlers, rate(0.3), 60, seed)).stalls));
    assert.ok(byChance < 0.0005, `without a stall ${byChance}`);
    const said = mean(
      (seed) => pickupSeconds(crowdOf(open(handlers, rate(0.3), 60, seed, 0.5)), rate(0.75), 99) ?? 0,
    );
    const seen = mean(
      (seed) => (open(handlers, rate(0.75), 60, seed, 0.5).pickup?.getValueAtPercentile(99) ?? 0) / 1e6,
    );
    assert.ok(Math.abs(said / seen - 1) < 0.15, `${handlers} handlers: ${said}, not ${seen}`);
    const calm = { ...crowdOf(open(handlers, rate(0.3), 60)), stalls: [] };
    const without = pickupSeconds(calm, rate(0.75), 99) ?? 0;
    assert.ok(without < 0.7 * seen, `${without} without stalls, and ${seen} seen`);
  }
});

test('what sessions hold ahead is claimed before a handler is free: fewer jobs wait to be picked up, or hardly any', () => {
  const cell = open(1, 10, 300);
  const declaring = (batch: number, prefetch: number) => ({
    ...cell.cell,
    contender: {
      ...cell.cell.contender,
      declared: { batch, prefetch, workerConnections: 8, concurrency: 4 },
    },
  });
  const held = [declaring(1, 0), declaring(10, 1), declaring(500, 500), declaring(100, 200)].map(
    (one) => aheadOf(one).jobs,
  );
  assert.deepEqual(held, [0, 0, 8, 808]);
  const told = [declaring(1, 0), declaring(10, 0), declaring(500, 500)].map(claimsAhead);
  assert.deepEqual(told, [false, true, true]);
  const idle = { ...declaring(500, 500), parameters: { ...cell.cell.parameters, handlerMs: 0 } };
  assert.equal(claimsAhead(idle), false, 'jobs that take no time wait for nobody');
  const [whole, cut] = [declaring(100, 200), cell.cell].map((one) =>
    baseOf(law, { ...cell, cell: one })?.at(-1),
  );
  assert.ok((whole ?? 0) > 5 * (cut ?? 1), `${whole}, not ${cut}`);
  const servicePerSec = LINEAR.lambdaPerSec;
  const crowd = { law, handlers: 8, base: [0.002], serviceScv: 1, ahead: { jobs: 3, batch: 1 }, stalls: [] };
  const arrivalPerSec = 0.75 * 8 * servicePerSec;
  // Of M/M/c: as long as beyond its 99th percentile among those that find three more in line.
  const share = 1 - 0.01 / 0.75 ** 3;
  const theory = 0.002 + waitQuantile({ servers: 8, servicePerSec, arrivalPerSec }, share);
  assert.ok(Math.abs((pickupSeconds(crowd, arrivalPerSec, 99) ?? 0) / theory - 1) < 0.01);
  assert.equal(pickupSeconds({ ...crowd, ahead: { jobs: 808, batch: 1 } }, arrivalPerSec, 99), 0.002);
  assert.equal(pickupSeconds(crowd, 8 * servicePerSec, 99), undefined, 'more than the handlers settle');
});

test('a claim that takes all that wait leaves nobody waiting for those before him', () => {
  const [handlers, servicePerSec, busy] = [6, LINEAR.lambdaPerSec, 0.75];
  const arrivalPerSec = busy * handlers * servicePerSec;
  const ahead = { jobs: handlers, batch: 500 };
  const crowd = { law, handlers, base: [0.001], serviceScv: 1, ahead, stalls: [] };
  const said = pickupSeconds(crowd, arrivalPerSec, 99) ?? 0;
  const theory = bulkClaimed(handlers, servicePerSec, arrivalPerSec, 0.99);
  assert.ok(Math.abs(said / (0.001 + theory) - 1) < 0.3, `${said}, not ${theory}`);
  const single = pickupSeconds({ ...crowd, ahead: { ...ahead, batch: 1 } }, arrivalPerSec, 99) ?? 0;
  assert.ok(single > 2 * said, `${single}, one at a time`);
  const smaller = pickupSeconds({ ...crowd, ahead: { ...ahead, batch: 5 } }, arrivalPerSec, 99);
  assert.equal(smaller, single, 'fewer than handlers: not told to be sooner');
});

/** Sessions of one handler that claim all there is while they hold no more than one job beside the one that runs; whichever comes first. */
function bulkClaimed(sessions: number, servicePerSec: number, arrivalPerSec: number, share: number): number {
  const random = seeded(11);
  const drawn = (rate: number): number => -Math.log(1 - random()) / rate;
  const held = new Array<number>(sessions).fill(0);
  const ends = new Array<number>(sessions).fill(Number.POSITIVE_INFINITY);
  const waits: number[] = [];
  let waiting: number[] = [];
  let comes = drawn(arrivalPerSec);
  while (waits.length < 200_000) {
    const soonest = ends.indexOf(Math.min(...ends));
    const now = Math.min(comes, ends[soonest] ?? comes);
    if (now === comes) {
      waiting.push(now);
      comes = now + drawn(arrivalPerSec);
    } else {
      held[soonest] = (held[soonest] ?? 1) - 1;
      ends[soonest] = held[soonest] === 0 ? Number.POSITIVE_INFINITY : now + drawn(servicePerSec);
    }
    const free = held.flatMap((jobs, i) => (jobs <= 2 ? [i] : []));
    const one = free[Math.floor(random() * free.length)];
    if (one === undefined || waiting.length === 0) continue;
    for (const came of waiting) waits.push(now - came);
    if (held[one] === 0) ends[one] = now + drawn(servicePerSec);
    held[one] = (held[one] ?? 0) + waiting.length;
    waiting = [];
  }
  return quantile(waits, share);
}

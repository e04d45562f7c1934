// Is each load a sound scenario, of the rate, the handlers and the jobs that it is named by?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { describeHandler, type HandlerTime } from '../../scenarios/job.ts';
import { type Scenario, scenarioSchema, scheduledFaults, totalSeconds } from '../../scenarios/scenario.ts';
import { seeded } from '../../stats/random.ts';
import { CONTENDER, patternFor } from '../../testing/synthetic/capacity-world.ts';
import { closedLoad, handlerMoments, openLoad, roundRate, withConcurrency } from './loads.ts';
import type { WorkloadWords } from './workload.ts';

const crew = { agents: 2, sessions: 3, concurrency: 4 };
const pattern = await patternFor();

test('an open load has Poisson arrivals at its rate, and fits the schema of a scenario', () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0.01, max: 1e6, noNaN: true }),
      fc.double({ min: 1, max: 300, noNaN: true }),
      (rate, seconds) => {
        const ratePerSec = roundRate(rate);
        const load = openLoad(pattern, { ratePerSec, seconds, crew });
        const { name, phases } = scenarioSchema.parse(load);
        assert.equal(name, `open-${String(ratePerSec).replaceAll('.', '-')}`);
        const [before, measured] = phases;
        assert.deepEqual(measured?.arrival, { model: 'poisson', ratePerSec });
        assert.ok(Math.abs(totalSeconds(load) - seconds - load.warmupSeconds) < 1e-9);
        // Who has just started is warmed up at half the rate, and that is not measured.
        assert.deepEqual(before?.arrival, { model: 'poisson', ratePerSec: ratePerSec / 2 });
        assert.deepEqual([before?.measured, measured?.measured], [false, true]);
        assert.ok(before.seconds + 1 <= load.warmupSeconds);
      },
    ),
    { seed: 1 },
  );
});

test('the warm-up lasts until the handlers are full, and comes before what is measured', async () => {
  const loadOf = async (words: WorkloadWords) =>
    openLoad(await patternFor(words), { ratePerSec: 5, seconds: 20, crew });
  const fillingOf = ({ phases, warmupSeconds }: Scenario) => warmupSeconds - (phases[0]?.seconds ?? 0);
  assert.equal(fillingOf(await loadOf({ jobMs: 0 })), 1);
  const long = await loadOf({ jobMs: 3_000 });
  assert.deepEqual([fillingOf(long), totalSeconds(long) - long.warmupSeconds], [4, 20]);
  const exponential = await loadOf({ jobMs: 1_000, jobTime: { law: 'exponential' } });
  assert.ok(Math.abs(fillingOf(exponential) - 5.605) < 1e-3);
});

test('each load says how many connections it needs', () => {
  const { agents, connections } = pattern.producers;
  const needed = 2 * (3 + 3) + agents * (connections + 3) + 20;
  const open = openLoad(pattern, { ratePerSec: 10, seconds: 10, crew });
  const closed = closedLoad(pattern, { crew, seconds: 3, backlog: 5_000 });
  for (const { serverNeeds } of [open, closed]) assert.equal(serverNeeds.max_connections, needed);
});

test('a closed load has a backlog and no arrivals, and so it fits the schema', () => {
  const load = scenarioSchema.parse(closedLoad(pattern, { crew, seconds: 3, backlog: 5_000 }));
  assert.equal(load.name, 'closed-24');
  assert.equal(load.preload.ready, 5_000);
  assert.equal(load.phases[0]?.arrival, undefined);
  assert.deepEqual(load.workers, { agents: 2, connections: 3 });
  assert.deepEqual(load.expect, []);
});

test('a fault strikes when it is told to, counted from when the load is measured', () => {
  const fault = { fault: 'stall-worker', afterSeconds: 4, forSeconds: 20 } as const;
  const load = scenarioSchema.parse(openLoad(pattern, { ratePerSec: 10, seconds: 60, crew, fault }));
  const [strike] = scheduledFaults(load);
  assert.equal(strike?.fault, 'stall-worker');
  assert.ok(Math.abs((strike?.atSeconds ?? 0) - load.warmupSeconds - 4) < 1e-9);
});

test('handlers of a session are an axis of the contender, whose name stays', () => {
  assert.equal(withConcurrency(CONTENDER, crew).axes.concurrency, 4);
  assert.equal(withConcurrency(CONTENDER, crew).name, CONTENDER.name);
  assert.equal(withConcurrency(CONTENDER, { ...crew, concurrency: 1 }), CONTENDER);
});

test('mean and variation of a handler’s time are those of its draws', () => {
  const laws: readonly HandlerTime[] = [
    { time: 'none' },
    { time: 'constant', ms: 40 },
    { time: 'cpu', ms: 3 },
    { time: 'exponential', meanMs: 25 },
    { time: 'lognormal', medianMs: 20, p99Ms: 100 },
  ];
  for (const law of laws) {
    const random = seeded(5);
    const draws = Array.from({ length: 200_000 }, () => drawOf(law, random));
    const mean = draws.reduce((sum, ms) => sum + ms, 0) / draws.length;
    const variance = draws.reduce((sum, ms) => sum + (ms - mean) ** 2, 0) / draws.length;
    const { meanMs, scv } = handlerMoments(law);
    assert.ok(Math.abs(meanMs - mean) <= 0.02 * mean, `${describeHandler(law)}: ${meanMs}, not ${mean}`);
    const drawn = mean === 0 ? 0 : variance / mean ** 2;
    assert.ok(Math.abs(scv - drawn) <= 0.05 * drawn + 1e-9, `${describeHandler(law)}: ${scv}, not ${drawn}`);
  }
});

/** By definition of each law, apart from what the harness draws by. */
function drawOf(law: HandlerTime, random: () => number): number {
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  switch (law.time) {
    case 'none':
      return 0;
    case 'constant':
    case 'cpu':
      return law.ms;
    case 'exponential':
      return -law.meanMs * Math.log(1 - random());
    case 'lognormal':
      return law.medianMs * (law.p99Ms / law.medianMs) ** (normal() / 2.326);
  }
}

test('a rate has four digits at most, and stays near', () => {
  fc.assert(
    fc.property(fc.double({ min: 0.01, max: 1e6, noNaN: true }), (rate) => {
      const round = roundRate(rate);
      assert.ok(Math.abs(round / rate - 1) <= 0.0051, `${rate}: ${round}`);
      assert.equal(roundRate(round), round);
    }),
    { seed: 2 },
  );
});

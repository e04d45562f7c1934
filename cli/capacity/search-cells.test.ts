// Does a search load one rate after the other, and tell at any time what it knows?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CellPlan } from '../../harness/cell/plan.ts';
import type { CellOutcome } from '../../harness/cell/result.ts';
import { voidCell } from '../../harness/cell/void.ts';
import { capacitySchema } from '../../harness/result/capacity.ts';
import { CellSequence } from '../../harness/run/plan.ts';
import { scenarioSchema, scheduledFaults, totalSeconds } from '../../scenarios/scenario.ts';
import { CONTENDER, drive, LINEAR, patternFor } from '../../testing/synthetic/capacity-world.ts';
import { waitQuantile } from '../../testing/synthetic/queue-law.ts';
import { handlersIn, simulateCell } from '../../testing/synthetic/simulated-cell.ts';
import { CapacityLog } from './capacity-log.ts';
import { type SearchSetup, searchCells } from './search-cells.ts';
import { readSlo } from './slo.ts';

const CREW = { agents: 1, sessions: 4, concurrency: 1 };

async function setupOf(words: Partial<SearchSetup> = {}): Promise<SearchSetup> {
  return {
    pattern: await patternFor(),
    contender: CONTENDER,
    crew: CREW,
    slo: readSlo(['pickup.p99<250ms']),
    resolution: 0.1,
    maxPerSec: 2_000,
    maxProbes: 20,
    outOfTime: () => false,
    ...words,
  };
}

async function searched(words: Partial<SearchSetup> = {}, outcomeOf = simulated) {
  const log = new CapacityLog(new CellSequence(7));
  const { plans, found } = drive(searchCells(await setupOf(words), log), outcomeOf);
  assert.ok(found !== undefined);
  assert.deepEqual(log.value().search, found);
  return { plans, found, log };
}

function simulated(plan: CellPlan): CellOutcome {
  return simulateCell(LINEAR, plan);
}

test('begins by a short closed load, then probes by cells of their own, each told in the answer', async () => {
  const { plans, found, log } = await searched();
  const [hint, ...probes] = plans;
  assert.equal(hint?.scenario.phases[0]?.arrival, undefined);
  assert.deepEqual(
    log.value().cells.map(({ purpose }) => purpose),
    ['closed', ...probes.map(() => 'probe')],
  );
  assert.deepEqual(
    found.probes.map(({ cell }) => cell),
    probes.map(({ id }) => id),
  );
  for (const [i, { scenario }] of probes.entries()) {
    const { ratePerSec, seconds } = found.probes[i] ?? {};
    assert.deepEqual(scenarioSchema.parse(scenario).phases.at(-1)?.arrival, { model: 'poisson', ratePerSec });
    assert.equal(totalSeconds(scenario), seconds);
  }
  for (const { cell, outcome, little } of found.probes) {
    assert.equal(log.outcomeOf(cell), outcome);
    // Every pass is held against Little's law.
    assert.equal(little?.kept, outcome === 'pass' ? true : undefined, `${cell}: ${little?.error}`);
  }
  assert.equal(log.outcomeOf(hint?.id ?? ''), undefined);
  assert.ok(plans.every((plan) => handlersIn(plan) === 4));
  assert.equal(new Set(plans.map(({ seed }) => seed)).size, plans.length, 'arrivals of their own');
  capacitySchema.parse(JSON.parse(JSON.stringify(log.value())));
});

test('the limit of four handlers of 41 ms lies within the answer', async () => {
  const { found } = await searched();
  const { state, passPerSec = 0, failPerSec = 0, text } = found.answer;
  assert.equal(state, 'bracketed', text);
  const waits = (arrivalPerSec: number): number =>
    waitQuantile({ servers: 4, servicePerSec: LINEAR.lambdaPerSec, arrivalPerSec }, 0.99);
  let limit = 1;
  while (waits(limit) + LINEAR.claimSeconds < 0.25) limit += 0.1;
  assert.ok(passPerSec < 1.1 * limit && failPerSec > 0.9 * limit, `${text} By theory ${limit}.`);
  assert.ok(failPerSec / passPerSec < 1.5, text);
});

test('the first rate may be given, and then there is no closed load', async () => {
  const { plans, found } = await searched({ startPerSec: 60 });
  assert.equal(found.probes[0]?.ratePerSec, 60);
  assert.equal(plans.length, found.probes.length);
});

test('all void: no answer, and nothing is made up', async () => {
  const { found } = await searched({}, (plan) => voidCell(plan, 'job-queue', 'the machine was busy'));
  assert.equal(found.answer.state, 'unmeasurable');
  assert.deepEqual([found.answer.passPerSec, found.answer.failPerSec], [undefined, undefined]);
  assert.ok(
    found.probes.every(({ outcome, why }) => outcome === 'void' && why[0] === 'the machine was busy'),
  );
});

test('a lost job is a fail at any rate', async () => {
  const { found } = await searched({ startPerSec: 8, maxProbes: 8 }, (plan) => {
    const outcome = simulated(plan);
    const audit = { ...outcome.cell.audit, lost: 1 };
    return { ...outcome, cell: { ...outcome.cell, verdict: 'incorrect', reasons: ['1 job lost'], audit } };
  });
  assert.equal(found.answer.state, 'no pass', found.answer.text);
  assert.deepEqual(found.answer.limitedBy, ['1 job lost']);
});

test('out of time or of probes, the answer says that it was interrupted, with what is known', async () => {
  let asked = 0;
  const outOfTime = (): boolean => {
    asked += 1;
    return asked > 3;
  };
  const late = await searched({ startPerSec: 20, outOfTime });
  assert.equal(late.found.probes.length, 3);
  assert.equal(late.found.answer.state, 'interrupted');
  assert.equal(late.found.answer.passConfirmed, false);
  const few = await searched({ startPerSec: 20, maxProbes: 3 });
  assert.equal(few.found.probes.length, 3);
  assert.equal(few.found.answer.state, 'interrupted');
});

test('while it goes on, the log calls it interrupted, and has what is known so far', async () => {
  const log = new CapacityLog(new CellSequence(7));
  drive(searchCells(await setupOf({ startPerSec: 20 }), log), simulated, 2);
  const { search, cells } = log.value();
  assert.equal(search?.answer.state, 'interrupted');
  assert.equal(search.probes.length, 2);
  const passed = search.probes
    .filter(({ outcome }) => outcome === 'pass')
    .map(({ ratePerSec }) => ratePerSec);
  assert.equal(search.answer.passPerSec, Math.max(...passed));
  assert.match(search.answer.text, /ended before its answer; so far .+ held .+ at /);
  assert.equal(cells.length, 2);
});

test('a snapshot is held through every probe, which lasts as long at least', async () => {
  const { plans, found } = await searched({ startPerSec: 60, heldXminSeconds: 90, maxProbes: 3 });
  assert.equal(found.heldXmin, true);
  for (const { scenario } of plans) {
    assert.deepEqual(
      scheduledFaults(scenario).map(({ fault }) => fault),
      ['held-xmin'],
    );
    assert.ok(totalSeconds(scenario) >= 90);
  }
});

test('where dead tuples are asked for, a probe lasts two naps of autovacuum', async () => {
  const slo = readSlo(['pickup.p99<250ms', 'deadTuples.growth<500/s']);
  const { plans } = await searched({ startPerSec: 60, slo, maxProbes: 3 });
  for (const { scenario } of plans) assert.ok(totalSeconds(scenario) - scenario.warmupSeconds >= 130);
});

// Does a load start so that the delayed jobs of its preload are due when its scenario says?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scenarioSchema } from '../../scenarios/scenario.ts';
import type { BenchJob } from '../contender.ts';
import { CannotMeasure } from '../errors.ts';
import { startInstantUs } from '../load/start.ts';
import { Workload } from '../load/workload.ts';
import { Ledger } from '../measure/ledger.ts';
import { delayPreload, dueInstantUs, startFor, withRunAt } from './preload.ts';

const scenario = scenarioSchema.parse({
  name: 'due',
  question: 'When?',
  preload: { ready: 2, delayed: { jobs: 3, dueAtSeconds: 4 } },
  phases: [{ label: 'a', seconds: 10 }],
});
/** The queue's clock is ahead by this much, µs. */
const OFFSET_US = 1_000_000_000_123;
const PRELOAD_US = 5_000_000;

function delayed() {
  const dueUs = dueInstantUs(scenario, PRELOAD_US);
  assert.ok(dueUs !== undefined);
  const clock = { offsetUs: OFFSET_US, uncertaintyUs: 1 };
  return { dueUs, clock, preloadUs: PRELOAD_US };
}

test('the load starts so long before the instant as the scenario says, and after the preload can be over', () => {
  const { dueUs } = delayed();
  const startUs = startFor(scenario, delayed());
  assert.equal(startUs, dueUs - 4e6);
  assert.ok((startUs ?? 0) > PRELOAD_US + 5e6);
  const ready = scenarioSchema.parse({
    ...{ name: 'due', question: 'When?', preload: { ready: 2 } },
    phases: [{ label: 'a', seconds: 1 }],
  });
  assert.equal(dueInstantUs(ready, 0), undefined);
});

test('ready jobs come first; the others are all due in one millisecond of the queue, and the ledger knows which', () => {
  const waits = delayed();
  const jobs: BenchJob[] = [...withRunAt(new Workload(100, [0]).preload(5), scenario, waits)];
  assert.deepEqual(
    jobs.slice(0, 2).map(({ runAtMs }) => runAtMs),
    [undefined, undefined],
  );
  const [runAtMs = 0, ...others] = jobs.slice(2).map((job) => job.runAtMs);
  assert.deepEqual(others, [runAtMs, runAtMs]);
  const startUs = waits.dueUs - 4e6;
  const ledger = new Ledger(5, 5, startUs);
  delayPreload(scenario, ledger, startUs, waits);
  assert.deepEqual(
    [0, 1, 2, 4].map((key) => ledger.isDelayed(key)),
    [false, false, true, true],
  );
  // Rounded up to the queue's millisecond: that is not charged to the queue.
  const eligibleUs = ledger.eligibleUs(3);
  assert.ok(Math.abs(eligibleUs + OFFSET_US - runAtMs * 1000) < 1);
  assert.ok(eligibleUs >= waits.dueUs && eligibleUs < waits.dueUs + 1000);
});

test('a load that cannot start in time is void, with the reason; any other starts once all agents can know', () => {
  assert.equal(startInstantUs(undefined, 1e6, 'job-queue'), 1_060_000);
  assert.equal(startInstantUs(5e6, 1e6, 'job-queue'), 5e6);
  assert.throws(
    () => startInstantUs(5e6, 7e6, 'job-queue'),
    (error: unknown) => {
      assert.ok(error instanceof CannotMeasure);
      assert.match(error.message, /^the preload took 2\.1 s longer than foreseen/);
      return true;
    },
  );
});

// Which stretch of a load do the figures cover?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ScenarioInput, scenarioSchema } from '../../scenarios/scenario.ts';
import type { Figures } from '../measure/figures.ts';
import type { CheckResult } from '../verify/checker.ts';
import { lastMeasuredUs, measuredStretches, windowOf } from './window.ts';

const SECOND = 1e6;
const NO_WARM_UP = { seconds: 0, floorSeconds: 0, capSeconds: 0, found: true };
const START = 5e9;

function stretches(
  over: Partial<ScenarioInput>,
  settledSeconds: readonly number[] = [],
  left: { inFlight?: number; retried?: number; lost?: number } = {},
): (readonly [number, number])[] {
  const scenario = scenarioSchema.parse({
    name: 'test',
    question: 'Which?',
    preload: { ready: 10 },
    warmupSeconds: 0.5,
    phases: [{ label: 'drain', seconds: 4 }],
    ...over,
  });
  const openLoop = scenario.phases.some((p) => p.arrival !== undefined);
  const seconds = scenario.phases.reduce((sum, p) => sum + p.seconds, 0);
  const load = { startUs: START, loadEndUs: START + seconds * SECOND };
  const settledUs = Float64Array.from(settledSeconds, (s) => START + s * SECOND);
  const checked = {
    jobs: { inFlight: left.inFlight ?? 0, retried: left.retried ?? 0 },
    audit: { lost: left.lost ?? 0 },
  } as CheckResult;
  const lastUs = lastMeasuredUs(load, openLoop, { settledUs, histories: new Map() }, checked);
  return measuredStretches(scenario, load, scenario.warmupSeconds, lastUs).map((s) => [
    (s.fromUs - START) / SECOND,
    (s.toUs - START) / SECOND,
  ]);
}

const arrival = { model: 'poisson', ratePerSec: 10 } as const;

test('measured phases, less the warm-up', () => {
  const phases = [
    { label: 'a', seconds: 1, arrival },
    { label: 'b', seconds: 2, measured: false },
    { label: 'c', seconds: 3, arrival },
  ];
  assert.deepEqual(stretches({ phases }), [
    [0.5, 1],
    [3, 6],
  ]);
  assert.deepEqual(stretches({ phases, warmupSeconds: 3.5 }), [[3.5, 6]]);
});

test('a drain that was over early ends with its last job, which counts', () => {
  const [only] = stretches({}, [1, 2.5, Number.NaN, 2]);
  assert.ok(only !== undefined && only[0] === 0.5 && only[1] > 2.5 && only[1] < 2.501);
  assert.deepEqual(stretches({}, [0.1, 0.2]), [], 'over within the warm-up: nothing was measured');
  assert.deepEqual(stretches({}, [1, 9]), [[0.5, 4]], 'settled while the agents stopped');
});

test('a drain that stopped half-way lasted to the end, however fast it was until then', () => {
  for (const left of [{ inFlight: 1 }, { retried: 1 }, { lost: 1 }])
    assert.deepEqual(stretches({}, [1, 2], left), [[0.5, 4]]);
  assert.deepEqual(stretches({}, [], { inFlight: 10 }), [[0.5, 4]], 'nothing at all was settled');
});

test('an open loop is measured to the end of its phases, whenever its last job is settled', () => {
  assert.deepEqual(stretches({ phases: [{ label: 'a', seconds: 2, arrival }] }, [1]), [[0.5, 2]]);
});

test('what was measured for less than two checkpoints is labelled a burst, from ten minutes on a steady state', () => {
  const kind = (scheduled: number, measuredSeconds: number | undefined): string => {
    const phases = [{ label: 'a', seconds: scheduled, arrival }];
    const scenario = scenarioSchema.parse({ name: 'test', question: 'How long?', phases });
    const found = measuredSeconds === undefined ? undefined : ({ measuredSeconds } as Figures);
    // However long the queue takes to become empty: only what was measured counts.
    return windowOf(scenario, { startUs: 0, endUs: 3_600 * SECOND, faults: [] }, NO_WARM_UP, found).kind;
  };
  assert.equal(kind(601, 599.9), 'burst');
  assert.equal(kind(601, 600), 'steady-state');
  assert.equal(kind(600, 3), 'burst', 'a drain that was over early');
  assert.equal(kind(3_600, undefined), 'burst', 'nothing was measured at all');
});

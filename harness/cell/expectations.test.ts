// Is an expectation met or failed by the cell's own figures, and never passed in silence where they are missing?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { CELL_FIGURES, PHASE_FIGURES } from '../../scenarios/figures.ts';
import { type Cell, cellSchema, type ExpectationResult } from '../result/result.ts';
import { emptyAudit, emptyJobs } from '../verify/audit.ts';
import { withExpectations } from './expectations.ts';

const CELL: Cell = {
  ...{ id: 'x', block: 0, order: 0, repeat: 1, scenario: 's', parameters: {}, reasons: [], notes: [] },
  contender: { name: 'c', class: 'job-queue', batch: 1, effective: {} },
  verdict: 'valid',
  window: {
    loadModel: 'open loop',
    kind: 'burst',
    warmupSeconds: 0,
    measuredSeconds: 10,
    totalSeconds: 12,
    phases: [],
    faults: [],
  },
  jobs: { ...emptyJobs(), deadLettered: 3 },
  throughput: { settledPerSec: 190, offeredPerSec: 200 },
  latencyUs: {
    pickup: { count: 20_000, min: 100, mean: 900, p50: 800, p99: 3_200, max: 9_000 },
    response: {
      count: 20_000,
      min: 100,
      mean: 900,
      p50: 800,
      p99: 40_000,
      max: 50_000,
      unfinished: 300,
      unfinishedFromUs: 30_000,
    },
  },
  phases: [
    {
      label: 'clean',
      seconds: 5,
      settledPerSec: 200,
      pickupUs: { count: 20_000, min: 1, mean: 2, p50: 2, p99: 1_000, max: 9 },
    },
    {
      label: 'held',
      seconds: 5,
      settledPerSec: 150,
      pickupUs: { count: 900, min: 1, mean: 2, p50: 2, max: 9 },
    },
  ],
  recovery: {
    ...{ faultsFromSeconds: 5, faultsToSeconds: 7, observedSeconds: 4 },
    baseline: { settledPerSec: 200, seconds: 4 },
    during: { settledPerSec: 100, seconds: 2, share: 0.5 },
  },
  cost: { walBytesPerJob: 1_180 },
  audit: emptyAudit(),
  generator: { generatorBound: false, peakRssBytes: 1 },
};

const recoveryOf = ({ recovery }: Cell) => recovery ?? assert.fail('no recovery');

const PHASES = [{ label: 'clean' }, { label: 'held' }];

function judged(text: string, cell: Cell = CELL): ExpectationResult {
  const scenario = { expect: [text], phases: PHASES } as unknown as Parameters<typeof withExpectations>[1];
  const { expectations } = cellSchema.parse(withExpectations(cell, scenario));
  return expectations?.[0] ?? assert.fail('no expectation');
}

const state = (text: string, cell?: Cell): string => judged(text, cell).state;

test('a cell whose scenario expects nothing stays as it is', () => {
  assert.equal(withExpectations(CELL, { expect: [], phases: [] }), CELL);
});

test('a count that nobody could judge meets nothing, though it is 0', () => {
  const expect = ['priorityInversions = 0', 'lost = 0'];
  const scenario = { expect, phases: PHASES } as unknown as Parameters<typeof withExpectations>[1];
  const { expectations } = withExpectations(CELL, scenario, new Set(['priorityInversions'] as const));
  assert.deepEqual(
    expectations?.map(({ state, why }) => [state, why]),
    [
      ['untold', 'priorityInversions could not be judged in this cell: a note says why'],
      ['met', undefined],
    ],
  );
});

test('what is there is compared, with its figure and its limit', () => {
  assert.deepEqual(judged('lost = 0'), {
    ...{ text: 'lost = 0', state: 'met', actual: 0, limit: 0 },
    found: '0, where 0 was the limit',
  });
  assert.deepEqual(judged('pickup.p99 < 1 ms'), {
    ...{ text: 'pickup.p99 < 1 ms', state: 'failed', actual: 3_200, limit: 1_000 },
    found: '3.2 ms, where 1 ms was the limit',
  });
  assert.equal(state('deadLettered = 0'), 'failed');
  assert.equal(state('jobs.deadLettered = 3'), 'met');
  assert.equal(state('walBytesPerJob < 1 kB'), 'failed');
  assert.equal(state('pickup.p99 <= 3.2 ms'), 'met');
  assert.equal(state('pickup.p99 < 3.2 ms'), 'failed');
  assert.equal(state('pickup.p99 > 3.2 ms'), 'failed');
  assert.equal(state('pickup.p99 >= 3.2 ms'), 'met');
  assert.equal(state('settled >= 0.95 x offered'), 'met');
  assert.equal(state('settled >= 0.96 x offered'), 'failed');
  assert.equal(state('held.settled >= 0.95 x clean.settled'), 'failed');
  assert.equal(state('during >= 50 %'), 'met');
  assert.equal(state('clean.settled >= baseline'), 'met');
});

test('what is absent is untold, with the reason, on either side', () => {
  assert.match(
    judged('held.pickup.p99 < 1 s').why ?? '',
    /^held\.pickup\.p99 is absent: fewer than 100 samples/,
  );
  assert.equal(state('held.pickup.p99 < 1 s'), 'untold');
  assert.equal(state('clean.pickup.p99 < 10 x held.pickup.p99'), 'untold');
  assert.equal(state('roundTripsPerJob < 3'), 'untold');
  const short = { ...CELL, recovery: { ...recoveryOf(CELL), observedSeconds: 0.5 } };
  assert.match(judged('regained < 1 s', short).why ?? '', /the load ended within a second of the last fault/);
});

test('what had not come to pass when the load ended took longer than was looked for it', () => {
  const late = judged('settled >= 0.95 x baseline within 30 s after recovery');
  assert.equal(late.state, 'untold');
  assert.match(late.why ?? '', /had not come to pass when the load ended, 3 s on: lengthen the last phase/);
  assert.equal(state('settled >= 0.95 x baseline within 2 s after recovery'), 'failed', '3 s were looked at');
  assert.equal(state('drained < 1 s'), 'untold', 'a drain has no backlog to work off');
  const waiting = { ...CELL, recovery: { ...recoveryOf(CELL), backlogPeak: 900 } };
  assert.equal(state('drained < 1 s', waiting), 'failed');
  assert.equal(state('drained < 5 s', waiting), 'untold');
});

test('a void cell tells nothing, whatever figures stand in it', () => {
  for (const verdict of ['invalid', 'incorrect'] as const) {
    const found = judged('lost = 0', { ...CELL, verdict });
    assert.deepEqual(found, { text: 'lost = 0', state: 'untold', why: `the cell is ${verdict}` });
  }
});

test('a lower bound decides only what would not change were it larger', () => {
  assert.equal(state('response.p99 < 35 ms'), 'failed', 'it is 40 ms at least');
  assert.equal(state('response.p99 < 1 s'), 'untold');
  assert.equal(state('response.p99 > 35 ms'), 'met');
  assert.equal(state('response.p99 > 1 s'), 'untold');
  assert.equal(state('response.p50 < 1 ms'), 'met', 'below the bound it is exact');
  assert.equal(state('pickup.p99 < response.p99'), 'met');
  assert.equal(state('pickup.p99 > response.p99'), 'failed');
  assert.equal(state('pickup.max < 0.1 x response.max'), 'untold', '0.1 × 50 ms or more');
  assert.equal(state('response.max = 50 ms'), 'untold');
});

/** Whether a schema has a number at this path. */
function hasNumber(schema: unknown, words: readonly string[]): boolean {
  const { type, properties, items } = z
    .looseObject({
      type: z.string().optional(),
      properties: z.record(z.string(), z.unknown()).optional(),
      items: z.unknown().optional(),
    })
    .parse(schema);
  const [first, ...rest] = words;
  if (first === undefined) return type === 'number' || type === 'integer';
  const inner = first === '*' ? items : properties?.[first];
  return inner !== undefined && hasNumber(inner, rest);
}

test('every figure that an expectation may name is a number of a result', () => {
  const cell = z.toJSONSchema(cellSchema);
  for (const [name, { path }] of [...CELL_FIGURES, ...PHASE_FIGURES])
    assert.ok(hasNumber(cell, path.split('.')), `${name}: ${path}`);
});

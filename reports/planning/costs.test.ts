// Are costs those of the load nearest to the rate, over a day, and absent where they were not measured?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Cell } from '../../harness/result/result.ts';
import { planned, question } from '../../testing/synthetic/capacity-world.ts';
import { costsOf } from './costs.ts';
import type { MeasuredCell } from './measured.ts';

const { input } = await planned(question(), { search: false });
const light = input.cells.find(({ purpose }) => purpose === 'light');
const closed = input.cells.find(({ purpose }) => purpose === 'closed');
assert.ok(light !== undefined && closed !== undefined);

function open(offeredPerSec: number, cost: Cell['cost'], verdict: Cell['verdict'] = 'valid'): MeasuredCell {
  assert.ok(light !== undefined);
  const { cost: _cost, ...cell } = light.cell;
  const throughput = { offeredPerSec, settledPerSec: offeredPerSec };
  return { ...light, cell: { ...cell, verdict, throughput, ...(cost === undefined ? {} : { cost }) } };
}

test('nothing measured: nothing told', () => {
  assert.deepEqual(costsOf(input.cells, 100, 1_000), {});
  assert.deepEqual(costsOf([], 100, undefined), {});
});

test('by the open load whose rate is nearest in proportion, void ones left out', () => {
  const cells = [
    open(10, { walBytesPerJob: 1_000, commitsPerJob: 3, serverCpuUsPerJob: 500 }),
    open(150, { walBytesPerJob: 800 }, 'invalid'),
    open(400, { walBytesPerJob: 600, commitsPerJob: 2, serverCpuUsPerJob: 300 }),
    open(100, undefined),
  ];
  assert.deepEqual(costsOf(cells, 100, undefined), {
    walBytesPerJob: 600,
    walBytesPerDay: 600 * 100 * 86_400,
    commitsPerSec: 200,
  });
  // CPU time of a server that idles most of the time tells nothing of a rate four times as high.
  const near = costsOf(cells, 250, undefined);
  assert.deepEqual([near.serverCpuSecondsPer1000Jobs, near.serverCores], [0.3, 0.075]);
  assert.equal(costsOf(cells, 20, undefined).walBytesPerJob, 1_000);
});

/** A closed load whose tables and indexes had so many bytes when it began. */
function closedWith(preloadJobs: number, bytes: number): MeasuredCell {
  assert.ok(closed !== undefined);
  const parameters = { ...closed.cell.parameters, preloadJobs };
  const of = (relation: string, kind: 'table' | 'index', when: 'before' | 'after') => ({
    ...{ relation, kind, when },
    bytes: when === 'before' ? bytes / 2 : 10 * bytes,
  });
  const storage = (['before', 'after'] as const).flatMap((when) => [
    of('jobs', 'table', when),
    of('jobs_ready', 'index', when),
  ]);
  const telemetry = { sampling: true, readings: 1, missing: [], storage };
  return { ...closed, cell: { ...closed.cell, parameters, telemetry } };
}

test('a backlog on disk: by the largest that was made, tables and indexes, before the load', () => {
  const cells = [closedWith(1_000, 9_000_000), closedWith(50_000, 10_000_000)];
  assert.equal(costsOf(cells, 100, 3_600).diskBytesOfBacklog, 200 * 3_600);
  assert.equal(costsOf(cells, 100, undefined).diskBytesOfBacklog, undefined, 'nobody asked');
});

// Do the charts of capacity draw what was measured, leave holes holes, and say nothing beyond what may be said?

import assert from 'node:assert/strict';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import type { RunResult } from '../../harness/result/result.ts';
import { temporaryFolder } from '../../testing/command.ts';
import { readBundle } from '../bundle.ts';
import { answerOf } from '../capacity/answer.ts';
import { probeLatency } from '../capacity/probe-latency.ts';
import { surfaceDurabilityMark, surfaceOf } from '../capacity/surface.ts';
import { surfaceTable } from '../tables/capacity-checks.ts';
import { type CapacityKind, writeCapacityFixture } from '../testing-capacity-fixture.ts';
import { capacityCharts } from './capacity.ts';
import { searchChart } from './capacity-search.ts';
import { sweepChart } from './capacity-sweep.ts';
import type { Chart } from './chart.ts';

async function chartsOf(
  t: TestContext,
  kind: CapacityKind,
): Promise<{ result: RunResult; of: (id: string) => Chart }> {
  const dir = path.join(temporaryFolder(t), 'b');
  await writeCapacityFixture(dir, kind);
  const bundle = await readBundle(dir);
  const charts = capacityCharts(bundle, '');
  const of = (id: string): Chart => {
    const found = charts.find((chart) => chart.id === `capacity-${id}`);
    assert.ok(found, id);
    return found;
  };
  return { result: bundle.result, of };
}

type Rows = readonly Readonly<Record<string, unknown>>[];

function rowsOf(chart: Chart, name: string): Rows {
  const rows = chart.spec.datasets?.[name];
  assert.ok(Array.isArray(rows), name);
  return rows as Rows;
}

test('the law is drawn as far as something may be said of it, with what was held back apart', async (t) => {
  const { of } = await chartsOf(t, 'plan');
  const chart = of('scaling');
  const band = rowsOf(chart, 'band');
  // The bundle has rows beyond: they are not drawn.
  assert.deepEqual([band.at(0)?.['handlers'], band.at(-1)?.['handlers']], [1, 64]);
  const held = rowsOf(chart, 'points').filter((point) => point['heldBack'] === true);
  assert.deepEqual(
    held.map((point) => point['handlers']),
    [6, 20],
  );
  assert.match(chart.subtitle, /an annotation: the SLO decides/);
  const domains = JSON.stringify(chart.spec).match(
    /"field":"handlers","type":"quantitative","scale":\{"domain":\[0,\d+\]/g,
  );
  assert.deepEqual(
    [...new Set(domains)],
    ['"field":"handlers","type":"quantitative","scale":{"domain":[0,64]'],
  );
});

test('without a fit there are points alone, to the last of them', async (t) => {
  const { of } = await chartsOf(t, 'refused');
  const chart = of('scaling');
  assert.deepEqual(rowsOf(chart, 'band'), []);
  assert.equal(rowsOf(chart, 'points').length, 10);
  assert.match(chart.subtitle, /NO FIT/);
  assert.match(chart.description, /did not converge/);
  assert.ok(JSON.stringify(chart.spec).includes('"domain":[0,32]'));
});

test('probes stand by outcome; what has no percentile stands below all that have, and breaks the course', async (t) => {
  const { of } = await chartsOf(t, 'search');
  const chart = of('search');
  const probes = rowsOf(chart, 'probes');
  assert.equal(probes.length, 11);
  const least = Math.min(...rowsOf(chart, 'course').map((row) => Number(row['ms'])));
  const floor = probes.filter((row) => row['outcome'] === 'void');
  assert.ok(floor.length === 1 && Number(floor[0]?.['ms']) < least);
  assert.ok(!rowsOf(chart, 'course').some((row) => row['rate'] === 3200));
  assert.deepEqual(rowsOf(chart, 'between'), [{ rate: 950, to: 1036 }]);
  assert.match(chart.subtitle, /on the floor: 2 probes without this percentile/);
});

test('where probes are too short for the percentile of the SLO, all are shown by a lower one', async (t) => {
  const { result } = await chartsOf(t, 'search');
  const search = result.capacity?.search;
  assert.ok(search);
  // The fixture's own cells have a median, and too few jobs for more.
  const probes = search.probes.map(({ percentileUs: _percentile, ...probe }) => probe);
  const shown = probeLatency({ ...search, probes }, result.cells);
  assert.equal(shown?.percentile, 90);
  const byId = new Map(result.cells.map((cell) => [cell.id, cell]));
  assert.deepEqual(
    shown?.valuesUs,
    probes.map(({ cell, outcome }) =>
      outcome === 'void' ? undefined : byId.get(cell)?.latencyUs?.pickup?.p90,
    ),
  );
  const chart = searchChart({ ...search, probes }, result.cells, '');
  assert.match(chart?.title ?? '', /^pickup p90 \(the SLO is about p99\) by offered rate/);
  assert.match(chart?.subtitle ?? '', /too few jobs in a probe for p99.*not that of p90/);
  assert.match(JSON.stringify(chart?.spec), /SLO of p99, not p90: /);
  assert.match(JSON.stringify(chart?.spec), /"strokeDash":\[2,4\],"opacity":0\.6/);
  const invalid = result.cells.map((cell) => ({ ...cell, verdict: 'invalid' as const }));
  assert.equal(searchChart({ ...search, probes }, invalid, ''), undefined);
});

test('a point of a sweep that is void, incorrect or missing is a hole, and never zero', async (t) => {
  const { result, of } = await chartsOf(t, 'sweep');
  const fields = rowsOf(of('sweep'), 'fields');
  assert.equal(fields.length, 15);
  const holes = fields.filter((field) => field['state'] !== 'measured');
  assert.deepEqual(
    holes.map(({ state, step, text }) => ({ state, step, text })),
    [
      { state: 'void', step: -1, text: 'void' },
      { state: 'incorrect', step: -1, text: 'incorrect' },
      { state: 'missing', step: -1, text: '–' },
    ],
  );
  assert.equal(fields.filter((field) => field['best'] === true).length, 1);
  const surface = surfaceOf(result);
  assert.deepEqual(surface?.best?.at, [16, 10]);
  assert.ok(!of('sweep').hover.some(({ value }) => value === 0));
});

test('a point that refines a grid stands alone: the rest of its row was never asked for, and is no hole', async (t) => {
  const { result } = await chartsOf(t, 'sweep');
  const sweep = result.capacity?.sweep;
  const [first, ...others] = sweep?.axes ?? [];
  const [point] = sweep?.points ?? [];
  assert.ok(result.capacity && sweep && first && point);
  const axes = [{ ...first, values: [...first.values, 99] }, ...others];
  const points = [...sweep.points, { at: { ...point.at, [first.name]: 99 }, cells: point.cells }];
  const refined = { ...result, capacity: { ...result.capacity, sweep: { ...sweep, axes, points } } };
  const surface = surfaceOf(refined);
  assert.equal(surface?.points.length, sweep.points.length + 1);
  assert.equal(surface?.points.filter(({ at }) => at[0] === 99).length, 1);
});

test('a third axis makes a small map for each of its values, a single one a line with gaps', async (t) => {
  const { of } = await chartsOf(t, 'cube');
  const { spec } = of('sweep');
  assert.ok('concat' in spec && spec.concat.length === 3);
  const line = await chartsOf(t, 'line');
  const dots = rowsOf(line.of('sweep'), 'dots');
  assert.deepEqual(
    dots.map(({ x, part }) => ({ x, part })),
    [
      { x: 1, part: 0 },
      { x: 4, part: 1 },
      { x: 8, part: 1 },
      { x: 16, part: 1 },
    ],
  );
  assert.ok(
    dots.every(({ value, low, high }) => Number(low) < Number(value) && Number(value) < Number(high)),
  );
});

test('at a rate the shortest wait is the best, but no lower bound is', async (t) => {
  const { result } = await chartsOf(t, 'waits');
  const best = surfaceOf(result)?.best;
  assert.deepEqual(best?.at, [4, 100]);
  const bounded: RunResult = {
    ...result,
    cells: result.cells.map((cell) => {
      const pickup = cell.latencyUs?.pickup;
      return best?.cells.includes(cell.id) && pickup !== undefined
        ? { ...cell, latencyUs: { ...cell.latencyUs, pickup: { ...pickup, unfinishedFromUs: 1_000 } } }
        : cell;
    }),
  };
  // Without a p99 all points are told by what they can quote.
  const short = surfaceOf({
    ...result,
    cells: result.cells.map((cell) => {
      const { p99: _p99, ...pickup } = cell.latencyUs?.pickup ?? { count: 0, min: 0, mean: 0, max: 0 };
      return { ...cell, latencyUs: { ...cell.latencyUs, pickup } };
    }),
  });
  assert.deepEqual([short?.percentile, short?.best?.state], ['p50', 'measured']);
  const surface = surfaceOf(bounded);
  assert.deepEqual(surface?.best?.at, [2, 1_000]);
  assert.ok(surface?.points.some((point) => point.state === 'measured' && point.bound));
});

test('what is not durable is never the best beside what is, and says so', async (t) => {
  const { result } = await chartsOf(t, 'line');
  const sweep = result.capacity?.sweep;
  assert.ok(result.capacity && sweep);
  const { server } = result.environment;
  const labelled = (label: string, durable: boolean) => ({ ...server, label, durable });
  const axes = [{ name: 'set.fsync', values: [...new Array(6).keys()] }];
  const points = sweep.points.map(({ cells }, i) => ({ at: { 'set.fsync': i }, cells }));
  const weak = (isWeak: (i: number) => boolean): RunResult => ({
    ...result,
    environment: {
      ...result.environment,
      servers: points.map((_, i) => labelled(`fsync=${i}`, !isWeak(i))),
    },
    capacity: { ...result.capacity, cells: [], sweep: { ...sweep, axes, points } },
  });
  assert.deepEqual(surfaceOf(weak(() => false))?.best?.at, [4]);
  const some = surfaceOf(weak((i) => i === 4));
  assert.ok(some);
  assert.deepEqual(some.best?.at, [3]);
  const states = surfaceTable(some).rows.map(({ cells }) => cells[2]?.text);
  assert.deepEqual(states.slice(2, 5), ['measured', 'measured, the best', 'measured, NOT DURABLE']);
  const chart = sweepChart(some, surfaceDurabilityMark(some));
  assert.ok(chart);
  assert.match(chart.subtitle, /^NOT DURABLE, marked †: 1 point of 6/);
  assert.deepEqual(
    rowsOf(chart, 'dots').map(({ sign }) => sign),
    ['', '', '', '†'],
  );
  const all = weak(() => true);
  assert.match(answerOf(all).text, /NOT DURABLE/);
  assert.equal(answerOf(all).facts[0]?.tone, 'bad');
  assert.match(answerOf(weak((i) => i === 4)).text, /1 point NOT DURABLE has no part in that/);
});

test('the outage is drawn with the drain that was predicted, from its end to no backlog', async (t) => {
  const { of } = await chartsOf(t, 'plan');
  const chart = of('drain');
  assert.deepEqual(rowsOf(chart, 'outage'), [{ t: 6, to: 14, label: 'outage' }]);
  const [from, to] = rowsOf(chart, 'line');
  assert.equal(from?.['t'], 14);
  assert.ok(Number(from?.['jobs']) > 4_000);
  assert.deepEqual(to, { t: 21.1, jobs: 0 });
  assert.match(chart.description, /predicted 7.10 s, measured 7.60 s/);
});

test('the margin has a bar for each rate asked and each limit that is known', async (t) => {
  const { of } = await chartsOf(t, 'impossible');
  assert.deepEqual(
    rowsOf(of('margin'), 'bars').map(({ label, kind }) => `${String(label)}: ${String(kind)}`),
    ['Average asked: asked', 'Peak asked: asked', 'Peak in 18 months: asked', 'SLO limit, least: short'],
  );
});

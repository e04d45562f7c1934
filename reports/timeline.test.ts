// Does a timeline keep to its axis, tell no latency in a drain, and say so where too little of the server was seen?

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { type Bundle, readBundle, type ServerSample } from './bundle.ts';
import { timelineCharts } from './charts/timeline.ts';
import { dataOf, hoverOf } from './charts/timeline-data.ts';
import { drawChart } from './render/svg.ts';
import { type Panel, summarise } from './summary.ts';
import { writeFixture } from './testing-fixture.ts';
import { STANDARD } from './testing-fixture-data.ts';
import { frameOf, type Timeline, timelineOf } from './timeline.ts';

async function fixture(t: TestContext, scenario: string, seconds?: number) {
  const dir = await mkdtemp(path.join(tmpdir(), 'claimbench-timeline-'));
  t.after(() => rm(dir, { recursive: true }));
  const scenarios = STANDARD.scenarios
    .filter(({ name }) => name === scenario)
    .map((one) => (seconds === undefined ? one : { ...one, seconds, warmupSeconds: 0, phases: [] }));
  await writeFixture(dir, { scenarios, contenders: STANDARD.contenders.slice(0, 1), repeats: 1 });
  const bundle = await readBundle(dir);
  const [panel] = summarise(bundle.result);
  assert.ok(panel);
  return { bundle, panel };
}

/** The timeline of a panel with other readings of the server. */
function seen(bundle: Bundle, panel: Panel, instants: readonly number[]): Timeline {
  const server = (cell: string): ServerSample[] =>
    instants.map((t, i) => ({
      ...{ kind: 'server', cell, t, walBytes: i * 1_000, commits: i, deadTuples: 100 + i },
      ...{ checkpoints: i, autovacuumWorkers: i < 2 ? 1 : 0, waits: { CPU: 1 + i } },
    }));
  const doctored = { ...bundle, server: new Map(bundle.result.cells.map(({ id }) => [id, server(id)])) };
  const timeline = timelineOf(doctored, panel, frameOf(doctored, [panel]));
  assert.ok(timeline);
  return timeline;
}

const titles = (timeline: Timeline) =>
  [...JSON.stringify(timelineCharts('panel', timeline, '')[0]?.spec).matchAll(/"title":"([^"]+)"/g)].map(
    ([, title]) => title,
  );

test('what was read before the load or after the axis is not drawn beside it', async (t) => {
  const { bundle, panel } = await fixture(t, 'steady');
  const timeline = seen(bundle, panel, [-1.1, -0.1, 0.9, 1.9, 29.9, 30.9]);
  const [strip] = timeline.strips;
  assert.ok(strip);
  const data = dataOf(strip, timeline);
  assert.deepEqual(data.dead, [
    { t: 0, v: 101 },
    { t: 0.9, v: 102 },
    { t: 1.9, v: 103 },
    { t: 29.9, v: 104 },
  ]);
  for (const rows of [data.wal, data.waits, data.checkpoints, data.load])
    assert.ok(rows.length > 0 && rows.every(({ t: at }) => at >= 0 && at <= timeline.seconds));
  assert.deepEqual(data.autovacuums, [], 'what ended before the load is not its own');
  assert.equal(strip.silence, undefined);
});

test('an autovacuum that began before the load is drawn from its start', async (t) => {
  const { bundle, panel } = await fixture(t, 'steady');
  const [strip] = seen(bundle, panel, [-0.4, 0.6, 1.6, 2.6]).strips;
  assert.deepEqual(strip?.autovacuums, [{ from: 0, to: 0.6 }]);
});

test('a load with fewer than three readings within it says so in place of the server', async (t) => {
  const { bundle, panel } = await fixture(t, 'steady', 2);
  const timeline = seen(bundle, panel, [-0.1, 0.9, 1.9, 2.9]);
  const [strip] = timeline.strips;
  assert.equal(strip?.silence, 'load too short for server samples');
  assert.ok(titles(timeline).includes('Server'));
  assert.ok(!titles(timeline).some((title) => /Dead tuples|WAL|wait/.test(title ?? '')));
  const [chart] = timelineCharts('panel', timeline, '');
  assert.ok(chart);
  assert.match((await drawChart(chart)).body, />load too short for server samples</);
  assert.match(chart.description, /load too short for server samples/);
  assert.deepEqual(chart.legend, [], 'no legend of waits that are not drawn');
});

test('in a longer load that was hardly watched it is not the load that is too short', async (t) => {
  const { bundle, panel } = await fixture(t, 'steady');
  assert.equal(seen(bundle, panel, [-0.1, 0.9]).strips[0]?.silence, 'too few server samples');
  assert.equal(
    seen(bundle, panel, []).strips[0]?.silence,
    undefined,
    'without sampling there is nothing to say',
  );
});

test('a drain shows no latency over time, an open loop does', async (t) => {
  for (const [scenario, shown] of [
    ['drain', false],
    ['steady', true],
  ] as const) {
    const { bundle, panel } = await fixture(t, scenario);
    const timeline = timelineOf(bundle, panel, frameOf(bundle, [panel]));
    const [strip] = timeline?.strips ?? [];
    const bucket = strip?.buckets[5];
    assert.ok(timeline && strip && bucket);
    assert.equal(
      titles(timeline).some((title) => /p99|response/.test(title ?? '')),
      shown,
    );
    assert.equal(/pickup|response|wait p/.test(String(hoverOf(bucket, strip, timeline)['tip'])), shown);
  }
});

test('what broke is shaded and named, and the bystander has a plot where there was one', async (t) => {
  const { bundle, panel } = await fixture(t, 'worker-crash');
  const alone = timelineOf(bundle, panel, frameOf(bundle, [panel]));
  assert.ok(alone && !titles(alone).some((title) => title?.startsWith('Bystander')));
  const beside = (cell: string) =>
    Array.from({ length: 48 }, (_, i) => ({
      ...{ kind: 'bystander' as const, cell, t: i + 1, seconds: 1, count: 250, failed: 0 },
      ...{ p50Us: 900, maxUs: i === 15 ? 90_000 : 3_000 },
    }));
  const busy = { ...bundle, bystander: new Map(bundle.result.cells.map(({ id }) => [id, beside(id)])) };
  const timeline = timelineOf(busy, panel, frameOf(busy, [panel]));
  const [strip] = timeline?.strips ?? [];
  assert.ok(timeline && strip);
  assert.ok(titles(timeline).includes('Bystander p99 (bold), p50; max (dots)'));
  const data = dataOf(strip, timeline);
  assert.deepEqual(data.held, [{ from: 14, to: 22, lane: 0 }]);
  assert.deepEqual(data.faultNames, [{ from: 14, lane: 0, text: 'stall-worker' }]);
  assert.deepEqual(data.neighbourP99, [], 'too few samples in a second');
  assert.equal(Math.max(...(data.neighbourMax ?? []).map(({ v }) => v)), 90);
  const [chart] = timelineCharts('panel', timeline, '');
  assert.ok(chart);
  assert.match(chart.subtitle, /stall-worker 14–22 s/);
  const { body } = await drawChart(chart);
  assert.match(body, />stall-worker</);
  const bucket = strip.buckets.find(({ from, to }) => from <= 15.5 && to > 15.5);
  assert.ok(bucket);
  assert.match(String(hoverOf(bucket, strip, timeline)['tip']), /bystander max 90\.0/);
});

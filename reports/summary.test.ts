// Do panels rank only what may be ranked, and withhold what was not proven?

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import type { Cell, RunResult } from '../harness/result/result.ts';
import { readBundle } from './bundle.ts';
import { ladder } from './curves.ts';
import { findingsOf, overallVerdict } from './findings.ts';
import { contenderOrder, seriesOf } from './series.ts';
import { middle, type Panel, summarise, typicalCell, worst } from './summary.ts';
import { fairnessTable } from './tables/settings.ts';
import { verdictTable } from './tables/verdict.ts';
import { type FixtureOptions, writeFixture } from './testing-fixture.ts';
import { STANDARD } from './testing-fixture-data.ts';

async function fixture(options: FixtureOptions = {}): Promise<RunResult> {
  const dir = await mkdtemp(path.join(tmpdir(), 'claimbench-summary-'));
  try {
    return await writeFixture(dir, { scenarios: STANDARD.scenarios.slice(0, 2), ...options });
  } finally {
    await rm(dir, { recursive: true });
  }
}

const rowOf = (panels: readonly Panel[], scenario: string, contender: string) => {
  const row = panels
    .filter((panel) => panel.scenario === scenario)
    .flatMap((panel) => panel.rows)
    .find((one) => one.series.contender === contender);
  assert.ok(row, `${contender} in ${scenario}`);
  return row;
};

test('one panel per scenario and contract class, rows in the order of the command', async () => {
  const result = await fixture();
  const panels = summarise(result);
  assert.deepEqual(
    panels.map((panel) => [panel.id, panel.rows.map((row) => row.series.label)]),
    [
      ['drain-job-queue', ['skip-locked', 'batch?batch=100', 'advisory']],
      ['drain-visibility-timeout', ['pgmq']],
      ['steady-job-queue', ['skip-locked', 'batch?batch=100', 'advisory']],
      ['steady-visibility-timeout', ['pgmq']],
    ],
  );
  assert.deepEqual(contenderOrder({ ...result, contenders: ['pgmq', 'advisory'] }).slice(0, 2), [
    'pgmq',
    'advisory',
  ]);
});

test('figures are median and range over repeats; the ratio is paired by block', async () => {
  const result = await fixture();
  const panels = summarise(result);
  const row = rowOf(panels, 'drain', 'batch?batch=100');
  const rates = (contender: string) =>
    result.cells
      .filter((cell) => cell.scenario === 'drain' && cell.contender.name === contender)
      .toSorted((a, b) => a.block - b.block)
      .map((cell) => cell.throughput?.settledPerSec ?? Number.NaN);
  const own = rates('batch?batch=100').toSorted((a, b) => a - b);
  assert.deepEqual(row.settledPerSec, {
    kind: 'measured',
    spread: { n: 3, median: own[1], min: own[0], max: own[2] },
  });
  const base = rates('skip-locked');
  const ratios = rates('batch?batch=100').map((rate, i) => rate / (base[i] ?? Number.NaN));
  assert.equal(worst(row.ratio), Math.max(...ratios));
  assert.equal(typicalCell(row)?.throughput?.settledPerSec, own[1]);
});

test('one incorrect repeat withholds all figures of its contender there, and nowhere else', async () => {
  const amend = (cell: Cell): Cell => {
    if (cell.repeat !== 1 || cell.scenario !== 'drain' || cell.contender.name !== 'advisory') return cell;
    const { throughput: _t, latencyUs: _l, cost: _c, ...rest } = cell;
    return { ...rest, verdict: 'incorrect', reasons: ['lost 1 job'] };
  };
  const result = await fixture({ amend });
  const panels = summarise(result);
  const row = rowOf(panels, 'drain', 'advisory');
  assert.equal(row.state, 'incorrect');
  assert.equal(row.settledPerSec.kind, 'absent');
  assert.equal(row.latency.response.p99.kind, 'absent');
  assert.equal(row.cost.walBytesPerJob.kind, 'absent');
  assert.equal(rowOf(panels, 'steady', 'advisory').state, 'measured');
  assert.deepEqual(overallVerdict(result), { tone: 'bad', text: '1 of 24 cells INCORRECT' });
  assert.match(findingsOf(result, panels)[0]?.title ?? '', /advisory is incorrect in drain/);
});

test('invalid repeats are left out of medians and kept on the list', async () => {
  const amend = (cell: Cell): Cell =>
    cell.repeat === 0 && cell.contender.name === 'skip-locked'
      ? { ...cell, verdict: 'invalid', reasons: ['late'] }
      : cell;
  const result = await fixture({ amend });
  const row = rowOf(summarise(result), 'drain', 'skip-locked');
  assert.equal(row.settledPerSec.kind === 'measured' && row.settledPerSec.spread.n, 2);
  assert.equal(row.invalid.length, 1);
  assert.equal(overallVerdict(result).text, '2 of 24 cells invalid');
});

test('an absent percentile stays absent, with its reason', async () => {
  const amend = (cell: Cell): Cell => {
    const { pickup } = cell.latencyUs ?? {};
    if (pickup === undefined) return cell;
    const { p99: _p99, ...rest } = pickup;
    return { ...cell, latencyUs: { pickup: rest } };
  };
  const row = rowOf(summarise(await fixture({ amend })), 'drain', 'skip-locked');
  assert.deepEqual(row.latency.pickup.p99, {
    kind: 'absent',
    why: 'fewer than 100 samples lie beyond this percentile',
  });
  assert.deepEqual(row.latency.response.p99, { kind: 'absent', why: 'not measured' });
  assert.ok((middle(row.latency.pickup.p50) ?? 0) > 0);
});

test('a swept parameter tells series apart', async () => {
  const result = await fixture();
  const doubled = result.cells.map((cell) => ({
    ...cell,
    id: `${cell.id}-8`,
    parameters: { ...cell.parameters, workerConnections: 16 },
  }));
  const swept = { ...result, cells: [...result.cells, ...doubled] };
  const { series } = seriesOf(swept);
  assert.ok(series.some((one) => one.label === 'skip-locked · workerConnections=16'));
  assert.ok(series.every((one) => !one.label.includes('payloadBytes')));
  const looks = new Set(series.map((one) => `${one.colour.light} ${one.shape}`));
  assert.equal(looks.size, series.length);
  const row = rowOf(summarise(swept), 'drain', 'skip-locked');
  assert.equal(row.measured.length, 3);
});

test('a rate that is a share of each contender’s own capacity is no sweep, and is declared', async () => {
  const amend = (cell: Cell): Cell => ({
    ...cell,
    parameters: { ...cell.parameters, ratePerSec: cell.contender.batch * 100 + cell.repeat },
  });
  const result = await fixture({ amend });
  assert.equal(seriesOf(result).series.length, 4);
  const [panel] = summarise(result);
  assert.ok(panel);
  assert.deepEqual(panel.differing, ['ratePerSec']);
  assert.equal(panel.workload, 'workerAgents 1 · workerConnections 8 · payloadBytes 100');
  assert.ok(fairnessTable(panel).rows.some(({ cells: [setting] }) => setting?.text === 'ratePerSec'));
  assert.ok(verdictTable(panel).notes.some((note) => note.startsWith('The offered rate differs')));
});

test('what weakens the figures is found: durability, interruption, batch, few repeats, shared machine', async () => {
  const result = await fixture({ durable: false, complete: false });
  const titles = findingsOf(result, summarise(result)).map((one) => one.title);
  assert.deepEqual(titles, [
    'The server is not durable',
    'The run is incomplete',
    'batch?batch=100 claims less than it declares in drain',
    '3 repeats only',
    'Generator and server share a machine',
  ]);
});

test('a curve ends where fewer than 100 samples lie beyond', () => {
  assert.deepEqual(ladder(100), []);
  for (const count of [101, 250, 10_000, 123_456]) {
    const xs = ladder(count);
    assert.equal(xs[0], 1);
    assert.equal(xs.at(-1), count / 100);
    assert.ok(xs.every((x) => count / x >= 100 - 1e-9));
    assert.deepEqual(
      xs,
      xs.toSorted((a, b) => a - b),
    );
  }
  assert.ok(ladder(10_000).includes(2) && ladder(10_000).includes(100));
});

test('a percentile that no repeat may quote comes from all repeats merged, without a range', async (t) => {
  const folder = await mkdtemp(path.join(tmpdir(), 'claimbench-summary-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  await writeFixture(folder, { scenarios: STANDARD.scenarios.slice(0, 2) });
  const { result, histograms } = await readBundle(folder);
  const steady = result.cells.filter((c) => c.scenario === 'steady' && c.contender.name === 'skip-locked');
  const without = {
    ...result,
    cells: result.cells.map((cell) => {
      const response = cell.latencyUs?.response;
      if (response === undefined || !steady.includes(cell)) return cell;
      const { p99: _, ...rest } = response;
      return { ...cell, latencyUs: { ...cell.latencyUs, response: rest } };
    }),
  };
  const alone = rowOf(summarise(without), 'steady', 'skip-locked').latency.response.p99;
  assert.equal(alone.kind, 'absent');
  const merged = rowOf(summarise(without, histograms), 'steady', 'skip-locked').latency.response.p99;
  assert.ok(merged.kind === 'measured');
  assert.equal(merged.spread.n, 1);
  const own = steady.map((cell) => cell.latencyUs?.response?.p99 ?? 0);
  assert.ok(merged.spread.median > Math.min(...own) * 0.9 && merged.spread.median < Math.max(...own) * 1.1);
});

// Is a latency that is only a lower bound nowhere printed as if it were exact?

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Cell, Percentiles } from '../harness/result/result.ts';
import { boundFromUs, isBound, worstLag } from './bounds.ts';
import { readBundle } from './bundle.ts';
import { latencyChart } from './charts/latency.ts';
import { terminalTable } from './render/terminal.ts';
import { type Panel, summarise } from './summary.ts';
import { generatorTable } from './tables/audit.ts';
import { glanceTables } from './tables/glance.ts';
import type { Table } from './tables/table.ts';
import { verdictTable } from './tables/verdict.ts';
import { writeFixture } from './testing-fixture.ts';
import { STANDARD } from './testing-fixture-data.ts';

/** In one repeat of one contender in an open loop, each hundredth job had not ended, and some were never sent. */
const amend = (cell: Cell): Cell => {
  const { pickup, response } = cell.latencyUs ?? {};
  if (cell.scenario !== 'steady' || cell.contender.name !== 'skip-locked' || cell.repeat !== 1) return cell;
  assert.ok(pickup?.p50 !== undefined && response?.p50 !== undefined);
  const lag = { count: 20_000, min: 0, mean: 200, p50: 300, p99: 20_000_000, max: 30_000_000 };
  return {
    ...cell,
    latencyUs: {
      pickup: { ...pickup, unfinished: 150, unfinishedFromUs: pickup.p50 + 1 },
      response: { ...response, unfinished: 150, unfinishedFromUs: response.p50 + 1 },
      generatorLag: { ...lag, unfinished: 9, unfinishedFromUs: 20_000_000 },
    },
    generator: { ...cell.generator, lagP99Us: lag.p99, lagMaxUs: lag.max },
  };
};

async function reported(t: TestContext, spoil: (cell: Cell) => Cell = amend) {
  const folder = await mkdtemp(path.join(tmpdir(), 'claimbench-bounds-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  await writeFixture(folder, { scenarios: STANDARD.scenarios.slice(0, 2), amend: spoil });
  const bundle = await readBundle(folder);
  return { bundle, panels: summarise(bundle.result, bundle.histograms) };
}

function panelOf(panels: readonly Panel[]): Panel {
  const panel = panels.find((one) => one.id === 'steady-job-queue');
  assert.ok(panel);
  return panel;
}

/** The texts of a row by the labels of its columns. */
function rowOf(table: Table, contender: string): Record<string, string> {
  const row = table.rows.find((one) => one.cells[0]?.text === contender);
  return Object.fromEntries(
    (row?.cells ?? []).map((cell, i) => [
      table.columns[i]?.label.replace(/, (?:µs|ms|s)$/, '') ?? '',
      [cell.text, cell.small ?? ''].join(' '),
    ]),
  );
}

test('a percentile at or above the least age is a bound, one below it is not, and so is the maximum', () => {
  const samples: Percentiles = { count: 9, min: 0, mean: 1, max: 900, unfinished: 2, unfinishedFromUs: 500 };
  assert.deepEqual(
    [isBound(samples, 499), isBound(samples, 500), isBound(samples, 900)],
    [false, true, true],
  );
  const { unfinished: _, unfinishedFromUs: __, ...ended } = samples;
  assert.equal(isBound(ended, 1e9), false);
  assert.equal(isBound(undefined, 1), false);
  assert.equal(boundFromUs([ended, samples, undefined]), 500);
  assert.equal(boundFromUs([]), Number.POSITIVE_INFINITY);
});

test('one repeat whose percentile is a bound makes the median of the repeats one', async (t) => {
  const { panels } = await reported(t);
  const rows = panelOf(panels).rows;
  const bounds = rows.map(({ latency: { pickup } }) =>
    (['p50', 'p99', 'max'] as const).map((which) => {
      const figure = pickup[which];
      return figure.kind === 'measured' && figure.bound === true;
    }),
  );
  assert.deepEqual(bounds, [[false, true, true], ...rows.slice(1).map(() => [false, false, false])]);
});

test('a percentile of all repeats merged is a bound above the least age of any of them', async (t) => {
  const { panels } = await reported(t, (cell) => {
    const amended = amend(cell);
    const { p99: _, ...response } = amended.latencyUs?.response ?? {};
    return { ...amended, latencyUs: { ...amended.latencyUs, response: response as Percentiles } };
  });
  const [first, second] = panelOf(panels).rows.map((row) => row.latency.response.p99);
  assert.ok(first?.kind === 'measured' && first.spread.n === 1 && first.bound === true);
  assert.ok(second?.kind === 'measured' && second.spread.n === 1 && second.bound === undefined);
});

test('tables, terminal and chart print ≥ before what is a bound, and before nothing else', async (t) => {
  const { bundle, panels } = await reported(t);
  const panel = panelOf(panels);
  const bounded = (table: Table, contender: string): string[] =>
    Object.entries(rowOf(table, contender)).flatMap(([label, text]) => (text.includes('≥ ') ? [label] : []));
  const verdicts = verdictTable(panel);
  assert.deepEqual(bounded(verdicts, 'skip-locked'), ['Pickup p99', 'Response p99', 'Response max']);
  assert.deepEqual(bounded(verdicts, 'advisory'), []);
  assert.match(verdicts.notes.join('\n'), /^With ≥ a latency is a lower bound/m);
  const [glance] = glanceTables(panels);
  assert.ok(glance);
  assert.match(Object.values(rowOf(glance, 'skip-locked')).join('\n'), /^[\d.]+ p99 ≥ [\d.]+$/m);
  assert.doesNotMatch(Object.values(rowOf(glance, 'advisory')).join('\n'), /≥/);
  assert.deepEqual(bounded(generatorTable(panel), 'skip-locked'), ['Lag p99', 'Lag max']);
  assert.deepEqual(bounded(generatorTable(panel), 'advisory'), []);
  const said = terminalTable(bundle.result, { colour: false, width: 100, histograms: bundle.histograms });
  assert.match(said, /skip-locked +.* [\d.]+ \/ ≥ [\d.]+ +≥ [\d.]+ /);
  assert.equal(said.match(/\/ ≥/g)?.length, 1);
  assert.match(said, /worst cell: p50 300 µs, p99 ≥ 20\.0 s, max ≥ 30\.0 s/);
  const described = latencyChart(bundle, panel, 'response', '')?.description ?? '';
  assert.match(described, /skip-locked: median [^,]+, maximum ≥ /);
  assert.doesNotMatch(described, /advisory: median [^,]+, maximum ≥ /);
});

test('the lag of an incorrect cell, which has no figures, is a bound where jobs were never sent', async (t) => {
  const { bundle } = await reported(t);
  const cell = bundle.result.cells.find((one) => one.scenario === 'steady');
  assert.ok(cell);
  const { latencyUs: _, ...bare } = cell;
  const skipping = { ...bare, jobs: { ...bare.jobs, skipped: 1 } };
  assert.equal(worstLag([bare], 'max')?.bound, false);
  assert.equal(worstLag([bare, skipping], 'max')?.bound, true);
  assert.equal(worstLag([bare], 'p50'), undefined);
});

test('without a ceiling nothing is called below it', async (t) => {
  const { panels } = await reported(t, (cell) => {
    const { ceilingPerSec: _, ...generator } = cell.generator;
    return cell.contender.name === 'advisory' && cell.repeat === 1 ? { ...cell, generator } : cell;
  });
  const badge = (contender: string) => {
    const table = verdictTable(panelOf(panels));
    const column = table.columns.findIndex((one) => one.label === 'Generator');
    const { text, tone, hint } =
      table.rows.find((row) => row.cells[0]?.text === contender)?.cells[column] ?? {};
    return [text, tone, /no ceiling could be measured/.test(hint ?? '')];
  };
  assert.deepEqual(badge('advisory'), ['honest, no ceiling', undefined, true]);
  assert.deepEqual(badge('skip-locked'), ['honest', 'good', false]);
  const audited = generatorTable(panelOf(panels));
  assert.match(rowOf(audited, 'advisory')['Generator-bound'] ?? '', /^not judged/);
  assert.match(rowOf(audited, 'skip-locked')['Generator-bound'] ?? '', /^no /);
});

// Do plans, searches and sweeps stand in every format with all that was found, and nothing that was not?

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import type { RunResult } from '../../harness/result/result.ts';
import { temporaryFolder } from '../../testing/command.ts';
import { readBundle } from '../bundle.ts';
import { bundleTable, renderBundle } from '../index.ts';
import { formatNumber } from '../render/format.ts';
import { commandLines } from '../report.ts';
import { limitsTable } from '../tables/capacity.ts';
import { scalingTable } from '../tables/capacity-checks.ts';
import { type CapacityKind, writeCapacityFixture } from '../testing-capacity-fixture.ts';
import { law } from '../testing-capacity-fixture-data.ts';
import { HOSTILE_NAMES } from '../testing-fixture-data.ts';
import { answerOf, capacityHeadline } from './answer.ts';
import { capacitySections } from './sections.ts';
import { untriedOf } from './untried.ts';
import { capacityVerdict } from './verdict.ts';

type Rendered = {
  readonly dir: string;
  readonly result: RunResult;
  readonly html: string;
  readonly markdown: string;
  readonly charts: readonly string[];
};

async function rendered(t: TestContext, kind: CapacityKind, name?: string): Promise<Rendered> {
  const dir = path.join(temporaryFolder(t), 'b');
  const result = await writeCapacityFixture(dir, kind, name);
  const files = await renderBundle(dir);
  return {
    dir,
    result,
    html: plain(readFileSync(files.html, 'utf8')),
    markdown: plain(readFileSync(files.markdown, 'utf8')),
    charts: files.charts.map((file) => path.basename(file, '.svg')),
  };
}

const plain = (text: string): string => text.replaceAll('\u202f', ' ');

function inOrder(text: string, ...parts: readonly string[]): void {
  let from = 0;
  for (const part of parts) {
    const at = text.indexOf(part, from);
    assert.ok(at >= 0, `no ${part} behind the ones before it`);
    from = at + part.length;
  }
}

test('a plan begins with the answer; what is checked follows, and no panels', async (t) => {
  const { dir, html, markdown, charts } = await rendered(t, 'plan');
  inOrder(
    html.slice(html.indexOf('<main')),
    'id="answer"',
    'Yes: run 4 workers',
    '720 jobs/s',
    '871 jobs/s',
    '2027-08-02',
    'POOR: pickup p99 at 800 jobs/s was predicted 41.9',
    'id="chart-capacity-margin"',
    'What to run',
    'The limits',
    'The risk',
    'id="doubts"',
    'id="search"',
    'id="scaling"',
    'id="outage"',
    'id="predictions"',
    'id="costs"',
    'id="partitions"',
    'id="assumptions"',
    'id="environment"',
    'id="again"',
    'Cells in order of execution',
  );
  assert.ok(!html.includes('id="probe-0"'));
  assert.deepEqual(charts, ['capacity-margin', 'capacity-search', 'capacity-scaling', 'capacity-drain']);
  inOrder(
    markdown,
    '## The answer',
    'POSSIBLE',
    '(charts/capacity-margin.svg)',
    '## The rate that holds the SLO',
  );
  inOrder(markdown, '**POOR**', '## What it costs', '38.0', '## Past one server', '## What it rests on');
  assert.match(
    readFileSync(path.join(dir, 'charts/capacity-scaling.svg'), 'utf8'),
    /Capacity · Settled jobs/,
  );
  assert.equal(plain(readFileSync((await renderBundle(dir)).html, 'utf8')), html);
});

test('a wish that cannot be had is answered with what could be, and nothing is recommended', async (t) => {
  const { dir, html } = await rendered(t, 'impossible');
  inOrder(
    html,
    'NOT AS ASKED',
    'What could be had instead',
    '871 jobs/s with the same SLO',
    'The limits',
    'not known',
  );
  assert.ok(!html.includes('What to run'));
  const text = await bundleTable(dir, { colour: false, width: 100 });
  inOrder(text, 'NOT AS ASKED', 'Nearest: 871 jobs/s');
});

test('a question that was asked afterwards is asked again by two commands, and the heading names the peak', async (t) => {
  const { dir, result } = await rendered(t, 'plan');
  const { capacity } = result;
  assert.ok(capacity?.plan);
  assert.match(
    plain(capacityHeadline(result)),
    /carry 400 jobs\/s of .* each, 720 jobs\/s at the peak, with/,
  );
  const bundle = await readBundle(dir);
  const lines = (one: RunResult) => commandLines({ bundle: { ...bundle, result: one } });
  assert.equal(lines(result).length, 1);
  const [measuring, asking] = lines({ ...result, capacity: { ...capacity, askedAfter: true } });
  assert.match(measuring ?? '', / --out out\/measured$/);
  assert.match(
    asking ?? '',
    /-- plan --from out\/measured --rate 400 --peak 1\.8 --rate-later \d+ --months 18 --slo 'pickup\.p99<250ms' --outage \d+s --recover \d+s/,
  );
});

test('a limit that was asked for and is not known is not one that nobody asked for', async (t) => {
  const { result } = await rendered(t, 'plan');
  const plan = result.capacity?.plan;
  assert.ok(plan);
  const { bloatSeconds: _bloat, ...question } = plan.question;
  const { rows } = limitsTable({ question, answer: { ...plan.answer, limits: [] } });
  assert.deepEqual(
    rows.map(({ cells }) => cells[3]?.text),
    ['not known', 'not known', 'not asked'],
  );
});

test('a model whose load was void is not tried, and says so; one that was measured again is', async (t) => {
  const { result } = await rendered(t, 'plan');
  assert.deepEqual(untriedOf(result), []);
  const { capacity } = result;
  const outage = capacity?.cells.find(({ purpose }) => purpose === 'outage');
  assert.ok(capacity && outage);
  const cells = result.cells.map((cell) =>
    cell.id === outage.id ? { ...cell, verdict: 'invalid' as const } : cell,
  );
  assert.deepEqual(untriedOf({ capacity, cells }), [{ what: 'drain time', at: '', cells: [outage.id] }]);
  const section = capacitySections({ ...result, cells }).find(({ id }) => id === 'predictions');
  assert.match(JSON.stringify(section), /not tried: its load was void/);
  const [other] = capacity.cells;
  assert.ok(other);
  const again = { ...capacity, cells: [...capacity.cells, { ...outage, id: other.id }] };
  assert.deepEqual(untriedOf({ capacity: again, cells }), []);
});

test('a law that was refused is refused in words, and its points stand', async (t) => {
  const { html, charts } = await rendered(t, 'refused');
  assert.match(html, /No law was fitted: the fit did not converge in 200 steps\. Nothing is said/);
  assert.ok(!html.includes('Universal Scalability Law: X'));
  assert.ok(charts.includes('capacity-scaling'));
});

test('every measured number of handlers has the law beside it, though the band knows but a few', async (t) => {
  const { result } = await rendered(t, 'plan');
  const scaling = result.capacity?.scaling;
  assert.ok(scaling?.fit);
  const { fit, points } = scaling;
  const { rows } = scalingTable({ ...scaling, fit: { ...fit, band: fit.band.slice(40) } });
  assert.deepEqual(
    rows.map(({ cells }) => plain(cells[2]?.text ?? '').replace(' ', '')),
    points.map(({ handlers }) => `${formatNumber(law(handlers)).replace('\u202f', '')}jobs/s`),
  );
  assert.ok(rows.every(({ cells }) => /^[+−±]?[\d.]+.%$/.test(cells[3]?.text ?? '')));
});

test('a search is answered by its interval, and void probes are expected', async (t) => {
  const { result, html, charts } = await rendered(t, 'search');
  inOrder(
    html,
    'What rate can skip-locked sustain',
    '10 of 11 cells valid, 1 void probe',
    'BRACKETED',
    '950 jobs/s',
    '1 036 jobs/s',
  );
  assert.deepEqual(charts, ['capacity-search']);
  for (const word of ['◇ unclear', '✕ fail', '● pass', '· void', 'the generator came 40 ms late'])
    assert.ok(html.includes(word), word);
  assert.equal(capacityVerdict(result).tone, 'good');
  const search = result.capacity?.search;
  assert.ok(search);
  const unsure = { ...search, answer: { ...search.answer, failConfirmed: false } };
  const { badge, tone } = answerOf({ ...result, capacity: { cells: [], search: unsure } });
  assert.deepEqual({ badge, tone }, { badge: 'BRACKETED, NOT CONFIRMED', tone: 'warn' });
  assert.match(html, /to come within 10\.0 % of each other/);
});

test('a search says by how much Little’s law is off in the probes that passed, and a plan has it among its risks', async (t) => {
  const { result } = await rendered(t, 'search');
  const search = result.capacity?.search;
  assert.ok(search);
  const doubtsOf = (kept: boolean): string => {
    const probes = search.probes.map((probe) => ({ ...probe, little: { error: -0.31, kept } }));
    const { doubts } = answerOf({ ...result, capacity: { cells: [], search: { ...search, probes } } });
    return doubts.map(({ text }) => text).join();
  };
  assert.equal(doubtsOf(true), '');
  assert.match(plain(doubtsOf(false)), /Little's law is up to 31\.0 % off/);
});

test('ends of a search that lie much further apart than asked are no plain bracket', async (t) => {
  const { result } = await rendered(t, 'search');
  const search = result.capacity?.search;
  assert.ok(search);
  const apart = (share: number) => {
    const answer = { ...search.answer, passPerSec: 1_000, failPerSec: 1_000 * (1 + share) };
    return answerOf({ ...result, capacity: { cells: [], search: { ...search, resolution: 0.1, answer } } });
  };
  assert.equal(apart(0.149).badge, 'BRACKETED');
  const { badge, tone, text } = apart(0.4);
  assert.deepEqual({ badge, tone }, { badge: 'BRACKETED, WIDELY', tone: 'warn' });
  assert.match(plain(text), /The ends lie 40\.0 % apart, where 10\.0 % was asked for/);
});

test('what is not shown has no red tile where nothing is known', async (t) => {
  const { result } = await rendered(t, 'plan');
  const plan = result.capacity?.plan;
  assert.ok(plan);
  const { headroom: _headroom, safePerSec: _safe, limitedBy: _by, ...rest } = plan.answer;
  const unknown = { ...plan, answer: { ...rest, possible: false, undecided: ['nothing was measured'] } };
  const { badge, tone, facts } = answerOf({ ...result, capacity: { cells: [], plan: unknown } });
  assert.deepEqual({ badge, tone }, { badge: 'NOT SHOWN', tone: 'warn' });
  assert.ok(facts.every((fact) => fact.tone === 'plain'));
});

test('an incorrect cell outweighs void probes, and stands above the answer', async (t) => {
  const { result, html } = await rendered(t, 'sweep');
  inOrder(html, '1 of 14 cells INCORRECT, 1 invalid', '1 cell is incorrect', 'id="answer"');
  assert.equal(capacityVerdict(result).tone, 'bad');
  const { tone, doubts } = answerOf(result);
  assert.equal(tone, 'bad');
  assert.match(doubts[0]?.text ?? '', /1 cell is INCORRECT/);
  const invalid = result.cells.filter(({ verdict }) => verdict !== 'incorrect');
  assert.equal(capacityVerdict({ ...result, cells: invalid }).tone, 'warn');
});

test('what was interrupted before any answer says so', async (t) => {
  const { dir, html } = await rendered(t, 'interrupted');
  assert.match(html, /NO ANSWER YET/);
  assert.match(await bundleTable(dir, { colour: false, width: 80 }), /nothing was concluded/);
});

test('names from outside stay text in all formats', async (t) => {
  const name = HOSTILE_NAMES[1] ?? '';
  const { dir, html, markdown } = await rendered(t, 'plan', name);
  assert.ok(!html.includes('<script>alert'));
  assert.ok(!markdown.includes('<script>'));
  assert.ok(!readFileSync(path.join(dir, 'charts/capacity-scaling.svg'), 'utf8').includes('<script>'));
});

test('a terminal gets the answer in thirty lines that fit, what missed first', async (t) => {
  const dir = path.join(temporaryFolder(t), 'b');
  await writeCapacityFixture(dir, 'plan');
  for (const width of [100, 80]) {
    const lines = (await bundleTable(dir, { colour: false, width })).split('\n');
    assert.ok(lines.length <= (width === 100 ? 30 : 36), `${lines.length} lines`);
    assert.ok(lines.every((line) => line.length <= width));
    const text = lines.join('\n');
    inOrder(
      text,
      'POSSIBLE',
      'Yes: run 4 workers',
      'SLO: 950 jobs/s',
      '→ Recovery',
      '32 handlers',
      '800 jobs/s',
      'POOR',
      'good',
    );
  }
});

// Does a history find the commit at which a level changed, and set nothing beside what it cannot be compared with?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seeded } from '../../stats/random.ts';
import { historyOf } from './history.ts';
import { historyDocument } from './index.ts';
import { type HistoryLine, lineSchema, readLines } from './line.ts';
import { changesTable, historyHeadline, historyHtml, historyMarkdown } from './render.ts';
import { historyTerminal } from './terminal.ts';

const METRICS = { 'cost.walBytesPerJob': 740, 'throughput.settledPerSec': 3_200 } as const;
type Metric = keyof typeof METRICS;

/** `at` gives each metric's factor by commit; figures waver by so much as a share. */
function lines(
  count: number,
  noise: Readonly<Record<Metric, number>>,
  at: (commit: number, metric: Metric) => number = () => 1,
  amend: (line: HistoryLine, commit: number) => HistoryLine = (line) => line,
): HistoryLine[] {
  const random = seeded(5);
  return Array.from({ length: count }, (_, commit) =>
    amend(
      lineSchema.parse({
        historySchemaVersion: 1,
        at: new Date(Date.UTC(2026, 0, 1 + commit)).toISOString(),
        commit: `c${String(commit).padStart(3, '0')}`,
        message: `change ${commit}`,
        runId: `run ${commit}`,
        methodVersion: 4,
        machine: { cpuModel: 'a processor', cores: 2, memoryBytes: 2 ** 33, os: 'linux', node: '24' },
        server: { major: '18', durable: true, settings: 'abc' },
        figures: (Object.keys(METRICS) as Metric[]).map((metric) => {
          const median =
            METRICS[metric] * at(commit, metric) * (1 + noise[metric] * (random() + random() - 1));
          return {
            contender: 'it',
            scenario: 'drain',
            metric,
            median,
            min: median * 0.99,
            max: median * 1.01,
            n: 6,
          };
        }),
      }),
      commit,
    ),
  );
}

const QUIET = { 'cost.walBytesPerJob': 0.002, 'throughput.settledPerSec': 0.03 };

test('a planted change is found at its commit, in the metric that moved, and called worse', () => {
  const found = historyOf(
    lines(40, QUIET, (commit, metric) => (commit >= 25 && metric === 'cost.walBytesPerJob' ? 1.06 : 1)),
  );
  const changes = found.flatMap((series) =>
    series.changes.map((change) => ({ metric: series.metric, ...change })),
  );
  assert.equal(changes.length, 1);
  const [change] = changes;
  assert.equal(change?.metric, 'cost.walBytesPerJob');
  assert.equal(change?.commit, 'c025');
  assert.equal(change?.worse, true);
  assert.ok(Math.abs((change?.change ?? 0) - 0.06) < 0.005);
  assert.match(historyHeadline(found), /^40 commits, 2 series: 1 change of level, 1 for the worse$/);
  assert.match(historyMarkdown(found), /c025 change 25/);
});

test('more jobs a second is better, fewer worse', () => {
  const up = historyOf(
    lines(40, QUIET, (commit, metric) => (commit >= 20 && metric === 'throughput.settledPerSec' ? 1.3 : 1)),
  );
  assert.deepEqual(
    up.flatMap(({ changes }) => changes.map(({ worse }) => worse)),
    [false],
  );
});

test('noise alone has no level that changed', () => {
  assert.deepEqual(
    historyOf(lines(120, QUIET)).flatMap(({ changes }) => changes),
    [],
  );
});

test('another machine parts what is timed, another server or method all', () => {
  const halfOn = (change: (line: HistoryLine) => HistoryLine) =>
    historyOf(lines(20, QUIET, undefined, (line, commit) => (commit < 10 ? line : change(line)))).map(
      ({ metric, points }) => `${metric} ${points.length}`,
    );
  const [wal, settled] = ['cost.walBytesPerJob', 'throughput.settledPerSec'];
  assert.deepEqual(halfOn((line) => ({ ...line, machine: { ...line.machine, cores: 8 } })).toSorted(), [
    `${wal} 20`,
    `${settled} 10`,
    `${settled} 10`,
  ]);
  for (const change of [
    (line: HistoryLine) => ({ ...line, server: { ...line.server, major: '17' } }),
    (line: HistoryLine) => ({ ...line, methodVersion: 5 }),
  ])
    assert.deepEqual(halfOn(change).toSorted(), [`${wal} 10`, `${wal} 10`, `${settled} 10`, `${settled} 10`]);
});

test('lines of later runs may stand before earlier ones; broken ones are named by their number', () => {
  const sound = lines(3, QUIET)
    .toReversed()
    .map((line) => JSON.stringify(line));
  const { lines: read, broken } = readLines(
    [sound[0], '{"at": "2026', '', sound[1], '{}', sound[2]].join('\n'),
  );
  assert.equal(read.length, 3);
  assert.deepEqual(
    broken.map(({ line }) => line),
    [2, 5],
  );
  assert.deepEqual(
    historyOf(read)[0]?.points.map(({ commit }) => commit),
    ['c000', 'c001', 'c002'],
  );
});

test('the page draws every series, names what changed, and needs no network', async () => {
  const found = historyOf(lines(30, QUIET, (commit) => (commit >= 15 ? 1.2 : 1)));
  const page = await historyHtml(found, '0.1.0');
  assert.equal(page.match(/<figure/g)?.length, 2);
  assert.match(page, /c015/);
  assert.doesNotMatch(page, /(src|href)="https?:/);
  assert.equal(changesTable(found).rows.length, 2);
  assert.match(
    await historyHtml(historyOf(lines(1, QUIET)), '0.1.0'),
    /1 commit, 2 series: no level changed/,
  );
});

test('the last lines are the newest, in whatever order they stand', () => {
  const [series] = historyDocument(lines(10, QUIET).toReversed(), { last: 3 });
  assert.deepEqual(
    series?.points.map(({ commit }) => commit),
    ['c007', 'c008', 'c009'],
  );
});

test('a run that stands there twice, as after a merge, counts once', () => {
  const [line] = lines(1, QUIET).map((one) => JSON.stringify(one));
  const { lines: read, broken } = readLines(`${line}\n${line}\n`);
  assert.equal(read.length, 1);
  assert.deepEqual(broken, [{ line: 2, why: 'run run 0 stands there already' }]);
});

test('a share of next to nothing is no change', () => {
  const plans = (commit: number, to: number) => (line: HistoryLine) => ({
    ...line,
    figures: line.figures.slice(0, 1).map((figure) => ({
      ...figure,
      ...{ metric: 'cost.plansPerJob', median: commit < 10 ? 0 : to },
    })),
  });
  const found = (to: number) =>
    historyOf(lines(20, QUIET, undefined, (line, commit) => plans(commit, to)(line))).flatMap(({ changes }) =>
      changes.map(({ commit }) => commit),
    );
  assert.deepEqual(found(0.0001), []);
  assert.deepEqual(found(0.5), ['c010']);
});

test('a commit that was measured twice is marked where it changed', async () => {
  const twice = lines(
    20,
    QUIET,
    (commit) => (commit >= 10 ? 1.2 : 1),
    (line, commit) => ({
      ...line,
      commit: commit === 9 || commit === 10 ? 'twice' : line.commit,
    }),
  );
  const page = await historyHtml(historyOf(twice), '0.1.0');
  assert.match(page, /\{"place":10,"ink":"worse"\}/);
  assert.doesNotMatch(page, /\{"place":9,"ink"/);
});

test('on a terminal, names of others send it nothing', () => {
  const found = historyOf(
    lines(
      20,
      QUIET,
      (commit) => (commit >= 10 ? 1.2 : 1),
      (line, commit) => ({
        ...line,
        commit: commit === 10 ? '\u001b[31mred\u0007' : line.commit,
      }),
    ),
  );
  const text = historyTerminal(found);
  assert.match(text, /red/);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there.
  assert.doesNotMatch(text, /[\u0000-\u0009\u000b-\u001f\u202f]/);
});

test('a long history stays a page that can be sent', async () => {
  const figures = (line: HistoryLine) =>
    Array.from({ length: 20 }, (_, i) =>
      line.figures.map((one) => ({ ...one, contender: `it ${i}` })),
    ).flat();
  const found = historyOf(lines(400, QUIET, undefined, (line) => ({ ...line, figures: figures(line) })));
  const page = await historyHtml(found, '0.1.0');
  assert.ok(Buffer.byteLength(page) < 5_000_000, `${Buffer.byteLength(page)} bytes`);
  assert.ok(page.includes('are not interactive'), 'it says what it leaves out');
  assert.equal(page.match(/<figure/g)?.length, 40);
});

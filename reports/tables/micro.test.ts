// Do micro-benchmarks stand in every format of a report, and is a report without them as it was?

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { type MicroRow, resultSchema } from '../../harness/result/result.ts';
import { temporaryFolder } from '../../testing/command.ts';
import { bundleTable, renderBundle } from '../index.ts';
import { microFindings } from '../micro.ts';
import { writeFixture } from '../testing-fixture.ts';
import { microDetails, microTables } from './micro.ts';

const FIGURES = {
  samples: 400,
  minUs: 90,
  meanUs: 130,
  p50Us: 120,
  opsPerSec: 8333.333,
  relativeMargin: 0.02,
  rounds: [
    { samples: 200, p50Us: 110 },
    { samples: 200, p50Us: 125 },
  ],
};

const claim = (strategy: string, driver: string, rest: Partial<MicroRow> = {}): MicroRow => ({
  operation: 'claim',
  size: 100,
  unit: 'jobs',
  strategy,
  driver,
  depth: 1_000,
  state: 'measured',
  figures: FIGURES,
  ...rest,
});
const without = (state: 'void' | 'not offered', reason: string): Partial<MicroRow> => ({
  state,
  reason,
  figures: undefined,
});

const ROWS: readonly MicroRow[] = [
  claim('batch', 'pg'),
  claim('batch', 'postgres', { figures: { ...FIGURES, samples: 20_000, p99Us: 345 } }),
  claim('<b>|odd', 'pg', without('void', '7 of 100 `jobs` <were> claimed')),
  claim('<b>|odd', 'postgres', without('not offered', 'it has none')),
  { operation: 'recorder', size: 100, unit: 'jobs', state: 'measured', figures: FIGURES },
];

test('a median stands with the range of its rounds, and what has none with its reason', async (t) => {
  const result = await writeFixture(path.join(temporaryFolder(t), 'b'), {
    amendResult: (one) => ({ ...one, micro: [...ROWS] }),
  });
  const [glance, parts] = microTables(result);
  assert.equal(glance?.caption, 'claim, 100 jobs');
  assert.deepEqual(
    glance?.columns.map(({ label }) => label),
    ['Strategy', 'pg, 1\u202f000', 'postgres, 1\u202f000'],
  );
  assert.deepEqual(
    glance?.rows.map(({ cells }) => cells.map(({ text, small }) => [text, small])),
    [
      [
        ['batch', undefined],
        ['120', '[110–125]'],
        ['120', '[110–125]'],
      ],
      [
        ['<b>|odd', undefined],
        ['void', undefined],
        ['not offered', undefined],
      ],
    ],
  );
  assert.deepEqual(glance?.notes, [
    'Not offered by <b>|odd: it has none.',
    'Void: <b>|odd, pg, 1\u202f000: 7 of 100 `jobs` <were> claimed.',
  ]);
  assert.equal(parts?.rows[0]?.cells[0]?.text, 'recorder');
  const [details] = microDetails(result);
  const p99 = details?.columns.findIndex(({ label }) => label === 'p99, µs') ?? -1;
  assert.deepEqual(
    details?.rows.map(({ cells }) => cells[p99]?.text),
    ['–', '345', '–', '–'],
  );
});

test('a bundle of nothing else renders in all formats, says what is void, and escapes what it names', async (t) => {
  const dir = path.join(temporaryFolder(t), 'b');
  await writeFixture(dir, {
    repeats: 0,
    amendResult: (one) => resultSchema.parse({ ...one, scenarios: [], contenders: [], micro: ROWS }),
  });
  const { html, markdown, charts } = await renderBundle(dir);
  const page = readFileSync(html, 'utf8');
  assert.match(page, /What does each operation take by itself\? 2 strategies/);
  assert.match(page, /1 of 4 operations VOID/);
  assert.match(page, /&lt;b&gt;\|odd/);
  assert.doesNotMatch(page, /<b>\||<were>|no cell finished|All cells in order/);
  assert.match(
    readFileSync(markdown, 'utf8'),
    /## Micro-benchmarks\n\n.*\n\n!\[.*\]\(charts\/micro-operations\.svg\)/,
  );
  assert.deepEqual(
    charts.map((file) => path.basename(file)),
    ['micro-operations.svg'],
  );
  const table = await bundleTable(dir, { colour: false, width: 100 });
  assert.match(table, /batch +120 \[110–125\] +120 \[110–125\]/);
  assert.match(table, /1 operation void\. claim of <b>\|odd: 7 of 100/);
  for (const line of table.split('\n')) assert.ok(line.length <= 100, line);
  assert.doesNotMatch(page, /fewer than 5 times/);
});

test('a run that is too short to time anything says so before any figure', async (t) => {
  const rounds = [{ samples: 2, p50Us: 110 }];
  const short = claim('batch', 'pg', { figures: { ...FIGURES, samples: 2, rounds } });
  const result = await writeFixture(path.join(temporaryFolder(t), 'b'), {
    amendResult: (one) => ({ ...one, micro: [short] }),
  });
  const [found, ...others] = microFindings(result);
  assert.match(found?.title ?? '', /^1 of 1 operation ran fewer than 5 times in a round$/);
  assert.deepEqual(others, []);
});

test('a run of scenarios has no word of micro-benchmarks', async (t) => {
  const dir = path.join(temporaryFolder(t), 'b');
  await writeFixture(dir, { repeats: 1 });
  const { html, markdown } = await renderBundle(dir);
  for (const file of [html, markdown]) {
    const body = readFileSync(file, 'utf8').replace(/<script>[\s\S]*?<\/script>/g, '');
    assert.doesNotMatch(body, /micro-benchmark|id="micro"/i);
  }
});

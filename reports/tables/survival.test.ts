// Does the first table say who came through what: the worst repeat, its recovery, and nothing where nothing broke?

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import type { Cell, RunResult } from '../../harness/result/result.ts';
import { renderBundle } from '../index.ts';
import { terminalTable } from '../render/terminal.ts';
import { survivalOf } from '../survival.ts';
import { type FixtureOptions, writeFixture } from '../testing-fixture.ts';
import { HOSTILE_NAMES, STANDARD } from '../testing-fixture-data.ts';
import { survivalTable } from './survival.ts';

async function fixture<T>(
  options: FixtureOptions,
  use: (result: RunResult, dir: string) => T | Promise<T>,
): Promise<T> {
  const dir = await mkdtemp(path.join(tmpdir(), 'claimbench-survival-'));
  try {
    return await use(await writeFixture(dir, options), dir);
  } finally {
    await rm(dir, { recursive: true });
  }
}

const [first = assert.fail('no contender'), second = assert.fail('one contender')] = STANDARD.contenders;

/** Three repeats of two contenders in the scenario with faults. */
const BASE = await fixture(
  { contenders: [first, second], scenarios: STANDARD.scenarios.slice(2) },
  (result) => result,
);

const through = (
  cell: Cell,
  share: number,
  over: Partial<NonNullable<Cell['recovery']>> = {},
): Cell['recovery'] => {
  const { regainedSeconds: _, ...recovery } = cell.recovery ?? assert.fail('no recovery');
  return { ...recovery, during: { ...recovery.during, share }, ...over };
};

/** Outcome and repeats of the first contender, once its cells were changed. */
function said(change: (cell: Cell) => Partial<Cell>) {
  const cells = BASE.cells.map((cell) => ({ ...cell, ...change(cell) }));
  const [found = assert.fail('no outcome')] = survivalOf({ ...BASE, cells })[0]?.cells ?? [];
  const { outcome, like, repeats } = found;
  const { kind, why, share, regainedSeconds: back } = outcome;
  return { kind, why, share, back, like, repeats };
}

test('a run without faults has no such table', async () => {
  await fixture({ scenarios: STANDARD.scenarios.slice(0, 2), repeats: 1 }, async (result, dir) => {
    assert.deepEqual(survivalOf(result), []);
    assert.equal(survivalTable(result), undefined);
    const { html, markdown } = await renderBundle(dir);
    assert.doesNotMatch(await readFile(html, 'utf8'), /Survival|came through what/);
    assert.doesNotMatch(await readFile(markdown, 'utf8'), /Survival|came through what/);
    assert.doesNotMatch(terminalTable(result, { colour: false, width: 100 }), /came through what/);
  });
});

test('below the baseline and back is degraded; without a dip survived; never back failed', () => {
  assert.deepEqual(
    said((cell) => ({ recovery: through(cell, 0.62, { regainedSeconds: 1.2 }) })),
    {
      ...{ kind: 'degraded', why: '', share: 0.62, back: 1.2, like: 3, repeats: 3 },
    },
  );
  assert.equal(said((cell) => ({ recovery: through(cell, 0.99, { regainedSeconds: 0 }) })).kind, 'survived');
  const never = said((cell) => ({ recovery: through(cell, 0.99) }));
  assert.deepEqual([never.kind, never.why], ['failed', '95 % of the baseline not regained within 26 s']);
  const soon = said((cell) => ({ recovery: through(cell, 0.99, { observedSeconds: 1.3 }) }));
  assert.deepEqual(
    [soon.kind, soon.why],
    ['untold', '95 % of the baseline not regained within the 1.3 s watched'],
  );
  const unseen = said((cell) => ({ recovery: through(cell, 0.5, { observedSeconds: 0 }) }));
  assert.deepEqual([unseen.kind, unseen.why.includes('recovery was not seen')], ['degraded', true]);
});

test('an incorrect cell and a failed expectation fail; what cannot be told is not survived', () => {
  const lost = said(() => ({ verdict: 'incorrect', reasons: ['2 jobs were lost'] }));
  assert.deepEqual([lost.kind, lost.why], ['failed', 'incorrect: 2 jobs were lost']);
  const expected = said((cell) => ({
    recovery: through(cell, 1, { regainedSeconds: 0 }),
    expectations: [
      { text: 'lost = 0', state: 'met' },
      { text: 'pickup.p99 < 50 ms', state: 'failed', found: '81 ms, where 50 ms was the limit' },
    ],
  }));
  assert.deepEqual(
    [expected.kind, expected.why],
    ['failed', 'expected pickup.p99 < 50 ms, found 81 ms, where 50 ms was the limit'],
  );
  const untold = said((cell) => ({
    recovery: through(cell, 1, { regainedSeconds: 0 }),
    expectations: [{ text: 'pickup.p99 < 50 ms', state: 'untold', why: 'pickup.p99 is absent' }],
  }));
  assert.deepEqual([untold.kind, untold.why], ['untold', 'pickup.p99 < 50 ms: pickup.p99 is absent']);
  assert.equal(
    said(({ recovery: _, ...cell }) => ({ ...cell, recovery: undefined as never })).kind,
    'untold',
  );
});

test('a queue that had next to nothing to do while the faults lasted has survived nothing', () => {
  const idle = said((cell) => {
    const { share: _, ...during } = through(cell, 1)?.during ?? assert.fail('the fixture has a recovery');
    return { recovery: { ...(through(cell, 1, { regainedSeconds: 0 }) ?? assert.fail()), during } };
  });
  assert.deepEqual(
    [idle.kind, idle.why],
    ['untold', 'next to nothing was to be done while the faults lasted'],
  );
});

test('the worst repeat decides; a void one says nothing beside others, and void where there is no other', () => {
  const mixed = said((cell) => ({
    recovery: through(cell, cell.repeat === 1 ? 0.4 : 0.8, { regainedSeconds: cell.repeat }),
  }));
  assert.deepEqual(mixed, { kind: 'degraded', why: '', share: 0.4, back: 1, like: 3, repeats: 3 });
  const one = said((cell) => ({
    recovery: cell.repeat === 2 ? through(cell, 1) : through(cell, 1, { regainedSeconds: 0 }),
  }));
  assert.deepEqual([one.kind, one.like, one.repeats], ['failed', 1, 3]);
  const voided = (repeats: readonly number[]) => (cell: Cell) =>
    repeats.includes(cell.repeat)
      ? {
          verdict: 'invalid' as const,
          reasons: ['generator: 9 % of the jobs were sent more than 10 ms late (limit 1 %)'],
        }
      : { recovery: through(cell, 1, { regainedSeconds: 0 }) };
  assert.deepEqual(said(voided([1])).kind, 'survived');
  const all = said(voided([0, 1, 2]));
  assert.deepEqual(
    [all.kind, all.why],
    ['void', 'generator: 9 % of the jobs were sent more than 10 ms late'],
  );
});

test('it is the first thing of the report, on the page, in Markdown and on the terminal', async () => {
  const options: FixtureOptions = {
    contenders: [first, second],
    repeats: 2,
    amend: (cell) => {
      if (cell.recovery === undefined) return cell;
      const share = cell.contender.name === first.name ? 0.3 : 1;
      const recovery = through(cell, share, { regainedSeconds: 1.2 });
      return recovery === undefined ? cell : { ...cell, recovery };
    },
  };
  await fixture(options, async (result, dir) => {
    const table = survivalTable(result);
    assert.deepEqual(
      table?.rows.map(({ cells: [head] }) => head?.text),
      ['worker-crash'],
      'a scenario without faults that expects nothing survives nothing',
    );
    const [, degraded, survived] = table?.rows.at(-1)?.cells ?? [];
    assert.deepEqual(
      [degraded?.text, degraded?.small],
      ['degraded to 30.0\u202f%', 'back after 1.2 s; 2 repeats'],
    );
    assert.deepEqual([survived?.text, survived?.tone], ['survived', 'good']);
    const files = await renderBundle(dir);
    const html = await readFile(files.html, 'utf8');
    const markdown = await readFile(files.markdown, 'utf8');
    assert.match(html, /<nav [^>]*><ol><li><a href="#survival">/);
    assert.ok(html.indexOf('id="survival"') > 0);
    assert.ok(html.indexOf('id="survival"') < html.indexOf('id="glance"'));
    assert.ok(
      markdown.indexOf('## Survival') > 0 &&
        markdown.indexOf('## Survival') < markdown.indexOf('## At a glance'),
    );
    assert.match(markdown, /degraded to 30\.0 ?.?%/);
    const terminal = terminalTable(result, { colour: true, width: 80 });
    const plain = stripVTControlCharacters(terminal);
    assert.match(plain, /^Who came through what\nworker-crash\n/);
    assert.match(plain, /worker-crash\n {2}skip-locked +degraded to 30\.0 % +back after 1\.2 s +2 repeats\n/);
    for (const line of plain.split('\n')) assert.ok(line.length <= 80, line);
  });
});

test('hostile names and reasons stay text', async () => {
  const options: FixtureOptions = {
    contenders: [first, second].map((one, i) => ({ ...one, name: HOSTILE_NAMES[i] ?? one.name })),
    scenarios: STANDARD.scenarios.slice(2),
    repeats: 1,
    amend: (cell) => ({ ...cell, verdict: 'incorrect', reasons: [...HOSTILE_NAMES] }),
  };
  await fixture(options, async (result, dir) => {
    const { html, markdown } = await renderBundle(dir);
    assert.doesNotMatch(await readFile(html, 'utf8'), /<img src=x/);
    const [, section = ''] = (await readFile(markdown, 'utf8')).split('\n## ');
    assert.match(section, /^Survival/);
    assert.doesNotMatch(section, /<img src=x/);
    const terminal = terminalTable(result, { colour: false, width: 100 });
    assert.ok(!terminal.includes('\u001b') && !terminal.includes('\u202e'));
  });
});

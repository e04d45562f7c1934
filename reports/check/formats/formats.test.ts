// Does every format say what the check says, in the words of whoever reads it?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkDocument } from '../check.ts';
import type { CheckDocument } from '../document.ts';
import { syntheticCheck, withCost } from '../testing-check.ts';
import { checkAnnotations } from './annotations.ts';
import { checkSvg } from './chart.ts';
import { CHECK_FILES } from './index.ts';
import { checkJunit } from './junit.ts';
import { checkMarkdown } from './markdown.ts';
import { checkTerminal } from './terminal.ts';
import { bencherMetrics, githubActionBenchmark, otavaCsv } from './trackers.ts';

/** With marks of every language in it: a name is whatever a user called a file. */
const NASTY = 'it <&> "100%", ]]> |\u0007\n::error::';

async function worse(t: Parameters<typeof syntheticCheck>[0]): Promise<CheckDocument> {
  const document = checkDocument(
    await syntheticCheck(t, {
      blocks: 5,
      amend: (cell, side) => (side === 'head' ? withCost(cell, 'walBytesPerJob', 1.2) : cell),
    }),
  );
  const renamed = <T extends { readonly contender: string }>(one: T): T => ({ ...one, contender: NASTY });
  return { ...document, rows: document.rows.map(renamed), causes: document.causes.map(renamed) };
}

test('JUnit: a failure for what is worse, with its cause, and numbers that add up', async (t) => {
  const document = await worse(t);
  const xml = checkJunit(document);
  assert.equal(xml.match(/<testcase /g)?.length, document.rows.length + 1);
  assert.match(xml, /^<\?xml [^>]*>\n<testsuites [^>]*tests="\d+" failures="1" errors="0" skipped="0"/);
  assert.match(xml, /<failure message="WAL [^"]*">WAL: [^<]*\nclient: [^<]*<\/failure>/);
  assert.ok(
    !/[^\P{Cc}\n]/u.test(xml) && !xml.includes(']]>') && xml.includes('it &lt;&amp;&gt; &quot;100%&quot;'),
  );
  assert.match(checkJunit({ ...document, verdict: 'undecided' }), /errors="1"/);
});

test('annotations: one line each, whatever stands in a name', async (t) => {
  const document = await worse(t);
  const lines = checkAnnotations(document).trimEnd().split('\n');
  assert.ok(lines.every((line) => /^::(error|warning|notice) title=[^:,]*::/.test(line)));
  assert.match(lines[0] ?? '', /^::error title=claimbench check::REGRESSION: WAL of /);
  assert.match(
    lines[1] ?? '',
    /title=WAL of it <&> "100%25"%2C .*%0A%3A%3Aerror%3A%3A in drain::.*%0Aclient: /,
  );
  assert.match(checkAnnotations({ ...document, verdict: 'pass' }), /^::notice /);
});

test('github-action-benchmark: each metric in the file of its direction', async (t) => {
  const document = await worse(t);
  const smaller = JSON.parse(githubActionBenchmark(document, 'lower'));
  const bigger = JSON.parse(githubActionBenchmark(document, 'higher'));
  assert.equal(smaller.length + bigger.length, document.rows.length);
  for (const entry of [...smaller, ...bigger]) {
    assert.equal(typeof entry.name, 'string');
    assert.equal(typeof entry.unit, 'string');
    assert.equal(typeof entry.value, 'number');
  }
  assert.ok(bigger.some((entry: { name: string }) => entry.name.endsWith('Settled')));
});

test('BMF: benchmarks with measures, by slugs, ends around the value', async (t) => {
  const [[, measures] = ['', {}]] = Object.entries<Record<string, Record<string, number>>>(
    JSON.parse(bencherMetrics(await worse(t))),
  );
  assert.ok('cost-wal-bytes-per-job' in measures);
  for (const [slug, { value = Number.NaN, lower_value = value, upper_value = value }] of Object.entries(
    measures,
  )) {
    assert.match(slug, /^[a-z0-9-]{1,64}$/);
    assert.ok(lower_value <= value && value <= upper_value, slug);
  }
});

test('Otava: a header and a line of as many fields, no comma within one', async (t) => {
  const document = await worse(t);
  const [header = '', line = ''] = otavaCsv(document).trimEnd().split('\n');
  assert.equal(header.split(',').length, line.split(',').length);
  assert.match(header, /^time,commit,[\w.-]+/);
  assert.equal(line.split(',')[1], document.head.commit);
});

test('Markdown and terminal begin with the verdict, and name the cause before the table', async (t) => {
  const document = await worse(t);
  const markdown = checkMarkdown(document);
  assert.match(markdown, /^## REGRESSION: /);
  assert.ok(markdown.indexOf('Likely cause') < markdown.indexOf('| Scenario'));
  const terminal = checkTerminal(document, { colour: false, width: 100 });
  assert.match(terminal, /^REGRESSION: WAL/);
  assert.ok(terminal.split('\n').every((line) => line.length <= 130 && !/\p{Cc}/u.test(line)));
});

test('the chart is drawn without complaint, of any check', async (t) => {
  const document = await worse(t);
  assert.match(await checkSvg(document), /^<svg [\s\S]*REGRESSION[\s\S]*<\/svg>\n$/);
  assert.match(await checkSvg({ ...document, rows: [] }), /^<svg /);
  const zero = document.rows.slice(0, 1).map(({ effect: _effect, ...row }) => ({ ...row, base: 0 }));
  assert.match(await checkSvg({ ...document, rows: zero }), /from 0/);
});

test('every file of a check is written from the document alone', async (t) => {
  const document = await worse(t);
  for (const { name, write } of CHECK_FILES) {
    const text = await write(document);
    assert.ok(text.endsWith('\n'), name);
    assert.equal(await write(document), text, name);
    if (name.endsWith('.json')) JSON.parse(text);
  }
});

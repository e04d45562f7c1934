// Is a report the same bytes from the same bundle, whole, inert towards hostile names, and honest about what is void?

import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import type { Cell } from '../harness/result/result.ts';
import { type RenderedFiles, renderBundle } from './index.ts';
import { type FixtureOptions, writeFixture } from './testing-fixture.ts';
import { HOSTILE_NAMES, STANDARD } from './testing-fixture-data.ts';

type Files = { html: string; markdown: string; svgs: Map<string, string>; written: RenderedFiles };

async function rendered(
  options: FixtureOptions,
  inspect: (files: Files, dir: string) => Promise<void> | void,
): Promise<void> {
  const dir = await mkdtemp(path.join(tmpdir(), 'claimbench-report-'));
  try {
    await writeFixture(dir, options);
    await inspect(await readBack(await renderBundle(dir)), dir);
  } finally {
    await rm(dir, { recursive: true });
  }
}

async function readBack(written: RenderedFiles): Promise<Files> {
  const svgs = new Map<string, string>();
  for (const file of written.charts) svgs.set(path.basename(file), await readFile(file, 'utf8'));
  return {
    html: await readFile(written.html, 'utf8'),
    markdown: await readFile(written.markdown, 'utf8'),
    svgs,
    written,
  };
}

const HOSTILE: FixtureOptions = {
  contenders: STANDARD.contenders.map((one, i) => ({
    ...one,
    class: 'job-queue',
    name: HOSTILE_NAMES[i] ?? one.name,
  })),
  scenarios: STANDARD.scenarios
    .slice(0, 2)
    .map((one) => ({ ...one, question: `${HOSTILE_NAMES.join(' ')}?` })),
  repeats: 2,
  amend: (cell) =>
    cell.repeat === 1 && cell.contender.name === HOSTILE_NAMES[2]
      ? { ...cell, verdict: 'invalid', reasons: [...HOSTILE_NAMES], notes: [...HOSTILE_NAMES] }
      : { ...cell, contender: { ...cell.contender, effective: { '<b>': HOSTILE_NAMES.join(' ') } } },
};

/** The page without its own two scripts and its style, which may hold what data must not. */
function dataOf(html: string): string {
  return html.replace(/<style>[\s\S]*?<\/style>/g, '').replace(/<script>[\s\S]*?<\/script>/g, '');
}

test('rendered again, also by another view of the same process, a report is the same bytes', async () => {
  await rendered({}, async (first, dir) => {
    const second = await readBack(await renderBundle(dir));
    assert.equal(second.html, first.html);
    assert.equal(second.markdown, first.markdown);
    assert.deepEqual(second.svgs, first.svgs);
    const inFolder = await readdir(path.join(dir, 'charts'));
    assert.deepEqual(inFolder.toSorted(), [...first.svgs.keys()].toSorted());
  });
});

test('the page is one file below 5 MB that may load nothing', async () => {
  await rendered({}, ({ html, svgs }) => {
    assert.ok(html.length < 5_000_000, `${html.length} bytes`);
    assert.match(html, /http-equiv="Content-Security-Policy" content="default-src &#39;none&#39;;/);
    assert.doesNotMatch(dataOf(html), /<(?:link|img|iframe|object|embed)\b|\bsrc=|url\(|@import/);
    assert.equal(svgs.size, 32);
    assert.equal((html.match(/<figure /g) ?? []).length, 32);
  });
});

test('a run of a hundred contenders and scenarios stays below 5 MB, with every chart drawn', async () => {
  const [first] = STANDARD.contenders;
  const steady = STANDARD.scenarios[1];
  assert.ok(first && steady);
  const options: FixtureOptions = {
    contenders: Array.from({ length: 10 }, (_, i) => ({ ...first, name: `contender-${i}` })),
    scenarios: Array.from({ length: 10 }, (_, i) => ({
      ...steady,
      name: `steady-${i}`,
      offeredPerSec: 40,
      seconds: 90,
    })),
    repeats: 1,
  };
  await rendered(options, ({ html, svgs }) => {
    assert.ok(Buffer.byteLength(html) < 5_000_000, `${Buffer.byteLength(html)} bytes`);
    assert.match(html, /are not interactive, to stay below 5 MB/);
    assert.equal(svgs.size, 140);
    assert.equal((html.match(/<figure /g) ?? []).length, 140);
  });
});

test('every table has a caption, every chart a name, a load model and a picture without script', async () => {
  await rendered({ durable: false }, ({ html, svgs }) => {
    const tables = html.match(/<table[ >]/g) ?? [];
    assert.equal((html.match(/<caption>[^<]+<\/caption>/g) ?? []).length, tables.length);
    for (const figure of html.match(/<figure [\s\S]*?<\/figure>/g) ?? []) {
      assert.match(figure, /role="img" aria-label="[^"]{20,}"/);
      assert.match(figure, /<p class="bad">[^<]*SERVER NOT DURABLE · (?:drain of|open loop)/);
      assert.match(figure, /<svg [\s\S]*<path/);
    }
    for (const [name, svg] of svgs) {
      assert.match(svg, /<title id="t">[^<]+<\/title><desc id="d">[^<]*(?:drain of|open loop)/, name);
      assert.match(svg, /SERVER NOT DURABLE/, name);
      assert.match(svg, /prefers-color-scheme: dark/, name);
      assert.doesNotMatch(svg, /NaN|undefined|Infinity/, name);
    }
  });
});

test('hostile names, questions, reasons and settings are text everywhere', async () => {
  await rendered(HOSTILE, ({ html, markdown, svgs }) => {
    for (const text of [dataOf(html), ...svgs.values()]) {
      assert.doesNotMatch(text, /<img|<script>alert|onerror=alert\(1\)>|\]\]>/);
      assert.doesNotMatch(text, /\p{Cc}(?<![\n\r\t])|\u202e/u);
    }
    assert.equal((html.match(/<script>/g) ?? []).length, 2);
    assert.match(html, /&lt;img src=x onerror=alert\(1\)&gt;/);
    assert.doesNotMatch(markdown.replace(/^ {4}npm run .*$/m, ''), /<(?:img|\/?script)|[^\\]\]\(javascript/);
    const rows = markdown.split('\n').filter((line) => line.startsWith('| '));
    const widths = new Set(rows.map((line) => (line.match(/(?<!\\)\|/g) ?? []).length));
    assert.ok(widths.size < 12, 'an unescaped pipe would give rows of many widths');
  });
});

test('the SVG files are well-formed XML, hostile names and all', async () => {
  await rendered(HOSTILE, ({ svgs }) => {
    for (const [name, svg] of svgs) {
      const stack: string[] = [];
      for (const [, close, tag, self] of svg.matchAll(
        /<(\/?)([a-zA-Z]+)(?:\s+[\w:-]+="[^"<]*")*\s*(\/?)>/g,
      )) {
        if (close === '/') assert.equal(stack.pop(), tag, name);
        else if (self !== '/') stack.push(tag ?? '');
      }
      assert.deepEqual(stack, [], name);
      const leftover = svg.replace(/<(\/?)([a-zA-Z]+)(?:\s+[\w:-]+="[^"<]*")*\s*(\/?)>/g, '');
      assert.doesNotMatch(leftover, /[<>]|&(?!amp;|lt;|gt;|quot;|#39;)/, name);
    }
  });
});

test('an incorrect contender has its reason and no figure, an invalid cell is listed', async () => {
  const amend = (cell: Cell): Cell => {
    if (cell.contender.name === 'advisory' && cell.scenario === 'drain') {
      const { throughput: _t, latencyUs: _l, cost: _c, ...rest } = cell;
      return { ...rest, verdict: 'incorrect', reasons: ['3 jobs lost'], audit: { ...cell.audit, lost: 3 } };
    }
    return cell.contender.name === 'skip-locked' && cell.repeat === 2
      ? { ...cell, verdict: 'invalid', reasons: ['lag p99 was 80 ms'] }
      : cell;
  };
  await rendered({ amend, complete: false }, ({ html, markdown, svgs }) => {
    assert.match(html, /INCORRECT/);
    assert.match(html, /INCOMPLETE RUN/);
    assert.match(html, /No figures: 3 repeats incorrect\. 3 jobs lost/);
    assert.match(html, /skip-locked, repeat 2, invalid: lag p99 was 80 ms. Left out/);
    assert.match(markdown, /\*\*INCORRECT\*\*/);
    assert.doesNotMatch(svgs.get('drain-job-queue-throughput.svg') ?? '', /advisory/);
    assert.match(svgs.get('steady-job-queue-throughput.svg') ?? '', /advisory/);
  });
});

test('bundles with nothing to draw still report: no cell, and no valid cell', async () => {
  await rendered({ repeats: 0, complete: false }, ({ html, svgs }) => {
    assert.match(html, /no cell finished/);
    assert.equal(svgs.size, 0);
  });
  const amend = (cell: Cell): Cell => ({ ...cell, verdict: 'invalid', reasons: ['stolen CPU'] });
  await rendered({ repeats: 1, amend }, ({ html, svgs }) => {
    assert.match(html, /no contender has a valid repeat/);
    assert.equal(svgs.size, 0);
  });
});

test('without samples and percentiles there are no such charts, and the rest stands', async () => {
  const amend = (cell: Cell): Cell => {
    const { latencyUs: _l, cost: _c, ...rest } = cell;
    return rest;
  };
  await rendered({ repeats: 1, amend }, ({ svgs }) => {
    assert.ok(svgs.has('drain-job-queue-throughput.svg'));
    assert.ok(!svgs.has('drain-job-queue-pickup.svg'));
    assert.ok(!svgs.has('drain-job-queue-cost.svg'));
  });
});

test('the command that repeats a run leaves its folder out, which is taken, and keeps the rest', async () => {
  const drain = ['run', '--scenario', 'drain', '--contender', 'null'];
  for (const out of [['--out', 'out/mine'], ['--out=out/mine']]) {
    const options: FixtureOptions = {
      contenders: STANDARD.contenders.slice(0, 1),
      scenarios: STANDARD.scenarios.slice(0, 1).map((one) => ({ ...one, seconds: 6, warmupSeconds: 1 })),
      repeats: 1,
      amendResult: (result) => ({ ...result, command: [...drain, ...out, '--seed', '5'] }),
    };
    await rendered(options, ({ html, markdown }) => {
      for (const text of [html, markdown]) {
        assert.ok(text.includes(`claimbench -- ${drain.join(' ')} --seed 5`));
        assert.ok(!text.includes('out/mine'));
      }
    });
  }
});

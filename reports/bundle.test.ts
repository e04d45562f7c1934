// Is a bundle that cannot be believed refused, in one line that names the file and the mend?

import assert from 'node:assert/strict';
import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { BundleError, readBundle } from './bundle.ts';
import { type FixtureOptions, writeFixture } from './testing-fixture.ts';
import { STANDARD } from './testing-fixture-data.ts';

const SMALL: FixtureOptions = {
  contenders: STANDARD.contenders.slice(0, 1),
  scenarios: STANDARD.scenarios.slice(1, 2),
  repeats: 1,
};

async function withFixture(options: FixtureOptions, run: (dir: string) => Promise<void>): Promise<void> {
  const dir = await mkdtemp(path.join(tmpdir(), 'claimbench-bundle-'));
  try {
    await writeFixture(dir, options);
    await run(dir);
  } finally {
    await rm(dir, { recursive: true });
  }
}

async function refuses(dir: string, words: RegExp): Promise<void> {
  await assert.rejects(readBundle(dir), (error) => {
    assert.ok(error instanceof BundleError);
    assert.match(error.message, words);
    assert.doesNotMatch(error.message, /\n/);
    return true;
  });
}

test('a whole bundle is read: samples in order of time, histograms of valid cells', async () => {
  await withFixture(SMALL, async (dir) => {
    const bundle = await readBundle(dir);
    const [cell] = bundle.result.cells;
    assert.ok(cell);
    const histograms = bundle.histograms.get(cell.id);
    assert.equal(histograms?.get('pickup')?.totalCount, cell.latencyUs?.pickup?.count);
    const times = bundle.load.get(cell.id)?.map((sample) => sample.t) ?? [];
    assert.ok(times.length > 0);
    assert.deepEqual(
      times,
      times.toSorted((a, b) => a - b),
    );
  });
});

test('missing files are named', async () => {
  for (const file of ['result.json', 'samples.ndjson', 'histograms/c000.hlog']) {
    await withFixture(SMALL, async (dir) => {
      await rm(path.join(dir, file));
      await refuses(dir, new RegExp(`${file.replace('.', '\\.')}: no such file; `));
    });
  }
});

test('malformed files are named, with the place', async () => {
  await withFixture(SMALL, async (dir) => {
    await appendFile(path.join(dir, 'samples.ndjson'), '{"kind":"load"}\n');
    await refuses(dir, /samples\.ndjson:\d+: .*delete that line/);
  });
  await withFixture(SMALL, async (dir) => {
    await writeFile(path.join(dir, 'result.json'), '{"cut');
    await refuses(dir, /result\.json: not JSON/);
  });
  await withFixture(SMALL, async (dir) => {
    const text = await readFile(path.join(dir, 'result.json'), 'utf8');
    await writeFile(path.join(dir, 'result.json'), text.replace('"verdict": "valid"', '"verdict": "fine"'));
    await refuses(dir, /result\.json: cells\.0\.verdict/);
    await writeFile(path.join(dir, 'result.json'), text.replace('"schemaVersion": 2', '"schemaVersion": 7'));
    await refuses(dir, /schema 7.*render it with the claimbench that wrote it/);
    await writeFile(path.join(dir, 'result.json'), '[]');
    await refuses(dir, /no claimbench result/);
  });
  await withFixture(SMALL, async (dir) => {
    await appendFile(path.join(dir, 'histograms/c000.hlog'), 'nonsense\n');
    await refuses(dir, /c000\.hlog: line \d+ is not/);
  });
});

test('histograms of another run are refused: their counts differ', async () => {
  await withFixture(SMALL, async (dir) => {
    const file = path.join(dir, 'histograms/c000.hlog');
    const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
    await writeFile(file, `${lines.slice(0, -1).join('\n')}\n`);
    await refuses(dir, /c000\.hlog: \d+ response samples, where result\.json has \d+/);
  });
});

test('a cell id cannot lead out of the bundle', async () => {
  await withFixture(SMALL, async (dir) => {
    const text = await readFile(path.join(dir, 'result.json'), 'utf8');
    await writeFile(path.join(dir, 'result.json'), text.replaceAll('"c000"', '"../c000"'));
    await refuses(dir, /no file name/);
  });
});

test('cells that are not valid need no histogram', async () => {
  const amend: FixtureOptions['amend'] = (cell) => ({ ...cell, verdict: 'invalid', reasons: ['lag'] });
  await withFixture({ ...SMALL, amend }, async (dir) => {
    await rm(path.join(dir, 'histograms/c000.hlog'));
    const bundle = await readBundle(dir);
    assert.equal(bundle.histograms.size, 0);
  });
});

// Does `compare` say on the command line what the bundle holds, and refuse in one line what it cannot do?

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { z } from 'zod';
import { comparisonSchema, resultSchema } from '../harness/result/result.ts';
import { claimbench, SHORT_DRAIN, temporaryFolder, testServer } from '../testing/command.ts';

const documentSchema = z.object({ forced: z.array(z.string()), comparisons: z.array(comparisonSchema) });

test('a contender given twice is an A/A test: two names, one verdict line, and compare says the same', async (t) => {
  const folder = temporaryFolder(t);
  const out = join(folder, 'aa');
  const twice = ['--contender', 'skip-locked', '--contender', 'skip-locked'];
  const words = [...SHORT_DRAIN, '--duration', '1', '--repeats', '1', '--server', testServer()];
  const ran = await claimbench('run', ...words, ...twice, '--out', out);
  assert.ok(ran.code === 0 || ran.code === 4, ran.stderr);
  const result = resultSchema.parse(JSON.parse(readFileSync(join(out, 'result.json'), 'utf8')));
  assert.deepEqual(result.contenders, ['skip-locked', 'skip-locked#2']);
  assert.deepEqual(result.cells.map((cell) => cell.contender.name).sort(), ['skip-locked', 'skip-locked#2']);
  assert.ok(result.comparisons.length > 0);
  assert.ok(result.comparisons.every((one) => one.verdict === '~' || one.verdict === 'invalid'));
  assert.match(ran.stdout, /No verdicts on differences/);

  const json = await claimbench('compare', out, '--json');
  assert.equal(json.code, ran.code, json.stderr);
  assert.deepEqual(documentSchema.parse(JSON.parse(json.stdout)).comparisons, result.comparisons);

  const files = join(folder, 'cmp');
  const text = await claimbench('compare', out, '--out', files, '--scenario', 'drain');
  assert.match(text.stdout, /drain: skip-locked#2 against skip-locked/);
  for (const name of ['compare.json', 'compare.md', 'compare.html']) assert.ok(existsSync(join(files, name)));

  const unknown = await claimbench('compare', out, '--base', 'nobody');
  assert.equal(unknown.code, 1);
  assert.match(unknown.stderr, /^claimbench: --base: there is no contender nobody in run .*skip-locked#2\n$/);
});

test('a folder that is no bundle, and a wrong number, are refused in one line', async (t) => {
  const folder = temporaryFolder(t);
  const none = await claimbench('compare', folder);
  assert.equal(none.code, 1);
  assert.match(none.stderr, /^claimbench: .*result\.json: no such file; give the folder.*\n$/);
  const wrong = await claimbench('compare', folder, '--min-effect', '0');
  assert.equal(wrong.code, 1);
  assert.match(wrong.stderr, /--min-effect.*from 0\.1 to 1000/);
});

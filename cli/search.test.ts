// Does `claimbench search` measure rates on a real server until it has an interval, and refuse what cannot be searched?

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { resultSchema } from '../harness/result/result.ts';
import { claimbench, temporaryFolder, testServer } from '../testing/command.ts';

test('a short search: one JSON document, each probe a cell of the bundle, and an answer that follows from them', async (t) => {
  const out = join(temporaryFolder(t), 'bundle');
  const { code, stdout, stderr } = await claimbench(
    ...[
      'search',
      '--contender',
      'skip-locked',
      '--job-ms',
      '20',
      '--sessions',
      '2',
      '--start',
      '1400',
      '--max',
      '2000',
    ],
    ...['--probes', '3', '--budget', '10s', '--seed', '3', '--server', testServer(), '--out', out, '--json'],
  );
  // A busy machine makes cells void, and what was measured is then no answer.
  assert.ok(code === 0 || code === 4, stderr);
  const result = resultSchema.parse(JSON.parse(stdout));
  assert.equal(result.complete, true);
  const { search, cells = [] } = result.capacity ?? {};
  assert.ok(search !== undefined);
  assert.ok(search.probes.length > 0 && search.probes.length <= 3);
  assert.deepEqual(
    search.probes.map(({ cell }) => cell),
    result.cells.map(({ id }) => id),
  );
  assert.ok(cells.every(({ purpose, handlers }) => purpose === 'probe' && handlers === 2));
  assert.equal(search.probes[0]?.ratePerSec, 1_400);
  for (const { ratePerSec, outcome, cell: id } of search.probes) {
    const cell = result.cells.find((one) => one.id === id);
    assert.ok(ratePerSec >= 1 && ratePerSec <= 2_000);
    assert.equal(cell?.parameters['ratePerSec'], ratePerSec);
    // An overload that took the processors of its generator is a fail as well.
    if (cell?.verdict === 'invalid') assert.match(outcome, /void|fail/, id);
    else assert.notEqual(outcome, 'void', id);
  }
  const [first] = search.probes;
  assert.match(stderr, new RegExp(`open-1400 × .* → ${first?.outcome}$`, 'm'));
  const { state, passPerSec, failPerSec } = search.answer;
  const rates = (of: string): number[] =>
    search.probes.flatMap(({ outcome, ratePerSec }) => (outcome === of ? [ratePerSec] : []));
  if (passPerSec !== undefined) assert.ok(rates('pass').includes(passPerSec));
  if (failPerSec !== undefined) assert.ok(rates('fail').includes(failPerSec));
  assert.equal(code, state === 'interrupted' || state === 'unmeasurable' ? 4 : 0, state);
  assert.ok(existsSync(join(out, 'report.html')));
  assert.ok(!JSON.stringify(result).includes(new URL(testServer()).password), 'the password is kept');
});

test('a mistake is answered in one line, before a server is started', async () => {
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [['--slo', 'pickp.p99<250ms'], /did you mean pickup/],
    [['--start', '500', '--max', '100'], /--start 500 lies above --max 100/],
    [
      ['--budget', '60s', '--hold-xmin', '2m'],
      /--budget 60 s is under 9.5 × --hold-xmin 2 min, .* give 19 min or more/,
    ],
    [['--budget', '600'], /give a unit: 30s, 10m/],
    [['--job-ms', '40000'], /jobs of 40 s are longer than a probe can tell of/],
    [['--contender', 'batch', '--contender', 'ring'], /one contender was given already/],
    [['--no-sampling', '--slo', 'deadTuples.growth<5/s'], /--no-sampling: dead tuples are seen by sampling/],
  ];
  for (const [words, said] of cases) {
    const ended = await claimbench('search', ...words);
    assert.equal(ended.code, 1, `${words.join(' ')}\n${ended.stderr}`);
    assert.match(ended.stderr, said);
    assert.equal(ended.stderr.trim().split('\n').length, 1, ended.stderr);
    assert.equal(ended.stdout, '');
  }
});

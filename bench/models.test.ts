// Does bench:models run, and does it call a prediction reached, missed or open as it is?

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { RunResult } from '../harness/result/result.ts';
import { writeCapacityFixture } from '../reports/testing-capacity-fixture.ts';
import { temporaryFolder } from '../testing/command.ts';
import { standingOf } from './yardstick.ts';
import { foretold } from './yardsticks/models/predictions.ts';

const COMMAND = fileURLToPath(new URL('models.ts', import.meta.url));

test('what is simulated gives each of its figures', async () => {
  const words = ['--only', 'brackets', '--only', 'theory', '--smoke'];
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', COMMAND, ...words], {
    timeout: 100_000,
  }).catch((error: { readonly stdout: string; readonly code: number; readonly stderr: string }) => {
    // Of so few trials one may miss.
    assert.equal(error.code, 1, error.stderr);
    return error;
  });
  const figures = stdout
    .split('\n')
    .filter((line) => /^(ok|MISSED|open|\s{6})\s+(level|collapse|leak|pickup|capacity)/.test(line));
  assert.equal(figures.length, 3 * 3 + 4, stdout);
  for (const line of figures) assert.match(line, /: \d[\d.e-]*( %)?(;| |$)/, line);
});

test('a yardstick and a contender that are not there are refused', async () => {
  for (const [words, said] of [
    [['--only', 'fast'], /no yardstick fast: give one of brackets, theory, real, from, again/],
    [['--contender', 'bach'], /no contender bach: give one of .*skip-locked/],
  ] as const)
    await assert.rejects(
      promisify(execFile)(process.execPath, ['--import', 'tsx', COMMAND, ...words]),
      (error: { readonly stderr: string; readonly code: number }) =>
        error.code === 1 && said.test(error.stderr),
    );
});

test('predictions stand beside their targets, and one that is missing is open, with the reason', async (t) => {
  const result = await writeCapacityFixture(temporaryFolder(t), 'plan');
  const { capacity } = result;
  assert.ok(capacity);
  const [first] = capacity.predictions ?? [];
  assert.ok(first);
  const standings = (predictions: readonly (typeof first)[], over: Partial<RunResult> = {}) =>
    foretold({ ...result, ...over, capacity: { ...capacity, predictions: [...predictions] } }, 'it').map(
      (figure) => [figure.what, standingOf(figure), figure.note ?? ''] as const,
    );
  const drain = { ...first, what: 'drain time', at: 'once', unit: 's' as const, predicted: 4 };
  const [throughput, pickup, within] = standings([{ ...drain, measured: 5, error: -0.2 }]);
  assert.deepEqual(within, ['it: drain time, error at once', 'reached', '4 s foretold, 5 s measured']);
  assert.equal(throughput?.[1], 'open');
  assert.equal(pickup?.[1], 'open');
  assert.match(pickup?.[2] ?? '', /came to no load of this kind \(check\)/);
  assert.equal(standings([{ ...drain, measured: 3, error: 1 / 3 }])[2]?.[1], 'missed');
  const low = { ...first, what: 'pickup p95', at: 'once', unit: 'us' as const, predicted: 4_000 };
  const check = { ...capacity, cells: capacity.cells.map((one) => ({ ...one, purpose: 'check' as const })) };
  const [, fewer] = foretold(
    { ...result, capacity: { ...check, predictions: [{ ...low, measured: 5_000, error: -0.2 }] } },
    'it',
  );
  assert.match(fewer?.note ?? '', /only pickup p95: 4 ms foretold, 5 ms measured/);
  const cells = result.cells.map((cell) => ({
    ...cell,
    verdict: 'invalid' as const,
    reasons: ['it rained'],
  }));
  assert.match(standings([], { cells })[2]?.[2] ?? '', /void: it rained/);
});

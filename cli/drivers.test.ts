// Is each client library measured alike: chosen as asked, held to the same checks, its round trips counted?

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { resultSchema } from '../harness/result/result.ts';
import { SHORT_DRAIN, start, temporaryFolder, testServer } from '../testing/command.ts';

/** Below the time that a test may take: three cells, on a machine that others use as well. */
const LONGEST_MS = 170_000;

test('--driver goes to each contender that was not given one, and every cell tells what it ran on', async (t) => {
  const contenders = [
    'skip-locked',
    'skip-locked?pipeline=off',
    'skip-locked?driver=pg&pipeline=off',
    'null',
  ];
  const words = [
    ...['run', ...SHORT_DRAIN, '--driver', 'postgres', '--repeats', '1', '--duration', '1.5'],
    ...contenders.flatMap((contender) => ['--contender', contender]),
    ...['--server', testServer(), '--json', '--out', join(temporaryFolder(t), 'bundle')],
  ];
  const ran = await start(words, LONGEST_MS).finished;
  // Beside other tests the machine may be too busy for a valid cell: what is asked here does not hang on that.
  assert.ok(ran.code === 0 || ran.code === 4, ran.stderr);
  const { cells } = resultSchema.parse(JSON.parse(ran.stdout));
  const cellOf = (name: string) => {
    const cell = cells.find(({ contender }) => contender.name === name);
    assert.ok(cell, `${name} is missing from ${cells.map(({ contender }) => contender.name)}`);
    return cell;
  };
  for (const [name, driver, pipeline] of [
    ['skip-locked?driver=postgres', 'postgres', 'on'],
    ['skip-locked?pipeline=off&driver=postgres', 'postgres', 'off'],
    ['skip-locked?driver=pg&pipeline=off', 'pg', 'off'],
  ] as const) {
    const { contender, audit, jobs, fairness, cost } = cellOf(name);
    assert.equal(contender.driver, driver);
    assert.equal(contender.declared?.['pipeline'], pipeline);
    assert.match(String(contender.effective?.['driverVersion']), new RegExp(`^${driver} \\d+\\.\\d+`));
    assert.equal(audit.lost + audit.duplicateClaims + audit.duplicateSettlements, 0);
    assert.ok(jobs.settled > 50);
    for (const { setting, verdict } of fairness ?? [])
      assert.notEqual(verdict, 'differs', `${name} ${setting}`);
    assert.ok(
      (fairness ?? []).some((check) => check.setting === 'statementMode' && check.verdict === 'matches'),
    );
    // A settle and the next claim share a round trip, unless each waits for the other.
    const trips = cost?.roundTripsPerJob ?? 0;
    assert.ok(
      pipeline === 'on' ? trips > 0.9 && trips < 1.6 : trips > 1.9 && trips < 2.6,
      `${name} ${trips}`,
    );
  }
});

// Are pgbench and the harness both measured, and is a comparison that went wrong no comparison?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { temporaryFolder, testServer } from '../../testing/command.ts';
import { whereMeasurable } from '../../testing/measurable.ts';
import { RuntimeFailure } from '../errors.ts';
import { openServer } from '../server/index.ts';
import { findPgbench, runPgbench } from './pgbench.ts';
import { comparePgbench } from './pgbench-ratio.ts';

const skip = findPgbench() === undefined ? 'needs pgbench' : false;
const signal = AbortSignal.timeout(120_000);

test('one round gives both rates, their ratio, and the CPU of either client', { skip }, async (t) => {
  const scratchDir = temporaryFolder(t);
  const seen: number[] = [];
  const measured = await whereMeasurable(t, () =>
    comparePgbench({
      connections: 2,
      rounds: 3,
      seconds: 1,
      scratchDir,
      signal,
      // Over before the second round.
      withinSeconds: 0.001,
      onRound: (round) => seen.push(round.ratio),
    }),
  );
  if (measured === undefined) return;
  const { rounds, median, min, max } = measured;
  const [round] = rounds;
  assert.ok(round !== undefined && rounds.length === 1);
  assert.ok(round.pgbenchPerSec > 20 && round.harnessPerSec > 20, JSON.stringify(round));
  assert.equal(round.ratio, round.harnessPerSec / round.pgbenchPerSec);
  assert.deepEqual([median, min, max], [round.ratio, round.ratio, round.ratio]);
  assert.deepEqual(seen, [round.ratio]);
  assert.ok((round.harnessCpuShare ?? 0) > 0);
  if (process.platform === 'linux') {
    const share = round.pgbenchCpuShare ?? 0;
    assert.ok(share > 0 && share <= 1.2, `pgbench used ${share} cores`);
  }
});

test('a pgbench that runs out of jobs has no rate', { skip }, async (t) => {
  await using server = await openServer(testServer());
  const load = {
    server,
    label: 'dry',
    connections: 1,
    seconds: 1,
    preloadJobs: 5,
    scratchDir: temporaryFolder(t),
    signal,
  };
  await assert.rejects(runPgbench(load), (error) => {
    assert.ok(error instanceof RuntimeFailure);
    assert.match(error.message, /^pgbench failed: /);
    return true;
  });
});

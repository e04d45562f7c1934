// Is the answer of a plan tried by its own jobs, its own handlers, and what was asked of it?

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseContender } from '../../harness/contenders/index.ts';
import { planOf } from '../../reports/planning/answer.ts';
import { totalSeconds } from '../../scenarios/scenario.ts';
import { temporaryFolder } from '../../testing/command.ts';
import { patternFor, planned, question } from '../../testing/synthetic/capacity-world.ts';
import { loadScenario } from '../scenarios.ts';
import { HOLD_FILE, holdCommand, holdScenario } from './hold.ts';

test('an hour at the peak with the handlers that are recommended, judged by the SLO, from a file as from the plan', async (t) => {
  const asked = question({ ratePerSec: 60, peakFactor: 1.5 });
  const { plan } = planOf((await planned(asked, { search: false })).input);
  const { recommended, peakPerSec } = plan?.answer ?? {};
  assert.ok(recommended !== undefined && peakPerSec === 90);
  const pattern = await patternFor({ jobMs: 40 });
  const scenario = holdScenario(pattern, asked, { recommended, peakPerSec });
  assert.deepEqual(scenario.phases.at(-1)?.arrival, { model: 'poisson', ratePerSec: 90 });
  assert.deepEqual(scenario.job, pattern.job);
  assert.deepEqual(scenario.workers, { agents: 1, connections: recommended.sessions });
  assert.equal(totalSeconds(scenario) - scenario.warmupSeconds, 3_600);
  assert.deepEqual(scenario.expect, ['lost = 0', ...asked.slo.map(({ text }) => text)]);
  const directory = temporaryFolder(t);
  writeFileSync(join(directory, HOLD_FILE), JSON.stringify(scenario));
  assert.deepEqual(await loadScenario(join(directory, HOLD_FILE)), scenario);
});

test('the command names the file, and as many handlers in each session', () => {
  const recommended = {
    ...{ contender: 'batch', strategy: 'batch', wakeup: 'poll', batch: 10, connections: 11 },
    ...{ workers: 1, sessions: 8, concurrency: 6, handlers: 48 },
  };
  const of = (name: string, concurrency: number, folder = 'out/plan', flags: string[] = []) =>
    holdCommand(
      folder,
      parseContender(name, () => ''),
      { ...recommended, concurrency },
      flags,
    );
  assert.equal(
    of('skip-locked', 6),
    "npm run --silent claimbench -- run --scenario ./out/plan/hold.json --contender 'skip-locked?concurrency=6' --repeats 1",
  );
  assert.match(of('batch?batch=20', 6), /--contender 'batch\?batch=20&concurrency=6' --repeats 1$/);
  assert.match(of('skip-locked', 1, "out/Ann's plan"), / --scenario '\.\/out\/Ann'\\''s plan\/hold\.json' /);
  assert.match(of('skip-locked', 1), /--contender skip-locked --repeats 1$/);
  assert.match(
    of('skip-locked', 1, 'out/plan', ['--server', '--pg']),
    / --repeats 1 \(and --server, --pg as here\)$/,
  );
});

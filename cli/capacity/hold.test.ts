// Is the answer of a plan tried by its own jobs, its own handlers, and what was asked of it?

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Command } from 'commander';
import { parseContender } from '../../harness/contenders/index.ts';
import { planOf } from '../../reports/planning/answer.ts';
import { totalSeconds } from '../../scenarios/scenario.ts';
import { temporaryFolder } from '../../testing/command.ts';
import { patternFor, planned, question } from '../../testing/synthetic/capacity-world.ts';
import { optionsGiven, repeatable } from '../options.ts';
import { loadScenario } from '../scenarios.ts';
import { PLACE_WORDS } from '../server-wishes.ts';
import { HOLD_FILE, holdCommand, holdScenario, passwordNote, placeOf } from './hold.ts';

const RECOMMENDED = {
  ...{ contender: 'batch', strategy: 'batch', wakeup: 'poll', batch: 10, connections: 11 },
  ...{ workers: 1, sessions: 8, concurrency: 6, handlers: 48 },
};

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
  const of = (name: string, concurrency: number, folder = 'out/plan') =>
    holdCommand(
      folder,
      parseContender(name, () => ''),
      { ...RECOMMENDED, concurrency },
      [],
    );
  assert.equal(
    of('skip-locked', 6),
    "npm run --silent claimbench -- run --scenario ./out/plan/hold.json --contender 'skip-locked?concurrency=6' --repeats 1",
  );
  assert.match(of('batch?batch=20', 6), /--contender 'batch\?batch=20&concurrency=6' --repeats 1$/);
  assert.match(of('skip-locked', 1, "out/Ann's plan"), / --scenario '\.\/out\/Ann'\\''s plan\/hold\.json' /);
  assert.match(of('skip-locked', 1), /--contender skip-locked --repeats 1$/);
});

test('the command is for the same place, the first of several servers, without its password', () => {
  const asked = new Command()
    .option('--server <where>', '', repeatable)
    .option('--setting <name=value>', '', repeatable)
    .option('--pin <cores>', '', 'auto')
    .option('--seed <n>');
  asked.parse(
    [
      ...['--server', 'postgres://ann:secret@db:5432/jobs', '--server', 'embedded', '--seed', '7'],
      ...['--setting', 'work_mem=8MB', '--setting', 'a.b=c d'],
    ],
    { from: 'user' },
  );
  const place = placeOf(optionsGiven(asked, PLACE_WORDS));
  const command = holdCommand(
    'out/plan',
    parseContender('skip-locked', () => ''),
    { ...RECOMMENDED, concurrency: 1 },
    place,
  );
  assert.match(
    command,
    / --repeats 1 --server postgres:\/\/ann@db:5432\/jobs --setting 'work_mem=8MB' --setting 'a\.b=c d'$/,
  );
  assert.match(passwordNote(place), /password of the address is left out/);
  assert.equal(passwordNote(placeOf([{ name: 'server', flag: '--server', values: ['docker'] }])), '');
});

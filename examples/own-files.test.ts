// Do the example files hold what they are examples of: a strategy that keeps the contract, a scenario that is valid, a workload?

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Command } from 'commander';
import { questionOf, questionOptions, questionSchema, withWorkloadFile } from '../cli/capacity/question.ts';
import { patternOf } from '../cli/capacity/workload.ts';
import { loadScenario } from '../cli/scenarios.ts';
import { describeConformance } from '../queue/conformance/suite.ts';
import { type Driver, pgDriver } from '../queue/index.ts';
import { ratesOf } from '../scenarios/arrival.ts';
import { arrivalsOf, scenarioSchema, totalSeconds } from '../scenarios/scenario.ts';
import { type TestDatabase, testDatabase } from '../testing/database.ts';
import roomyPages from './roomy-pages.ts';
import slowJobs from './slow-jobs.ts';

let database: TestDatabase;
let driver: Driver;

before(async () => {
  database = await testDatabase();
  driver = pgDriver({ ...database.settings, max: 4 });
});

after(async () => {
  await driver[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

describeConformance(roomyPages, () => driver, [
  {
    test: 'when a session dies its jobs come back at once, and its settle is stale',
    reason: 'its leases end by the clock: a dead session keeps them until they expire',
  },
]);

test('the strategy does what its name says', async () => {
  await roomyPages.create({ schema: 'roomy' }).install(driver);
  const { rows } = await driver.query<{ readonly options: readonly string[] }>({
    text: `SELECT reloptions AS options FROM pg_class WHERE oid = 'roomy.jobs'::regclass`,
  });
  assert(rows[0]?.options.includes('fillfactor=50'));
});

test('the scenario is valid, and leaves the workers half idle', () => {
  const scenario = scenarioSchema.parse(slowJobs);
  const { workers, phases, job } = scenario;
  assert(job.handler.time === 'constant');
  const [rate] = arrivalsOf(scenario).flatMap(ratesOf);
  assert.equal(Number(rate) * job.handler.ms, 0.5 * 1000 * workers.agents * workers.connections);
  assert(totalSeconds({ phases }) > 0);
});

test('the scenario in YAML is valid, in both forms', async () => {
  const path = new URL('./reporting-hour.yaml', import.meta.url).pathname;
  const full = await loadScenario(path);
  const smoke = await loadScenario(path, 'smoke');
  assert.deepEqual(
    full.phases.map(({ label }) => label),
    smoke.phases.map(({ label }) => label),
  );
  assert(totalSeconds(smoke) <= 10);
});

test('the workload is a question that a plan takes, with every key read', async () => {
  const command = new Command('plan');
  questionOptions(command);
  command.parse(['--workload', new URL('./workload.yaml', import.meta.url).pathname], { from: 'user' });
  await withWorkloadFile(command);
  const words = questionSchema.parse(command.opts());
  const question = questionOf(words, await patternOf(words), 'skip-locked');
  const { ratePerSec, peakFactor, later, outage, bloatSeconds, connections, handler, slo } = question;
  assert.deepEqual(
    { ratePerSec, peakFactor, later, outage, bloatSeconds, connections },
    {
      ...{ ratePerSec: 300, peakFactor: 3, later: { ratePerSec: 900, months: 12 } },
      ...{ outage: { seconds: 600, recoverSeconds: 1_800 }, bloatSeconds: 120, connections: 40 },
    },
  );
  assert.equal(question.jobMs, 25);
  assert.equal(handler['p99Ms'], 120);
  assert.deepEqual(
    slo.map(({ text }) => text),
    ['pickup.p99 < 250 ms', 'response.p95 < 1 s'],
  );
});

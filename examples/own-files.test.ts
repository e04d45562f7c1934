// Do the example files hold what they are examples of: a strategy that keeps the contract, a scenario that is valid?

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
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

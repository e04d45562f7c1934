// What becomes of the jobs of a process that is killed? A program for tests: it brings jobs of every strategy to each step
// of their lives, says where they are, and waits to be killed.
//
// Argument: the database's URL. Prints one line of JSON: strategy by strategy, what must become of the jobs.

import { deviationsIn } from '../queue/conformance/deviations.ts';
import { live } from '../queue/crash/life.ts';
import { pgDriver } from '../queue/drivers/pg.ts';
import { strategies } from '../queue/strategies/index.ts';
import type { ClaimedJob } from '../queue/strategy.ts';

const [connectionString = ''] = process.argv.slice(2);
const driver = pgDriver({ connectionString, max: 6, applicationName: 'crash worker' });
const lives = await Promise.all(
  strategies.map((factory) =>
    live({
      factory,
      schema: `killed ${factory.strategyName}`,
      driver,
      without: new Set(deviationsIn('crash', factory).map(({ test }) => test)),
      worker: true,
    }),
  ),
);
// Field by field: a strategy's jobs may be more than their fields, or have them by getters.
const plain = ({ id, queue, payload, priority, attempt, maxAttempts, lease }: ClaimedJob): ClaimedJob => ({
  ...{ id, queue, payload, priority, attempt, maxAttempts },
  lease: { fencingToken: lease.fencingToken, expiresAtMs: lease.expiresAtMs },
});
const said = lives.map((ofStrategy) =>
  ofStrategy.map(({ schema, jobs }) => ({
    schema,
    jobs: jobs.map(({ lost, ...job }) => (lost === undefined ? job : { ...job, lost: plain(lost) })),
  })),
);
console.log(JSON.stringify(said));
// Longer than any test waits; then it ends by itself, whoever forgot it.
setTimeout(() => process.exit(1), 120_000);

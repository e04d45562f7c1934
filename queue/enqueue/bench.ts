// What do the tests of enqueueing stand on?

import { describe } from 'node:test';
import { driverKinds } from '../conformance/drivers.ts';
import type { Driver } from '../drivers/driver.ts';
import type { DriverOptions } from '../drivers/options.ts';
import { createQueue, type Queue, type QueueOptions } from '../queue.ts';
import type { JobId, WorkerSession } from '../strategy.ts';

/** The strategies that carry every feature. */
const STRATEGIES: readonly string[] = ['skip-locked', 'batch', 'packed-lease', 'range-lease', 'ring'];

/** What a test over a strategy and a driver is given. */
export interface Ground {
  readonly strategy: string;
  /** A schema's name that no other ground has. */
  readonly schema: string;
  open(options: DriverOptions): Driver;
}

/** Describes `tests` over each of those strategies and both client libraries. */
export function onEachGround(tests: (ground: Ground) => void): void {
  for (const { label, open } of driverKinds.filter(({ pipeline }) => pipeline))
    for (const strategy of STRATEGIES)
      describe(`${strategy} over ${label}`, () => {
        tests({ strategy, schema: `${strategy} ${label} "'`, open });
      });
}

/** An installed queue of `ground`. */
export async function installed(
  ground: Ground,
  driver: Driver,
  options: Partial<QueueOptions> = {},
): Promise<Queue> {
  const queue = createQueue({ driver, strategy: ground.strategy, schema: ground.schema, ...options });
  await queue.install();
  return queue;
}

/** The ids of all jobs that are not finished, ascending. */
export async function unfinished({ strategy, driver }: Queue): Promise<readonly JobId[]> {
  const ids: JobId[] = [];
  for (let after: JobId | undefined; ; ) {
    const page = await strategy.contents(driver, after, 1000);
    ids.push(...page.filter(({ state }) => state !== 'dead').map(({ id }) => id));
    after = page.at(-1)?.id;
    if (after === undefined) return ids;
  }
}

/** A session, before each of whose claims the upkeep is done that a worker would have done by then. */
export async function openSession({ strategy, driver }: Queue): Promise<WorkerSession> {
  const session = await strategy.openWorker(await driver.connect('test'), 'tester');
  return {
    async claim(...asked) {
      await strategy.upkeep?.run(driver);
      return session.claim(...asked);
    },
    settle: (outcomes) => session.settle(outcomes),
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  };
}

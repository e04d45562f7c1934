// What must every strategy do? The suite that each one is held to; a strategy of a user's own can be run against it.

import { describe, test } from 'node:test';
import type { Driver } from '../drivers/driver.ts';
import type { StrategyFactory } from '../strategy.ts';
import { openBench } from './bench.ts';
import { claiming } from './claiming.ts';
import { deadLetters } from './dead-letters.ts';
import type { Deviation } from './deviations.ts';
import { errorHistory } from './error-history.ts';
import { leasing } from './leasing.ts';
import { finding, puttingOff, removing } from './operating.ts';
import { ownership } from './ownership.ts';
import { settling } from './settling.ts';
import { transactions } from './transactions.ts';

const checks = {
  ...claiming,
  ...settling,
  ...ownership,
  ...transactions,
  ...leasing,
  ...finding,
  ...removing,
  ...puttingOff,
  ...deadLetters,
  ...errorHistory,
};

/** The names of the suite's tests. */
export const conformanceTests: readonly string[] = Object.keys(checks);

let schemas = 0;

/** Runs the suite for `factory`. `driver` is asked for in each test, since it opens only when tests run. */
export function describeConformance(
  factory: StrategyFactory,
  driver: () => Driver,
  deviations: readonly Deviation[],
): void {
  describe(`strategy ${factory.strategyName}`, () => {
    for (const [name, check] of Object.entries(checks)) {
      const deviation = deviations.find((candidate) => candidate.test === name);
      test(name, { skip: deviation?.reason ?? false, timeout: 150_000 }, async () => {
        await using closing = new AsyncDisposableStack();
        schemas += 1;
        await check(await openBench(factory, driver(), `Schema "${schemas}" ü'`, closing));
      });
    }
  });
}

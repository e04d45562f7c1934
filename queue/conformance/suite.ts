// What must every strategy do? The suite that each one is held to; a strategy of a user's own can be run against it.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Driver } from '../drivers/driver.ts';
import type { StrategyFactory } from '../strategy.ts';
import { openBench } from './bench.ts';
import { claiming } from './claiming.ts';
import { leasing } from './leasing.ts';
import { settling } from './settling.ts';

/** A test that a strategy is excused from, and why. */
export interface Deviation {
  readonly test: string;
  readonly reason: string;
}

const checks = { ...claiming, ...settling, ...leasing };

const conformanceTests: readonly string[] = Object.keys(checks);

let schemas = 0;

/** Runs the suite for `factory`. `driver` is asked for in each test, since it opens only when tests run. */
export function describeConformance(
  factory: StrategyFactory,
  driver: () => Driver,
  deviations: readonly Deviation[],
): void {
  for (const { test: name } of deviations)
    assert(conformanceTests.includes(name), `a deviation names no test: ${name}`);
  describe(`strategy ${factory.strategyName}`, () => {
    for (const [name, check] of Object.entries(checks)) {
      const deviation = deviations.find((candidate) => candidate.test === name);
      test(name, { skip: deviation?.reason ?? false, timeout: 60_000 }, async () => {
        await using closing = new AsyncDisposableStack();
        schemas += 1;
        await check(await openBench(factory, driver(), `Schema "${schemas}" ü'`, closing));
      });
    }
  });
}

// Does each deviation name a strategy and a test that exist?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CRASH_STEPS } from '../crash/life.ts';
import { FEATURES } from '../model/commands.ts';
import { STEPS } from '../plans/exercise.ts';
import { strategies } from '../strategies/index.ts';
import { deviants, deviationsOf } from './deviations.ts';
import { conformanceTests } from './suite.ts';
import { HELD_TEN_SECONDS } from './transactions.ts';

const known = new Set([
  ...conformanceTests,
  HELD_TEN_SECONDS,
  ...FEATURES.map((feature) => `model: ${feature}`),
  ...CRASH_STEPS.map((step) => `crash: ${step}`),
  ...STEPS.map((step) => `plans: ${step}`),
]);

test('each deviation is one of a built-in strategy', () => {
  const names = strategies.map(({ strategyName }) => strategyName);
  assert.deepEqual(
    deviants.filter((name) => !names.includes(name)),
    [],
  );
});

test('each deviation names a test, and says why', () => {
  for (const factory of strategies)
    for (const { test: name, reason } of deviationsOf(factory)) {
      assert(known.has(name), `${factory.strategyName} deviates from a test that is not there: ${name}`);
      assert.match(reason, /\w+ \w+/, name);
    }
});

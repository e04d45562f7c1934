// Does every strategy keep its promises whatever happens, in whatever order? And would it be noticed if one did not?

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type TestDatabase, testDatabase } from '../testing/database.ts';
import { faults } from '../testing/planted/model-faults.ts';
import type { Driver } from './drivers/driver.ts';
import { pgDriver } from './drivers/pg.ts';
import { wholeNumber } from './model/environment.ts';
import { runModel } from './model/run.ts';
import { strategies } from './strategies/index.ts';

/** Sequences per strategy; more find more, and each run draws others. */
const SEQUENCES = wholeNumber('CLAIMBENCH_MODEL_SEQUENCES') ?? 200;
/** Anew in each run, and printed when one fails; given, the same sequences are drawn again. */
const SEED = wholeNumber('CLAIMBENCH_MODEL_SEED') ?? Math.trunc(Math.random() * 2 ** 30);
/** At once: they mostly wait, for disk and clock. */
const SLOTS = 6;
/** Sequences in which a planted fault must have shown. */
const FAULT_SEQUENCES = 300;
/** Seeds of which one must show a planted fault by the words that are its own. */
const FAULT_TRIES = 5;

let database: TestDatabase;
let driver: Driver;

before(async () => {
  database = await testDatabase();
  // A statement that waits for what never comes ends with its sequence.
  driver = pgDriver({ ...database.settings, max: 6, sessionOptions: '-c statement_timeout=10s' });
});

after(async () => {
  await driver[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

describe(`model: ${SEQUENCES} sequences, seed ${SEED}`, () => {
  for (const factory of strategies) {
    test(factory.strategyName, { timeout: 170_000 }, async () => {
      const failure = await runModel({
        factory,
        driver,
        sequences: SEQUENCES,
        seed: SEED,
        slots: SLOTS,
        shrink: true,
      });
      assert.equal(failure, undefined, failure);
    });
  }
});

describe('the model notices', () => {
  for (const { factory, noticed } of faults) {
    test(factory.strategyName, { timeout: 120_000 }, async () => {
      const said: string[] = [];
      // A fault has many faces, and its first may be a rare one: its own words must be among what it is caught by.
      while (said.length < FAULT_TRIES && !noticed.test(said.at(-1) ?? '')) {
        const seed = SEED + said.length;
        const failure = await runModel({
          factory,
          driver,
          sequences: FAULT_SEQUENCES,
          seed,
          slots: 2,
          shrink: false,
        });
        assert(failure !== undefined, `${FAULT_SEQUENCES} sequences of seed ${seed} showed nothing`);
        said.push(failure.split('\n')[0] ?? '');
      }
      assert.match(said.at(-1) ?? '', noticed, said.join('\n'));
    });
  }
});

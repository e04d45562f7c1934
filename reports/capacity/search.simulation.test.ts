// Does the search bracket the true limit of queues whose limit is known, narrowly, and twice the same?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { quantile } from '../../stats/spread.ts';
import {
  apartOf,
  brackets,
  LIMIT_KINDS,
  searchTrial,
  widthOf,
} from '../../testing/synthetic/search-trial.ts';

const TRIALS = 100;

for (const kind of LIMIT_KINDS) {
  test(`a search brackets the true limit: M/M/c, ${kind}`, (t) => {
    const trials = Array.from({ length: TRIALS }, (_, seed) => ({ seed, ...searchTrial(kind, seed) }));
    const missed = trials
      .filter((trial) => !brackets(trial))
      .map(({ seed, truePerSec, one: { passPerSec = 0, failPerSec = Number.POSITIVE_INFINITY } }) =>
        [`${seed}:`, (passPerSec / truePerSec).toFixed(3), '…', (failPerSec / truePerSec).toFixed(3)].join(
          ' ',
        ),
      );
    const ratios = trials.map(({ one }) => widthOf(one));
    const apart = trials.map(apartOf);
    const lengths = trials.map(({ one }) => one.seconds);
    const at = (values: number[], q: number): number => quantile(values, q) ?? Number.NaN;
    const say = (values: number[]): string => [0.5, 0.9, 1].map((q) => at(values, q).toFixed(3)).join(', ');
    t.diagnostic(`bracketed ${TRIALS - missed.length} of ${TRIALS}; missed ${missed.join('; ')}`);
    t.diagnostic(`median, 90 %, worst of fail ÷ pass: ${say(ratios)}; of two searches: ${say(apart)}`);
    t.diagnostic(`of the seconds of load: ${say(lengths)}`);
    assert.ok(missed.length <= 5, missed.join('; '));
    assert.ok(at(ratios, 0.5) <= 1.15 && at(ratios, 0.9) <= 1.31, say(ratios));
    assert.ok(at(apart, 0.9) <= 1.1, say(apart));
  });
}

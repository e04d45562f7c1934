// Are as few handlers chosen as suffice, and where none suffice those that settle the most?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { erlangC } from '../../stats/queueing.ts';
import { uslAt } from '../../stats/usl.ts';
import { question } from '../../testing/synthetic/capacity-world.ts';
import { waitQuantile } from '../../testing/synthetic/queue-law.ts';
import { chooseHandlers } from './handlers.ts';
import type { Law } from './scaling.ts';

/** `low`: the band's lower edge, as a share of the law. */
function law(sigma = 0, kappa = 0, low = 1): Law {
  const fit = { lambdaPerSec: 25, sigma, kappa, relativeError: 0 };
  return {
    fit,
    saidUpTo: 128,
    lowPerSec: (n) => low * uslAt(fit, n),
    highPerSec: (n) => uslAt(fit, n),
    quality: 'good',
  };
}
const CANDIDATES = [1, 2, 3, 4, 5, 6, 7, ...Array.from({ length: 16 }, (_, i) => 8 * (i + 1))];
const CLAIMING = { base: [0.001], serviceScv: 1, ahead: { jobs: 0, batch: 1 }, stalls: [] };

/** The first that is enough. */
function fewest(enough: (handlers: number) => boolean): number | undefined {
  return CANDIDATES.find(enough);
}

test('busy to four fifths at most', () => {
  for (const ratePerSec of [1, 19, 21, 100, 160, 161, 800, 2_000]) {
    const { handlers, capacityPerSec, lacks } = chooseHandlers(question({ ratePerSec }), law(0.001));
    const wanted = fewest((n) => ratePerSec <= 0.8 * uslAt(law(0.001).fit, n));
    assert.equal(handlers, wanted, `${ratePerSec}`);
    assert.equal(capacityPerSec, uslAt(law(0.001).fit, handlers));
    assert.deepEqual(lacks, []);
  }
});

test('by the lower edge of the band, for the rate, the outage and the wait', () => {
  const [slo] = [{ of: 'pickup', percentile: 99, limitUs: 20_000, text: 'pickup.p99 < 20 ms' }] as const;
  for (const more of [{}, { outage: { seconds: 600, recoverSeconds: 600 } }, { slo: [slo] }]) {
    const unsure = chooseHandlers(question({ ratePerSec: 100, ...more }), law(0, 0, 0.5), CLAIMING);
    const slower = {
      ...law(),
      fit: { ...law().fit, lambdaPerSec: 12.5 },
      lowPerSec: law(0, 0, 0.5).lowPerSec,
    };
    assert.deepEqual(unsure, chooseHandlers(question({ ratePerSec: 100, ...more }), slower, CLAIMING));
    assert.equal(unsure.capacityPerSec, 12.5 * unsure.handlers);
  }
});

test('the peak counts, and not the average', () => {
  const peak = chooseHandlers(question({ ratePerSec: 20, peakFactor: 5 }), law());
  assert.equal(peak.handlers, chooseHandlers(question({ ratePerSec: 100 }), law()).handlers);
});

test('enough to be through with an outage in time', () => {
  const outage = { seconds: 600, recoverSeconds: 600 };
  const { handlers, lacks } = chooseHandlers(question({ ratePerSec: 100, outage }), law());
  assert.equal(
    handlers,
    fewest((n) => 25 * n >= 200),
  );
  assert.deepEqual(lacks, []);
});

test('enough for p99 of pickup, each number of handlers by a wait of its own', () => {
  for (const limitUs of [5_000, 20_000, 60_000, 250_000]) {
    const slo = [{ of: 'pickup', percentile: 99, limitUs, text: 'pickup.p99' }] as const;
    for (const ratePerSec of [10, 60, 300]) {
      const asked = question({ ratePerSec, slo: [...slo] });
      // As a light load leaves it: with the number of handlers that it had.
      const crowd = { ...CLAIMING, law: law(), handlers: 1 };
      const { handlers, lacks } = chooseHandlers(asked, law(), crowd);
      const wanted = fewest((servers) => {
        const theory = { servers, servicePerSec: 25, arrivalPerSec: ratePerSec };
        const busy = ratePerSec / (25 * servers);
        return (
          busy <= 0.8 && 0.001 + (erlangC(theory) > 0.01 ? waitQuantile(theory, 0.99) : 0) <= limitUs / 1e6
        );
      });
      assert.equal(handlers, wanted, `${ratePerSec} jobs/s within ${limitUs} µs`);
      assert.deepEqual(lacks, []);
    }
  }
});

test('where none suffice: the most that can be said, or those at the peak of the law, and what they lack', () => {
  const most = chooseHandlers(question({ ratePerSec: 100_000 }), law());
  assert.equal(most.handlers, 128);
  assert.match(most.lacks.join(), /more than 80 % busy/);
  const peaked = law(0.05, 0.001);
  const best = chooseHandlers(question({ ratePerSec: 100_000 }), peaked);
  for (const n of CANDIDATES) assert.ok(uslAt(peaked.fit, n) <= best.capacityPerSec, `${n}`);
});

test('an SLO that claiming alone breaks does not call for more handlers, and one that it keeps does', () => {
  const slo = [{ of: 'pickup', percentile: 99, limitUs: 20_000, text: 'pickup.p99 < 20 ms' }] as const;
  const asked = question({ ratePerSec: 100, slo: [...slo] });
  const base = (stalled: number) => Array.from({ length: 400 }, (_, i) => (i < 400 - stalled ? 0.002 : 0.6));
  const choice = (stalled: number) => chooseHandlers(asked, law(), { ...CLAIMING, base: base(stalled) });
  const without = chooseHandlers(question({ ratePerSec: 100, slo: [] }), law(), CLAIMING);
  assert.deepEqual(choice(5), without, 'the fewest that the rate takes');
  assert.ok(choice(1).handlers > choice(0).handlers, 'hardly a job may wait beside those that stall');
  assert.ok(choice(0).handlers > without.handlers);
  assert.deepEqual(choice(1).lacks, []);
});

// Are as few handlers chosen as suffice, and where none suffice those that settle the most?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { erlangC } from '../../stats/queueing.ts';
import { uslAt } from '../../stats/usl.ts';
import { question } from '../../testing/synthetic/capacity-world.ts';
import { waitQuantile } from '../../testing/synthetic/queue-law.ts';
import { chooseHandlers } from './handlers.ts';
import type { Law } from './law.ts';

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

test('of an SLO that claiming breaks by itself the wait for a handler alone is to be short enough', () => {
  const slo = [{ of: 'pickup', percentile: 99, limitUs: 20_000, text: 'pickup.p99 < 20 ms' }] as const;
  const asked = question({ ratePerSec: 100, slo: [...slo] });
  const calm = chooseHandlers(asked, law(), CLAIMING);
  const broken = [
    { ...CLAIMING, base: Array.from({ length: 400 }, (_, i) => (i < 390 ? 0.002 : 0.6)) },
    { ...CLAIMING, stalls: [{ seconds: 0.3, share: 0.006 }] },
  ];
  for (const claiming of broken) {
    const { handlers, lacks } = chooseHandlers(asked, law(), claiming);
    assert.deepEqual(lacks, []);
    // Without the base of a millisecond no more than with it.
    assert.ok(
      handlers <= calm.handlers && handlers >= calm.handlers / 2,
      `${handlers}, not ${calm.handlers}`,
    );
  }
  const rare = { ...CLAIMING, stalls: [{ seconds: 0.3, share: 0.004 }] };
  const more = chooseHandlers(asked, law(), rare);
  assert.ok(more.handlers >= calm.handlers, 'hardly a job may wait beside those that stalls hold up');
  assert.deepEqual(more.lacks, []);
  // Whom waiting breaks it for lacks handlers, also where there are no more to be had.
  const few = { ...law(), saidUpTo: 4 };
  assert.match(
    chooseHandlers(question({ ratePerSec: 79, slo: [...slo] }), few, CLAIMING).lacks.join(),
    /would not hold/,
  );
});

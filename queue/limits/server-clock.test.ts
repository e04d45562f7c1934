// Are the bounds of the server's clock always true, and close where one answer was quick?

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ServerClock } from './server-clock.ts';

const trip = fc.record({
  pauseMs: fc.double({ min: 0, max: 5_000, noNaN: true }),
  thereMs: fc.double({ min: 0, max: 100, noNaN: true }),
  backMs: fc.double({ min: 0, max: 100, noNaN: true }),
});
/** What is lost in the sums of these tests. */
const ROUNDING_MS = 1e-6;
/** How far the bounds of one answer are apart, in ms, for each ms of its way. */
const WIDTH = 1 + 500e-6;

test('whatever the answers take, and however both clocks drift within bounds, the truth lies between', () => {
  fc.assert(
    fc.property(
      fc.array(trip, { minLength: 1, maxLength: 50 }),
      fc.double({ min: -450e-6, max: 450e-6, noNaN: true }),
      (trips, drift) => {
        const clock = new ServerClock();
        const server = (ms: number) => 1e6 + ms * (1 + drift);
        let nowMs = 0;
        for (const { pauseMs, thereMs, backMs } of trips) {
          const askedMs = nowMs + pauseMs;
          const answeredMs = askedMs + thereMs + backMs;
          clock.observe(server(askedMs + thereMs), askedMs, answeredMs);
          nowMs = answeredMs;
          const truth = server(nowMs) - nowMs;
          assert(clock.leastMs <= truth + ROUNDING_MS && truth <= clock.mostMs + ROUNDING_MS);
          // No answer makes it worse than that answer alone, but for the drift on its way.
          assert(clock.mostMs - clock.leastMs <= (thereMs + backMs) * WIDTH + ROUNDING_MS);
        }
      },
    ),
    { numRuns: 2_000 },
  );
});

test('a quick answer is remembered, for a while', () => {
  const clock = new ServerClock();
  clock.observe(1_000, 0, 0.2);
  clock.observe(1_050, 10, 110);
  assert(clock.mostMs - clock.leastMs < 0.4);
  clock.observe(11_050, 10_010, 10_110);
  assert(clock.mostMs - clock.leastMs > 10);
});

test('when the server’s clock is set, what was known is forgotten', () => {
  const clock = new ServerClock();
  clock.observe(1_000, 0, 1);
  clock.observe(500, 10, 20);
  assert.deepEqual([clock.leastMs, clock.mostMs], [480, 490.005]);
});

// What time is it, in microseconds that every process of this machine agrees on?

/**
 * Microseconds of the machine's monotonic clock. All processes of one machine share it (Linux CLOCK_MONOTONIC, macOS
 * mach time), so instants of different agents may be subtracted. Never goes back; says nothing of the time of day.
 *
 * `performance.now()` is read because it allocates nothing; it counts the same clock from the start of the process,
 * so one constant joins the two.
 */
export function nowUs(): number {
  return performance.now() * 1000 + offsetUs;
}

const offsetUs = monotonicOffsetUs();

function monotonicOffsetUs(): number {
  // The pair that was read fastest has the smallest error; a few tries keep a context switch out of it.
  let best = { gapUs: Number.POSITIVE_INFINITY, offsetUs: 0 };
  for (let i = 0; i < 16; i += 1) {
    const before = performance.now() * 1000;
    const absolute = Number(process.hrtime.bigint() / 10n) / 100;
    const after = performance.now() * 1000;
    if (after - before < best.gapUs)
      best = { gapUs: after - before, offsetUs: absolute - (before + after) / 2 };
  }
  return best.offsetUs;
}

/** A source of instants in microseconds: `nowUs`, or a fake in tests. */
export type Clock = () => number;

// How far is another process's clock from ours, and how sure is that?

import { nowUs } from './clock.ts';

/** One comparison of two clocks. */
export interface ClockReading {
  /** The other clock less ours, µs. */
  readonly offsetUs: number;
  /** The true offset lies within ± this, whatever the way there and back took, µs. */
  readonly uncertaintyUs: number;
}

const PINGS = 5;
const WITHIN_MS = 1_000;

/**
 * Asks a few times and keeps the quickest answer, as NTP does (RFC 5905, clock filter): the other clock was read at some
 * instant between sending and answer, so half the round trip bounds the error. Undefined when no answer came in a second.
 */
export async function readClock(
  ask: (signal: AbortSignal) => Promise<number>,
  clock: () => number = nowUs,
): Promise<ClockReading | undefined> {
  const signal = AbortSignal.timeout(WITHIN_MS);
  let best: ClockReading | undefined;
  try {
    for (let ping = 0; ping < PINGS; ping += 1) {
      const sentUs = clock();
      const atUs = await ask(signal);
      const uncertaintyUs = (clock() - sentUs) / 2;
      if (best === undefined || uncertaintyUs < best.uncertaintyUs)
        best = { offsetUs: atUs - (sentUs + uncertaintyUs), uncertaintyUs };
    }
  } catch {
    // No answer: the agent hangs or is gone, which is told elsewhere.
  }
  return best;
}

/** How far the clocks are apart for certain, µs. */
export function certainOffsetUs(reading: ClockReading): number {
  return Math.max(0, Math.abs(reading.offsetUs) - reading.uncertaintyUs);
}

/** The reading whose clocks are furthest apart for certain, else the furthest apart; undefined without any. */
export function worstReading(readings: readonly ClockReading[]): ClockReading | undefined {
  return readings.toSorted(
    (x, y) => certainOffsetUs(y) - certainOffsetUs(x) || Math.abs(y.offsetUs) - Math.abs(x.offsetUs),
  )[0];
}

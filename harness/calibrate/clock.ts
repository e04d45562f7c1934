// How fine is the harness's clock, what does reading it cost, and how late do its timers fire?

import { type Clock, nowUs } from '../load/clock.ts';

/** Steps of a clock, between readings that differ. Microseconds; `readNs` in nanoseconds. */
export interface ClockSteps {
  readonly smallestStepUs: number;
  /** Median: what two instants can be told apart by. */
  readonly typicalStepUs: number;
  /** Cost of one reading. */
  readonly readNs: number;
}

/** How much later than asked a timer fires, µs. */
export interface TimerLateness {
  readonly medianUs: number;
  readonly p99Us: number;
}

const STEPS = 4_000;
const READINGS = 200_000;
/** A clock that stands still must not hold anybody up. */
const READINGS_LIMIT = 4_000_000;

/** Reads the clock until it has moved some thousand times: about 10 ms. */
export function measureClock(clock: Clock = nowUs): ClockSteps {
  const steps: number[] = [];
  let before = clock();
  for (let i = 0; i < READINGS_LIMIT && steps.length < STEPS; i += 1) {
    const now = clock();
    if (now > before) steps.push(now - before);
    before = now;
  }
  const startUs = performance.now() * 1000;
  for (let i = 0; i < READINGS; i += 1) clock();
  const readNs = ((performance.now() * 1000 - startUs) * 1000) / READINGS;
  steps.sort((a, b) => a - b);
  return {
    smallestStepUs: roundTo3(steps[0] ?? Number.POSITIVE_INFINITY),
    typicalStepUs: roundTo3(steps[Math.floor(steps.length / 2)] ?? Number.POSITIVE_INFINITY),
    readNs: roundTo3(readNs),
  };
}

const TIMER_MS = 1;
const TIMERS = 300;

/** Sets timers of 1 ms one after another: about half a second. */
export async function measureTimers(): Promise<TimerLateness> {
  const late: number[] = [];
  while (late.length < TIMERS) {
    const setUs = nowUs();
    await new Promise((fired) => setTimeout(fired, TIMER_MS));
    late.push(nowUs() - setUs - TIMER_MS * 1000);
  }
  late.sort((a, b) => a - b);
  const at = (share: number): number => Math.round(late[Math.floor(late.length * share)] ?? 0);
  return { medianUs: at(0.5), p99Us: at(0.99) };
}

function roundTo3(value: number): number {
  return Number(value.toPrecision(3));
}

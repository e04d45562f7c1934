// When does a load start: as soon as it can, or at the instant that its preloaded jobs wait for?

import { setTimeout as sleep } from 'node:timers/promises';
import { CannotMeasure } from '../errors.ts';
import type { ContractClass } from '../result/result.ts';
import { nowUs } from './clock.ts';

/** Between "all agents are ready" and the first intended instant: enough for every agent to hear of it. */
const START_DELAY_US = 60_000;
/** What the last preparations may take, once all that takes long is done. */
const LAST_STEPS_US = 1_500_000;

/** Resolves when it is time for them, for a load that has to start at `startUs`; rejects when `signal` aborts. */
export async function waitForLastSteps(startUs: number, signal: AbortSignal): Promise<void> {
  const ms = (startUs - LAST_STEPS_US - nowUs()) / 1000;
  if (ms > 0) await sleep(ms, undefined, { signal });
}

/**
 * The instant, for a load whose agents are ready at `readyUs`; `wantedUs` is absent where it may start at any time.
 * @throws CannotMeasure when the instant that is wanted has passed.
 */
export function startInstantUs(
  wantedUs: number | undefined,
  readyUs: number,
  contractClass: ContractClass,
): number {
  const soonestUs = readyUs + START_DELAY_US;
  if (wantedUs === undefined) return soonestUs;
  if (wantedUs >= soonestUs) return wantedUs;
  const lateSeconds = ((soonestUs - wantedUs) / 1e6).toFixed(1);
  throw new CannotMeasure(
    `the preload took ${lateSeconds} s longer than foreseen, so that its delayed jobs would be due too early in the load: fewer jobs in preload.delayed, or a faster machine`,
    contractClass,
  );
}

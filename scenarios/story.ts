// Which phases tell the story of a fault: a clean stretch, the fault, and what comes after it?

import type { Arrival } from './arrival.ts';
import type { FaultInput } from './fault.ts';
import type { ScenarioInput } from './scenario.ts';

type Phases = ScenarioInput['phases'];

/**
 * Three phases of one arrival: `clean`, what `during` is called, `recovery`; as long as `seconds` says, in this order. Every
 * fault starts with the second phase unless it says otherwise.
 */
export function story(
  during: string,
  seconds: readonly [clean: number, during: number, recovery: number],
  ratePerSec: number,
  faults: readonly FaultInput[],
): Phases {
  const arrival = { model: 'poisson', ratePerSec } as const;
  return phasesOf(during, seconds, arrival, faults);
}

/**
 * The same in short, for `--scale smoke`: evenly spaced arrivals, so that one second of them tells a rate, and no warm-up but a moment.
 */
export function smokeStory(
  during: string,
  seconds: readonly [clean: number, during: number, recovery: number],
  faults: readonly FaultInput[],
  ratePerSec = 120,
): Pick<ScenarioInput, 'phases' | 'warmupSeconds' | 'warmupCapSeconds'> {
  const phases = phasesOf(during, seconds, { model: 'uniform', ratePerSec }, faults);
  return { phases, warmupSeconds: 0.2, warmupCapSeconds: 0.2 };
}

function phasesOf(
  during: string,
  [clean, middle, recovery]: readonly [number, number, number],
  arrival: Extract<Arrival, { model: 'poisson' | 'uniform' }>,
  faults: readonly FaultInput[],
): Phases {
  return [
    { label: 'clean', seconds: clean, arrival },
    { label: during, seconds: middle, arrival, faults: [...faults] },
    { label: 'recovery', seconds: recovery, arrival },
  ];
}

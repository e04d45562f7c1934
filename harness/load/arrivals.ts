// When is each job intended? The schedule of an open loop: pure, seeded, and deaf to the system under test.

import type { Random } from './random.ts';

/** A stretch of the load with one arrival process; `ratePerSec` absent means that nothing arrives. */
export interface ArrivalPhase {
  readonly seconds: number;
  readonly model?: 'poisson' | 'uniform';
  readonly ratePerSec?: number;
}

/**
 * Intended instants in microseconds from the start of the load, ascending. Poisson gaps are exponential; by the lack of
 * memory each phase may start afresh at its border. Uniform gaps begin with half a gap, so that k producers can be
 * interleaved by `shift` in [0, 1).
 */
export function* arrivals(phases: readonly ArrivalPhase[], random: Random, shift = 0.5): Generator<number> {
  let phaseStartUs = 0;
  for (const phase of phases) {
    const phaseEndUs = phaseStartUs + phase.seconds * 1e6;
    if (phase.ratePerSec !== undefined && phase.ratePerSec > 0) {
      const meanGapUs = 1e6 / phase.ratePerSec;
      const gap = phase.model === 'uniform' ? () => meanGapUs : () => -Math.log(1 - random()) * meanGapUs;
      let at = phaseStartUs + (phase.model === 'uniform' ? meanGapUs * shift : gap());
      while (at < phaseEndUs) {
        yield at;
        at += gap();
      }
    }
    phaseStartUs = phaseEndUs;
  }
}

/** What one of `producers` equal producers gets of a schedule: the same phases at its share of the rate. */
export function shareOf(phases: readonly ArrivalPhase[], producers: number): ArrivalPhase[] {
  return phases.map((p) => (p.ratePerSec === undefined ? p : { ...p, ratePerSec: p.ratePerSec / producers }));
}

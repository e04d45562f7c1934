// Which latencies are lower bounds, since jobs that had not ended count in them with their age?

import type { Cell, Percentiles } from '../harness/result/result.ts';

/** A latency in µs; `bound` when it is that or more. */
export type Bounded = { readonly valueUs: number; readonly bound: boolean };

/** Whether a percentile, or the maximum, of these samples is a lower bound. */
export function isBound(samples: Percentiles | undefined, valueUs: number): boolean {
  return valueUs >= boundFromUs([samples]);
}

/** From which value on percentiles of all these samples together are lower bounds; infinite when none is. */
export function boundFromUs(samples: readonly (Percentiles | undefined)[]): number {
  return Math.min(Number.POSITIVE_INFINITY, ...samples.flatMap((one) => one?.unfinishedFromUs ?? []));
}

/** The sign before a text, where what it says is a lower bound. */
export function atLeast(bound: boolean | undefined, text: string): string {
  return bound === true ? `≥ ${text}` : text;
}

export const BOUND_HINT = 'a lower bound: jobs that had not ended count with their age';

/** The generator's own lateness, of the worst cell; undefined where nothing is scheduled, or samples are too few. */
export function worstLag(cells: readonly Cell[], which: 'p50' | 'p99' | 'max'): Bounded | undefined {
  let worst: Bounded | undefined;
  let bound = false;
  for (const { latencyUs, generator, jobs } of cells) {
    const lag = latencyUs?.generatorLag;
    const valueUs = { p50: lag?.p50, p99: generator.lagP99Us, max: generator.lagMaxUs }[which];
    if (valueUs === undefined) continue;
    if (worst === undefined || valueUs > worst.valueUs) worst = { valueUs, bound: false };
    // An incorrect cell has no figures to tell its bound by.
    bound ||= lag === undefined ? jobs.skipped > 0 : isBound(lag, valueUs);
  }
  return worst && { ...worst, bound };
}

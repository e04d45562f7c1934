// What do the samples of all rounds say of one operation?

import type { MicroFigures } from '../../harness/result/result.ts';
import { studentQuantile } from '../../stats/distributions.ts';
import { quantile } from '../../stats/spread.ts';

/** Samples that must lie beyond a percentile before it is quoted. */
const BEYOND = 100;
/** Nanoseconds: a clock does not say more. */
const DIGITS = 3;

/** Samples in µs by round, none of them empty; all rounds together, and each round's median beside them. */
export function figuresOf(rounds: readonly (readonly number[])[]): MicroFigures {
  const all = rounds.flat();
  const mean = all.reduce((sum, us) => sum + us, 0) / all.length;
  const p50 = at(all, 0.5);
  const margin = marginOf(all, mean);
  return {
    samples: all.length,
    minUs: rounded(at(all, 0)),
    meanUs: rounded(mean),
    p50Us: rounded(p50),
    ...(all.length * 0.01 >= BEYOND ? { p99Us: rounded(at(all, 0.99)) } : {}),
    ...(p50 > 0 ? { opsPerSec: rounded(1e6 / p50) } : {}),
    ...(margin === undefined ? {} : { relativeMargin: Number(margin.toPrecision(3)) }),
    rounds: rounds.map((samples) => ({ samples: samples.length, p50Us: rounded(at(samples, 0.5)) })),
  };
}

function at(samples: readonly number[], q: number): number {
  const found = quantile(samples, q);
  if (found === undefined) throw new RangeError('a round without samples has no figures');
  return found;
}

function marginOf(samples: readonly number[], mean: number): number | undefined {
  const degrees = samples.length - 1;
  if (degrees < 1 || mean === 0) return undefined;
  const variance = samples.reduce((sum, us) => sum + (us - mean) ** 2, 0) / degrees;
  return (studentQuantile(0.975, degrees) * Math.sqrt(variance / samples.length)) / mean;
}

function rounded(us: number): number {
  return Number(us.toFixed(DIGITS));
}

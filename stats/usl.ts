// How does throughput grow with the number of those who work, and how far may that be said beyond what was measured?

import { assertResamples } from './bootstrap.ts';
import { normalCdf, studentQuantile } from './distributions.ts';
import { leastSquares } from './least-squares.ts';
import type { Random } from './random.ts';
import { quantile } from './spread.ts';

/** A throughput that was measured with `n` at work at once: whole, from 1. Repeats are points of the same `n`. */
export type UslPoint = { readonly n: number; readonly perSec: number };

/** X(N) = λN ÷ (1 + σ(N − 1) + κN(N − 1)). */
export type UslFit = {
  /** λ: throughput of one alone, 1/s. */
  readonly lambdaPerSec: number;
  /** σ ≥ 0: what is done by one at a time (contention). Exactly 0 where the best fit has none. */
  readonly sigma: number;
  /** κ ≥ 0: what each pair costs (coherency, crosstalk). Exactly 0 where the best fit has none. */
  readonly kappa: number;
  /** Root mean square of X(N) ÷ measured − 1, over the points: 0.05 is 5 %. */
  readonly relativeError: number;
};

type Law = Pick<UslFit, 'lambdaPerSec' | 'sigma' | 'kappa'>;

/** Why there is no answer, in one sentence. */
export type Refused = { readonly refused: string };

export type UslOptions = {
  /**
   * `relative` (unless told): every point counts by its relative residual, since throughput varies by a share of itself; else
   * the points with few at work, of which λ is known, would hardly count. `none`: as most published fits have it.
   */
  readonly weights?: 'relative' | 'none';
  /** 200 unless told. */
  readonly maxIterations?: number;
};

/** Where the law lies, with `confidence`, in front of `n`. */
export type UslBand = {
  readonly band: readonly {
    readonly n: number;
    readonly low: number;
    /** Of the fit to the points themselves. */
    readonly perSec: number;
    readonly high: number;
  }[];
  /** Resamples that could not be fitted. */
  readonly failed: number;
};

export type UslBandOptions = UslOptions & {
  readonly random: Random;
  /** 100 to 100,000; 1,000 unless told. */
  readonly resamples?: number;
  /** Strictly between 0 and 1; 0.95 unless told. */
  readonly confidence?: number;
};

/** Three parameters want twice as many levels. */
const LEAST_LEVELS = 6;
const PARAMETERS = 3;
/** Of the resamples, above which a band would be one of those that happened to fit. */
const FAILED_SHARE = 0.05;

/**
 * The Universal Scalability Law of Gunther, "Guerrilla Capacity Planning" (2007), 4.3 and 5, with λ as a third parameter (Gunther
 * 2018), by damped least squares. Refused with fewer than six levels, without N = 1, with a throughput that is not
 * positive, without convergence, and where the points leave a parameter open.
 */
export function fitUsl(points: readonly UslPoint[], options: UslOptions = {}): UslFit | Refused {
  return fitFrom(points, options);
}

/** `near`: a law to begin from, where one is known. */
function fitFrom(points: readonly UslPoint[], options: UslOptions, near?: Law): UslFit | Refused {
  const refused = fault(points);
  if (refused !== undefined) return { refused };
  const { weights = 'relative', maxIterations = 200 } = options;
  const mean = points.reduce((sum, { perSec }) => sum + perSec, 0) / points.length;
  // Throughputs in units of their mean: sums of squares stay in the range of numbers whatever the unit.
  const scaled = points.map(({ n, perSec }) => ({ n, perSec: perSec / mean }));
  const from = near === undefined ? start(scaled) : [near.lambdaPerSec / mean, near.sigma, near.kappa];
  const found = leastSquares(modelOf(scaled, weights), from, { lower: [0, 0, 0], maxIterations });
  if (found.state === 'no convergence')
    return { refused: `the fit of the scaling law did not converge in ${maxIterations} iterations` };
  if (found.state === 'no minimum')
    return { refused: 'the points do not determine the scaling law: more than one curve fits them best' };
  const [lambda = 0, sigma = 0, kappa = 0] = found.parameters;
  const fit = { lambdaPerSec: lambda * mean, sigma, kappa };
  return { ...fit, relativeError: relativeError(fit, points) };
}

/** Throughput for `n` at work, 1/s. It answers for any `n` ≥ 1: not to be asked beyond `saidUpTo`. */
export function uslAt(fit: Law, n: number): number {
  return (fit.lambdaPerSec * n) / (1 + fit.sigma * (n - 1) + fit.kappa * n * (n - 1));
}

/**
 * Where the law has its maximum: N* = √((1 − σ) ÷ κ), Gunther (2007), 4.33; 1 where it falls from the start. `undefined` without κ:
 * it approaches λ ÷ σ, or has no end.
 */
export function uslPeak({ sigma, kappa }: Pick<Law, 'sigma' | 'kappa'>): number | undefined {
  if (kappa === 0) return sigma > 1 ? 1 : undefined;
  return Math.max(1, Math.sqrt(Math.max(0, 1 - sigma) / kappa));
}

/** Beyond twice the largest number measured, nothing is said. */
export function saidUpTo(points: readonly UslPoint[]): number {
  return 2 * points.reduce((most, { n }) => Math.max(most, n), 0);
}

/**
 * Bootstrap band. Every resample has the points' own N and the relative residuals of all, drawn with replacement and widened by
 * √(n ÷ (n − 3)) for the three parameters (Davison and Hinkley, "Bootstrap Methods and their Application", 1997, 6.2). Its ends are
 * expanded percentiles (Hesterberg 2015, "What Teachers Should Know About the Bootstrap"): at those of Student's t with n − 3
 * degrees in place of the normal law, since so few points say little of their own spread. Resampling repeats within their N would
 * need no equal relative spread, but of two or three repeats it makes bands that hold the truth in 82 to 90 % only.
 * Refused where the fit is, and when more than a twentieth of the resamples cannot be fitted.
 *
 * @throws {RangeError} when an option is out of range.
 */
export function uslBand(
  points: readonly UslPoint[],
  atNs: readonly number[],
  options: UslBandOptions,
): UslBand | Refused {
  const { random, resamples = 1_000, confidence = 0.95 } = options;
  assertResamples(resamples);
  if (!(confidence > 0 && confidence < 1)) throw new RangeError(`no band has a confidence of ${confidence}`);
  const fit = fitUsl(points, options);
  if ('refused' in fit) return fit;
  const draw = drawing(points, fit, random);
  const drawn: number[][] = atNs.map(() => []);
  let failed = 0;
  for (let i = 0; i < resamples; i += 1) {
    const refit = fitFrom(draw(), options, fit);
    if ('refused' in refit) failed += 1;
    else for (const [at, n] of atNs.entries()) drawn[at]?.push(uslAt(refit, n));
  }
  if (failed > FAILED_SHARE * resamples)
    return {
      refused: `${failed} of ${resamples} resamples of the points cannot be fitted, so there is no band`,
    };
  const outside = normalCdf(studentQuantile((1 - confidence) / 2, points.length - PARAMETERS));
  const end = (values: readonly number[] | undefined, share: number): number =>
    quantile(values ?? [], share) ?? Number.NaN;
  const band = atNs.map((n, at) => ({
    n,
    low: end(drawn[at], outside),
    perSec: uslAt(fit, n),
    high: end(drawn[at], 1 - outside),
  }));
  return { band, failed };
}

function fault(points: readonly UslPoint[]): string | undefined {
  const odd = points.find(({ n }) => !Number.isInteger(n) || n < 1);
  if (odd !== undefined)
    return `the scaling law counts from 1 in whole steps, and has nothing at N = ${odd.n}`;
  const none = points.find(({ perSec }) => !(Number.isFinite(perSec) && perSec > 0));
  if (none !== undefined)
    return `a throughput of ${none.perSec} at N = ${none.n} cannot be fitted: it must be positive`;
  const levels = new Set(points.map(({ n }) => n));
  if (!levels.has(1)) return 'the scaling law needs a throughput at N = 1, which it is measured by';
  if (levels.size < LEAST_LEVELS)
    return `the scaling law needs at least ${LEAST_LEVELS} different N, and there are ${levels.size}`;
  return undefined;
}

function modelOf(
  points: readonly UslPoint[],
  weights: 'relative' | 'none',
): Parameters<typeof leastSquares>[0] {
  return ([lambda = 0, sigma = 0, kappa = 0]) => {
    const residuals: number[] = [];
    const jacobian: number[][] = [];
    for (const { n, perSec } of points) {
      const unit = weights === 'relative' ? perSec : 1;
      const alone = n / (1 + sigma * (n - 1) + kappa * n * (n - 1));
      const slope = (-lambda * alone * alone) / n;
      residuals.push((lambda * alone - perSec) / unit);
      jacobian.push([alone / unit, (slope * (n - 1)) / unit, (slope * n * (n - 1)) / unit]);
    }
    return { residuals, jacobian };
  };
}

/**
 * N ÷ X = (1 + σ(N − 1) + κN(N − 1)) ÷ λ is linear in 1/λ, σ/λ and κ/λ: one step of least squares solves it, and is near enough to
 * begin from.
 */
function start(points: readonly UslPoint[]): number[] {
  const linear = leastSquares(
    ([a = 0, b = 0, c = 0]) => ({
      residuals: points.map(({ n, perSec }) => (perSec / n) * (a + b * (n - 1) + c * n * (n - 1)) - 1),
      jacobian: points.map(({ n, perSec }) => [1, n - 1, n * (n - 1)].map((of) => (of * perSec) / n)),
    }),
    [0, 0, 0],
    { lower: [0, 0, 0] },
  );
  const [a = 0, b = 0, c = 0] = linear.parameters;
  if (a > 0) return [1 / a, b / a, c / a];
  const alone = points.filter(({ n }) => n === 1);
  return [alone.reduce((sum, { perSec }) => sum + perSec, 0) / alone.length, 0.01, 0.0001];
}

function relativeError(fit: Law, points: readonly UslPoint[]): number {
  const squares = points.reduce((sum, { n, perSec }) => sum + (uslAt(fit, n) / perSec - 1) ** 2, 0);
  return Math.sqrt(squares / points.length);
}

/** Points as the law would give them if it were true, with the relative residuals of the real ones, whichever. */
function drawing(points: readonly UslPoint[], fit: UslFit, random: Random): () => UslPoint[] {
  const raw = points.map(({ n, perSec }) => perSec / uslAt(fit, n) - 1);
  const centre = raw.reduce((sum, value) => sum + value, 0) / raw.length;
  const wider = Math.sqrt(points.length / (points.length - PARAMETERS));
  const residuals = raw.map((value) => (value - centre) * wider);
  const pick = (): number => residuals[Math.floor(random() * residuals.length)] ?? 0;
  return () => points.map(({ n }) => ({ n, perSec: uslAt(fit, n) * (1 + pick()) }));
}

// How likely is a value under the normal and under Student's t law, and which value has a given likelihood?

/** Coefficients of Lanczos' approximation with g = 7 and nine terms, by Paul Godfrey. */
const LANCZOS = [
  0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
  12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
];

/**
 * ln Γ(x) for x > 0, to about 15 digits: Lanczos (1964), "A Precision Approximation of the Gamma Function".
 *
 * @throws {RangeError} when x is not positive.
 */
export function logGamma(x: number): number {
  if (!(x > 0)) throw new RangeError(`log-gamma is needed for positive arguments alone, not for ${x}`);
  if (x < 0.5) return Math.log(Math.PI / Math.sin(Math.PI * x)) - logGamma(1 - x);
  let sum = LANCZOS[0] ?? 0;
  for (let i = 1; i < LANCZOS.length; i += 1) sum += (LANCZOS[i] ?? 0) / (x - 1 + i);
  const t = x + 6.5;
  return 0.5 * Math.log(2 * Math.PI) + (x - 0.5) * Math.log(t) - t + Math.log(sum);
}

/**
 * The regularised incomplete beta function Iₓ(a, b) for 0 ≤ x ≤ 1 and positive a and b, by the continued fraction of
 * DLMF 8.17.22 in Lentz' modified form, from the side on which it converges fast.
 *
 * @throws {RangeError} outside of these ranges.
 */
export function incompleteBeta(x: number, a: number, b: number): number {
  if (!(x >= 0 && x <= 1 && a > 0 && b > 0))
    throw new RangeError(`no incomplete beta for (${x}, ${a}, ${b})`);
  if (x === 0 || x === 1) return x;
  const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x));
  return x < (a + 1) / (a + b + 2)
    ? (front * betaFraction(x, a, b)) / a
    : 1 - (front * betaFraction(1 - x, b, a)) / b;
}

function betaFraction(x: number, a: number, b: number): number {
  const tiny = 1e-300;
  const away = (value: number): number => (Math.abs(value) < tiny ? tiny : value);
  let c = 1;
  let d = 1 / away(1 - ((a + b) * x) / (a + 1));
  let result = d;
  // Some √max(a, b) terms are enough where the caller uses it; the bound is there so that a bug cannot loop.
  for (let m = 1; m <= 10_000; m += 1) {
    for (const numerator of [
      (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m)),
      (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1)),
    ]) {
      d = 1 / away(1 + numerator * d);
      c = away(1 + numerator / c);
      result *= d * c;
    }
    if (Math.abs(d * c - 1) < 1e-16) break;
  }
  return result;
}

/**
 * P(Z ≤ z) of the standard normal law, to about 15 digits in either tail: Hart's rational approximation as given by
 * G. West, "Better approximations to cumulative normal functions" (2005).
 */
export function normalCdf(z: number): number {
  const x = Math.abs(z);
  const tail = x > 38 ? 0 : Math.exp((-x * x) / 2) * normalTailRatio(x);
  return z > 0 ? 1 - tail : tail;
}

function normalTailRatio(x: number): number {
  if (x > 7.07106781186547) {
    return 1 / (x + 1 / (x + 2 / (x + 3 / (x + 4 / (x + 0.65))))) / Math.sqrt(2 * Math.PI);
  }
  const above = [
    0.0352624965998911, 0.700383064443688, 6.37396220353165, 33.912866078383, 112.079291497871,
    221.213596169931, 220.206867912376,
  ];
  const below = [
    0.0883883476483184, 1.75566716318264, 16.064177579207, 86.7807322029461, 296.564248779674,
    637.333633378831, 793.826512519948, 440.413735824752,
  ];
  const horner = (coefficients: readonly number[]): number =>
    coefficients.reduce((sum, next) => sum * x + next, 0);
  return horner(above) / horner(below);
}

/**
 * The z with P(Z ≤ z) = p. ∓∞ at 0 and 1.
 *
 * @throws {RangeError} when p lies outside [0, 1].
 */
export function normalQuantile(p: number): number {
  return inverse(p, normalCdf);
}

/**
 * P(T ≤ t) of Student's t law with `degrees` > 0 degrees of freedom (not necessarily an integer: Welch's are not).
 * ½ I(ν / (ν + t²); ν/2, ½) is the tail beyond |t|: Abramowitz and Stegun 26.7.1.
 *
 * @throws {RangeError} when `degrees` is not positive or t is not a number.
 */
export function studentCdf(t: number, degrees: number): number {
  if (Number.isNaN(t) || !(degrees > 0))
    throw new RangeError(`no Student law for t = ${t}, degrees = ${degrees}`);
  if (!Number.isFinite(t)) return t > 0 ? 1 : 0;
  const tail = incompleteBeta(degrees / (degrees + t * t), degrees / 2, 0.5) / 2;
  return t > 0 ? 1 - tail : tail;
}

/**
 * The t with P(T ≤ t) = p under `degrees` > 0 degrees of freedom. ∓∞ at 0 and 1.
 *
 * @throws {RangeError} when p lies outside [0, 1] or `degrees` is not positive.
 */
export function studentQuantile(p: number, degrees: number): number {
  if (!(degrees > 0)) throw new RangeError(`no Student law with ${degrees} degrees of freedom`);
  return inverse(p, (t) => studentCdf(t, degrees));
}

/** Inverts the law of a symmetric variable by bisection, in the lower tail, where no digits are lost to 1 − p. */
function inverse(p: number, cdf: (x: number) => number): number {
  if (!(p >= 0 && p <= 1)) throw new RangeError(`a probability lies between 0 and 1, not at ${p}`);
  if (p === 0.5) return 0;
  if (p > 0.5) return -inverse(1 - p, cdf);
  if (p === 0) return Number.NEGATIVE_INFINITY;
  let low = -1;
  while (cdf(low) > p && low > -1e300) low *= 2;
  let high = 0;
  for (let i = 0; i < 200; i += 1) {
    const middle = (low + high) / 2;
    if (middle <= low || middle >= high) break;
    if (cdf(middle) < p) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/**
 * The regularised upper incomplete gamma function Q(a, x) for positive a, 1 for x ≤ 0: the chance that a gamma variable of shape a
 * and rate 1 exceeds x. By the series of DLMF 8.11.4 below a + 1, and by the continued fraction of 8.9.2 above.
 */
export function upperGamma(a: number, x: number): number {
  if (x <= 0) return 1;
  const front = Math.exp(a * Math.log(x) - x - logGamma(a));
  if (x < a + 1) {
    let term = 1 / a;
    let sum = term;
    for (let i = 1; i < 1_000 && term > sum * 1e-16; i += 1) {
      term *= x / (a + i);
      sum += term;
    }
    return 1 - front * sum;
  }
  let b = x + 1 - a;
  let c = 1e300;
  let d = 1 / b;
  let fraction = d;
  for (let i = 1; i < 1_000; i += 1) {
    b += 2;
    d = 1 / (b - i * (i - a) * d);
    c = b - (i * (i - a)) / c;
    fraction *= c * d;
    if (Math.abs(c * d - 1) < 1e-15) break;
  }
  return front * fraction;
}

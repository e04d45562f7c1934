// When does a failed job run again?

import { InvalidArgumentError } from './errors.ts';
import { requireFunction, requireKnownKeys, requireObject, said } from './keys.ts';

/** What a policy knows of a failure. */
export interface Failure {
  /** The attempt that failed, 1 for the first. */
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly error: unknown;
}

/**
 * The delay in ms before the next attempt; 0 makes the job ready at once; `undefined` gives the job up (dead letter).
 * Asked only while attempts are left. A custom policy is any such function.
 */
export type RetryPolicy = (failure: Failure) => number | undefined;

/** Uniform in [0, 1). */
export type Random = () => number;

function requireDelay(name: string, valueMs: number): void {
  if (!Number.isFinite(valueMs) || valueMs < 0)
    throw new InvalidArgumentError(`${name} is ${said(valueMs)}: give a number of milliseconds, 0 or more`);
}

/** The same delay after each failure. Throws InvalidArgumentError for a negative or infinite one. */
export function fixedRetry(delayMs: number): RetryPolicy {
  requireDelay('delayMs', delayMs);
  return () => delayMs;
}

/** Options of `exponentialRetry`. */
export interface ExponentialRetry {
  /** Upper bound after the first failure, doubled with each further one; default 1,000. */
  readonly baseMs?: number;
  /** Upper bound that is never exceeded; default 3,600,000 (one hour). */
  readonly capMs?: number;
  /** Default `Math.random`. */
  readonly random?: Random;
}

const EXPONENTIAL_KEYS: readonly (keyof ExponentialRetry)[] = ['baseMs', 'capMs', 'random'];

/**
 * Exponential with full jitter: uniform between 0 and min(cap, base × 2^(attempt − 1)), in whole ms. Jobs that failed
 * together, since what they call was down, come back spread out. Marc Brooker, "Exponential Backoff And Jitter", 2015.
 * Throws InvalidArgumentError for a negative or infinite bound, and for an unknown option.
 */
export function exponentialRetry(options: ExponentialRetry = {}): RetryPolicy {
  requireObject('the options of exponentialRetry', options);
  requireKnownKeys('exponentialRetry', options, EXPONENTIAL_KEYS);
  const { baseMs = 1000, capMs = 3_600_000, random = Math.random } = options;
  requireDelay('baseMs', baseMs);
  requireDelay('capMs', capMs);
  requireFunction('random', random);
  return ({ attempt }) => Math.floor(random() * Math.min(capMs, baseMs * 2 ** (attempt - 1)));
}

/** Thrown by a handler for a job that no further attempt can help: it becomes a dead letter at once. */
export class DeadLetterError extends Error {
  override readonly name = 'DeadLetterError';
}

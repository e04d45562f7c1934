// What becomes of a job whose handler threw?

import { DeadLetterError, exponentialRetry, type RetryPolicy } from '../retry.ts';
import type { ClaimedJob, Outcome } from '../strategy.ts';

/** Longest error text kept with a job, in characters. */
const ERROR_LENGTH = 8000;

/** What is thrown need not be an Error, nor be printable. */
function describe(error: unknown): string {
  try {
    const text = error instanceof Error ? (error.stack ?? `${error.name}: ${error.message}`) : String(error);
    return text.slice(0, ERROR_LENGTH);
  } catch {
    return 'an error that cannot be printed';
  }
}

/** Ten years: what no timestamp can hold would sink the whole settle that it travels in. */
const MAX_DELAY_MS = 10 * 365 * 24 * 3_600_000;

const fallback = exponentialRetry();

/** Asks the policy. A policy that throws, or answers nonsense, is reported and replaced by the default for this once. */
function delayOf(
  policy: RetryPolicy,
  job: ClaimedJob,
  error: unknown,
  onPolicyError: (error: unknown) => void,
): number | undefined {
  const failure = { attempt: job.attempt, maxAttempts: job.maxAttempts, error };
  try {
    const delayMs = policy(failure);
    if (delayMs === undefined) return undefined;
    if (Number.isFinite(delayMs) && delayMs >= 0) return Math.min(delayMs, MAX_DELAY_MS);
    throw new Error(`the retry policy returned ${delayMs}: a delay is a number of ms, 0 or more`);
  } catch (policyError) {
    onPolicyError(policyError);
    return fallback(failure);
  }
}

/** Retry while attempts are left and the policy agrees; a dead letter otherwise, or when the handler asked for it. */
export function failureOutcome(
  policy: RetryPolicy,
  job: ClaimedJob,
  error: unknown,
  onPolicyError: (error: unknown) => void,
): Outcome {
  const exhausted = error instanceof DeadLetterError || job.attempt >= job.maxAttempts;
  const delayMs = exhausted ? undefined : delayOf(policy, job, error, onPolicyError);
  return delayMs === undefined
    ? { kind: 'dead-letter', job, error: describe(error) }
    : { kind: 'retry', job, delayMs, error: describe(error) };
}

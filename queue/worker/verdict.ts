// What becomes of a job whose handler threw?

import { DeadLetterError, exponentialRetry, type RetryPolicy } from '../retry.ts';
import type { ClaimedJob, Outcome } from '../strategy.ts';
import type { RedactError } from './options.ts';

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

/** What a worker's user has a say in. */
export interface FailureHooks {
  readonly retry: RetryPolicy;
  readonly redactError: RedactError | undefined;
}

/** Told of a hook that threw or answered nonsense. */
export type OnHookError = (error: unknown, source: 'retry-policy' | 'redact-error') => void;

/** What is kept of an error when the hook that should take the secrets out of it has failed. */
const WITHHELD = 'the error is withheld, as redactError failed';

/** The error as it is kept. What a failing hook might have taken out is never kept. */
function redacted(
  hook: RedactError | undefined,
  job: ClaimedJob,
  error: unknown,
  onError: OnHookError,
): string {
  const text = describe(error);
  if (hook === undefined) return text;
  try {
    const left = hook(text, job, error);
    if (typeof left === 'string') return left.slice(0, ERROR_LENGTH);
    throw new Error(`redactError returned a ${typeof left}: give the text that may be kept`);
  } catch (hookError) {
    onError(hookError, 'redact-error');
    return WITHHELD;
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
  { retry, redactError }: FailureHooks,
  job: ClaimedJob,
  error: unknown,
  onHookError: OnHookError,
): Outcome {
  const exhausted = error instanceof DeadLetterError || job.attempt >= job.maxAttempts;
  const delayMs = exhausted
    ? undefined
    : delayOf(retry, job, error, (policyError) => onHookError(policyError, 'retry-policy'));
  const text = redacted(redactError, job, error, onHookError);
  return delayMs === undefined
    ? { kind: 'dead-letter', job, error: text }
    : { kind: 'retry', job, delayMs, error: text };
}

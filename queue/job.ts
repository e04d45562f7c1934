// Which jobs does a queue accept?

import { isDate } from 'node:util/types';
import { InvalidArgumentError, UnsupportedError } from './errors.ts';
import { requireKey, requireKnownKeys, requireObject, requireWholeNumber, said } from './keys.ts';
import { requireConcurrencyKey } from './limits/job-keys.ts';
import type { ClaimStrategy, NewJob, StrategyAxis, UniqueJob, UniquePolicy } from './strategy.ts';

/** Bytes of a queue's name in UTF-8: it is stored with every job and travels as a NOTIFY payload. */
const QUEUE_NAME_BYTES = 200;
/** Range of the column `max_attempts`. */
const MAX_ATTEMPTS_LIMIT = 32_767;
/** Attempts of a job whose caller names none. */
export const MAX_ATTEMPTS = 20;

/** Throws InvalidArgumentError when `name` is no queue name: 1…200 bytes of well-formed UTF-8 without NUL. */
export function requireQueueName(name: string): void {
  if (typeof name !== 'string')
    throw new InvalidArgumentError(`queue is ${said(name)}: give the name of a queue, a string`);
  const bytes = Buffer.byteLength(name);
  if (bytes < 1 || bytes > QUEUE_NAME_BYTES)
    throw new InvalidArgumentError(`queue name has ${bytes} bytes: give 1…${QUEUE_NAME_BYTES}`);
  if (name.includes('\0') || !name.isWellFormed())
    throw new InvalidArgumentError(
      'queue name holds NUL or half of a surrogate pair: PostgreSQL cannot store it',
    );
}

const JOB_KEYS: readonly (keyof NewJob)[] = [
  'queue',
  'payload',
  'priority',
  'maxAttempts',
  'runAt',
  'unique',
  'concurrencyKey',
];

/**
 * Throws InvalidArgumentError for values out of range or of another kind and for unknown keys, UnsupportedError for a
 * capability that `strategy` lacks. The payload is checked where it is encoded.
 */
export function validateJob(strategy: ClaimStrategy, job: NewJob): void {
  requireObject('job', job);
  requireQueueName(job.queue);
  requireKnownKeys('a job', job, JOB_KEYS);
  if (job.priority !== undefined && job.priority !== 0) requirePriority(strategy, job.priority);
  if (job.maxAttempts !== undefined)
    requireWholeNumber('maxAttempts', job.maxAttempts, 1, MAX_ATTEMPTS_LIMIT);
  if (job.runAt !== undefined) requireRunAt(strategy, job.runAt);
  if (job.unique !== undefined) requireUnique(strategy, job.unique);
  if (job.concurrencyKey !== undefined) requireConcurrencyKey(strategy, job.concurrencyKey);
}

/** Throws UnsupportedError when `value` is given for an axis that `strategy` does not leave open. */
export function requireOpenAxis(strategy: ClaimStrategy, axis: StrategyAxis, value: unknown): void {
  const reason = strategy.fixed?.[axis];
  if (value !== undefined && reason !== undefined)
    throw new UnsupportedError(strategy.name, `choice of ${axis}`, `${reason}; leave ${axis} out`);
}

function requirePriority({ name, priorities }: ClaimStrategy, priority: number): void {
  if (priorities === undefined) throw new UnsupportedError(name, 'priorities', 'leave priority out');
  requireWholeNumber('priority', priority, priorities.min, priorities.max);
}

const UNIQUE_KEYS: readonly (keyof UniqueJob)[] = ['key', 'policy'];
const POLICIES: readonly UniquePolicy[] = ['reject', 'ignore', 'replace'];

function requireUnique({ name, inspection, cancellation }: ClaimStrategy, unique: UniqueJob): void {
  requireObject('unique', unique);
  requireKnownKeys('unique', unique, UNIQUE_KEYS);
  requireKey('unique.key', unique.key);
  const { policy = 'reject' } = unique;
  if (!POLICIES.includes(policy))
    throw new InvalidArgumentError(`unique.policy is ${said(policy)}: give one of ${POLICIES.join(', ')}`);
  if (inspection === undefined) throw new UnsupportedError(name, 'unique jobs', 'leave unique out');
  if (policy === 'replace' && cancellation === undefined)
    throw new UnsupportedError(name, 'replacement of unique jobs', 'give the policy reject or ignore');
}

/** Years that both JavaScript's ISO strings of four digits and PostgreSQL's timestamptz can say. */
const YEAR_MAX = 9999;

function requireRunAt({ name, delay }: ClaimStrategy, runAt: Date): void {
  if (delay === undefined) throw new UnsupportedError(name, 'delay', 'leave runAt out');
  if (!isDate(runAt)) throw new InvalidArgumentError(`runAt is ${said(runAt)}: give a Date`);
  const year = runAt.getUTCFullYear();
  if (Number.isNaN(year) || year < 1 || year > YEAR_MAX)
    throw new InvalidArgumentError(`runAt is no date in the years 1…${YEAR_MAX}: give a valid Date`);
}

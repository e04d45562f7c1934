// How do the harness's jobs become jobs of the reference queue, and back?

import {
  type ClaimedJob,
  exponentialRetry,
  fixedRetry,
  type NewJob,
  type RetryPolicy,
} from '../../../queue/index.ts';
import type { BenchJob, BenchPayload, ConsumerOptions } from '../../contender.ts';
import { keyOf } from '../../measure/recorded-strategy.ts';

/** The queue that a cell's jobs are in. */
export const QUEUE = 'bench';

export function toNewJob(job: BenchJob): NewJob {
  const { payload, priority, runAtMs, maxAttempts, concurrencyKey, unique } = job;
  return {
    queue: QUEUE,
    payload,
    ...(priority === 0 ? {} : { priority }),
    ...(runAtMs === undefined ? {} : { runAt: new Date(runAtMs) }),
    ...(maxAttempts === undefined ? {} : { maxAttempts }),
    ...(concurrencyKey === undefined ? {} : { concurrencyKey }),
    ...(unique === undefined ? {} : { unique }),
  };
}

export function payloadOf(job: ClaimedJob): BenchPayload {
  const { payload } = job;
  const t = typeof payload === 'object' && payload !== null && 't' in payload ? payload.t : 0;
  return { k: keyOf(payload), t: typeof t === 'number' ? t : 0, pad: '' };
}

export function retryOf(retry: NonNullable<ConsumerOptions['retry']>): RetryPolicy {
  if (retry.after === 'constant') return fixedRetry(retry.ms);
  const { baseMs, capMs } = retry;
  return exponentialRetry({ baseMs, capMs });
}

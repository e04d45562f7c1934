// What is a job of a scenario like: its size, its work, how it fails, and with whom it competes?

import { z } from 'zod';

const ms = z.number().positive().max(600_000);
const share = z.number().min(0).max(1).default(0);

/** An hour: a delay travels in the ledger as 32 bits of microseconds. */
const DELAY_MS_MAX = 3_600_000;

/**
 * How long each job's work takes. All but `cpu` wait, as a handler does that calls somebody else; `cpu` computes, and so keeps
 * its agent from everything else meanwhile. What a job draws depends on its key and the seed alone.
 */
export const handlerSchema = z.discriminatedUnion('time', [
  z.strictObject({ time: z.literal('none') }),
  z.strictObject({ time: z.literal('constant'), ms }),
  z.strictObject({ time: z.literal('exponential'), meanMs: ms }),
  z.strictObject({ time: z.literal('lognormal'), medianMs: ms, p99Ms: ms }),
  /** Up to 15: an agent that stands still for longer is no fair generator. */
  z.strictObject({ time: z.literal('cpu'), ms: z.number().positive().max(15) }),
]);
export type HandlerTime = z.output<typeof handlerSchema>;

export const jobSchema = z
  .strictObject({
    /** Size of a job's payload as JSON text, bytes. */
    payloadBytes: z.int().min(48).max(1_000_000).default(100),
    /** Priorities given to jobs in turn, by the order of their enqueue. */
    priorities: z.array(z.int().min(-32_768).max(32_767)).min(1).max(100).default([0]),
    /**
     * How long jobs are delayed, ms, given in turn by the order of their enqueue; 0 is due at once. The clock of a delayed job
     * starts when it is due. Preloaded jobs are delayed from the moment at which the preload began.
     */
    delays: z.array(z.number().min(0).max(DELAY_MS_MAX)).min(1).max(100).default([0]),
    handler: handlerSchema.default({ time: 'none' }),
    /** Of all attempts: the handler throws, and the job is tried again by `retry`. */
    failShare: share,
    /** Of all jobs: every attempt throws, until the job is a dead letter. Which ones is drawn from key and seed. */
    poisonShare: share,
    /** Attempts before a job is a dead letter. */
    maxAttempts: z.int().min(1).max(1_000).default(20),
    /** When a failed job runs again. `exponential`: full jitter, up to `baseMs` after the first failure, twice that after each further one. */
    retry: z
      .discriminatedUnion('after', [
        z.strictObject({
          after: z.literal('exponential'),
          baseMs: ms.default(1_000),
          capMs: ms.default(60_000),
        }),
        z.strictObject({ after: z.literal('constant'), ms: z.number().min(0).max(600_000) }),
      ])
      .default({ after: 'exponential', baseMs: 1_000, capMs: 60_000 }),
    /** Concurrency keys, as of customers: each job has one of `count`; number 0 has `hotShare` of all jobs, the others share the rest. */
    keys: z.strictObject({ count: z.int().min(1).max(1_000_000), hotShare: share }).optional(),
    /** Unique keys: each job has one of `count`, drawn. What becomes of a job whose key another one holds is its `policy`. */
    unique: z
      .strictObject({
        count: z.int().min(1).max(1_000_000),
        policy: z.enum(['ignore', 'reject']).default('reject'),
      })
      .optional(),
  })
  .refine((job) => job.handler.time !== 'lognormal' || job.handler.p99Ms > job.handler.medianMs, {
    message: 'a p99Ms at or below medianMs is no distribution: raise it, or take time: constant',
    path: ['handler', 'p99Ms'],
  });

/** A job of a scenario, defaults filled in. */
export type JobShape = z.output<typeof jobSchema>;

/** In words, for who reads a load model; empty for jobs that do nothing. */
export function describeJob({ handler, failShare, poisonShare }: JobShape): string {
  const words = [describeHandler(handler)];
  if (failShare > 0) words.push(`${percent(failShare)} of the attempts fail`);
  if (poisonShare > 0) words.push(`${percent(poisonShare)} of the jobs are poison`);
  return words.flatMap((word) => (word === '' ? [] : [`, ${word}`])).join('');
}

/** In words: `work of 40 ms`; empty for none. */
export function describeHandler(handler: HandlerTime): string {
  switch (handler.time) {
    case 'none':
      return '';
    case 'constant':
      return `work of ${handler.ms} ms`;
    case 'exponential':
      return `work of ${handler.meanMs} ms on average, exponential`;
    case 'lognormal':
      return `work of ${handler.medianMs} ms (median; p99 ${handler.p99Ms} ms), lognormal`;
    case 'cpu':
      return `${handler.ms} ms of computing`;
  }
}

function percent(of: number): string {
  return `${Math.round(of * 1000) / 10} %`;
}

/** The longest that a handler may be expected to take, ms: what a worker that stops has to wait for. */
export function longestHandlerMs(handler: HandlerTime): number {
  switch (handler.time) {
    case 'none':
      return 0;
    case 'constant':
    case 'cpu':
      return handler.ms;
    // One in a million takes longer.
    case 'exponential':
      return handler.meanMs * 14;
    case 'lognormal':
      return handler.medianMs * (handler.p99Ms / handler.medianMs) ** 2.1;
  }
}

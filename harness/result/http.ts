// What does a bundle tell of a load that came over HTTP?

import { z } from 'zod';
import { percentilesSchema } from './percentiles.ts';

const count = z.int().min(0);
const ratio = z.number().min(0);

export const httpSchema = z.strictObject({
  /** From so many waiting or running jobs on, the front answers 429. */
  backlogLimit: z.int().min(1),
  retryAfterSeconds: z.int().min(1),
  /** Posts of the whole load by what came back; absent where a producer did not live to tell. */
  answers: z
    .strictObject({
      /** 201: the job is in the queue. */
      created: count,
      /** 429, and how many of these lacked a Retry-After. */
      tooMany: count,
      withoutRetryAfter: count,
      otherClientErrors: count,
      serverErrors: count,
      timeouts: count,
      /** Connections that broke with a post under way. */
      brokenConnections: count,
    })
    .optional(),
  /**
   * Of measured jobs, like `latencyUs`. `accepted` and `rejected` count from the intended instant to the answer 201 or 429, one
   * that was never answered with its age; `service` from the instant at which the request left to the answer 201.
   */
  latencyUs: z.strictObject({
    accepted: percentilesSchema.optional(),
    rejected: percentilesSchema.optional(),
    service: percentilesSchema.optional(),
  }),
  /** The process of the front, part of the system under test; absent where it did not live to tell. */
  front: z
    .strictObject({
      /** To the database. */
      connections: count,
      /** Share of one core. */
      cpuShare: ratio,
      eventLoopP99Us: z.number(),
      eventLoopMaxUs: z.number(),
      /** How the backlog was known: readings of the database, and the most jobs that one found. */
      backlogReadings: count,
      failedReadings: count,
      meanReadingMs: ratio,
      longestReadingMs: ratio,
      backlogPeak: count,
    })
    .optional(),
});

export type HttpPart = z.infer<typeof httpSchema>;

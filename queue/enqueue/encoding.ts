// Is a payload small enough, and in which form does it go to the strategy?

import { PayloadTooLargeError } from '../errors.ts';
import { EncodedPayload, encodePayload } from '../payload.ts';
import type { NewJob } from '../strategy.ts';

/** Limit of a queue whose owner names none, in bytes. */
export const MAX_PAYLOAD_BYTES = 1_048_576;

/** A unit of UTF-16 takes at most so many bytes in UTF-8. */
const BYTES_PER_UNIT = 3;

/**
 * The job with its payload encoded, once for all that follows. Throws InvalidArgumentError for what is no JSON value, and
 * PayloadTooLargeError when its text has more than `maxBytes` bytes.
 */
export function encodeJob(job: NewJob, maxBytes: number): NewJob {
  const text = encodePayload(job.payload);
  // Most are so small that nobody need count.
  if (text.length * BYTES_PER_UNIT > maxBytes) {
    const bytes = Buffer.byteLength(text);
    if (bytes > maxBytes) throw new PayloadTooLargeError(bytes, maxBytes);
  }
  const payload = new EncodedPayload(text);
  // Of thousands of jobs in one call each copy counts; most have nothing else, and a literal is a third of a copy.
  return isBare(job) ? { queue: job.queue, payload } : { ...job, payload };
}

/** Nothing was chosen but the queue. */
function isBare({ priority, maxAttempts, runAt, unique, concurrencyKey }: NewJob): boolean {
  return (
    priority === undefined &&
    maxAttempts === undefined &&
    runAt === undefined &&
    unique === undefined &&
    concurrencyKey === undefined
  );
}

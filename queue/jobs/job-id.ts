// Is what a caller gave as a job's id one?

import { InvalidArgumentError } from '../errors.ts';
import { said } from '../keys.ts';
import type { JobId } from '../strategy.ts';

/** The greatest bigint. */
const LAST_ID = 9_223_372_036_854_775_807n;

/** Throws InvalidArgumentError when `id` is no decimal string of a positive bigint: what else arrives would fail on the server. */
export function requireJobId(name: string, id: JobId): void {
  if (typeof id !== 'string' || !/^[1-9]\d{0,18}$/.test(id) || BigInt(id) > LAST_ID)
    throw new InvalidArgumentError(
      `${name} is ${said(id)}: give the id of a job, a string of digits as an enqueue returns it`,
    );
}

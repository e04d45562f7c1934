// Does an error of the server say that the schema was never installed?

import type { QueueContext } from '../context.ts';
import { NotInstalledError } from '../errors.ts';

/** What PostgreSQL calls a table, a schema and a function that is not there. */
const MISSING: readonly unknown[] = ['42P01', '3F000', '42883'];

/**
 * What `error` is to be thrown as: a NotInstalledError when the server misses something of the queue's schema, else itself. The
 * server tells what it misses only in its message, and there by name, in whatever language.
 */
export function explained({ schema, strategy }: QueueContext, error: unknown): unknown {
  if (!(error instanceof Error && 'code' in error && MISSING.includes(error.code))) return error;
  const at = error.message.indexOf(error.code === '3F000' ? schema : `${schema}.`);
  // Not the end of a longer name.
  const ours = at >= 0 && !/[\p{L}\p{N}_$]$/u.test(error.message.slice(0, at));
  return ours ? new NotInstalledError(schema, strategy.name, error) : error;
}

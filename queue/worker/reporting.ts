// Who is told of a worker's errors?

import { UnsupportedError } from '../errors.ts';
import { warn } from '../warn.ts';
import type { ErrorSource, WorkerOptions } from './options.ts';

/** `events.error` as it is given; else warnings, but of what ends the worker: that rejects `Worker.ended`. */
export function errorReporter({
  queue,
  events,
}: WorkerOptions): (error: unknown, source: ErrorSource) => void {
  if (events?.error !== undefined) return events.error;
  const complain = warn(`worker of queue ${JSON.stringify(queue)} (no events.error is given)`);
  return (error, source) => {
    if (source !== 'connect' || !(error instanceof UnsupportedError)) complain(error, source);
  };
}

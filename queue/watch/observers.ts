// How do several observers watch one queue?

import { InvalidArgumentError } from '../errors.ts';
import { said } from '../keys.ts';
import type { Observer } from './events.ts';

/**
 * One observer out of several: each is told of each event, in the order of the list. One that throws does not keep the event
 * from the others; when all have had it, its error is thrown on (an AggregateError when there are several), to where the
 * queue reports it. Throws InvalidArgumentError for what is no function.
 */
export function observers(...list: readonly Observer[]): Observer {
  for (const observer of list)
    if (typeof observer !== 'function')
      throw new InvalidArgumentError(`an observer is ${said(observer)}: give a function`);
  return (event) => {
    let errors: unknown[] | undefined;
    for (const observer of list) {
      try {
        observer(event);
      } catch (error) {
        errors ??= [];
        errors.push(error);
      }
    }
    if (errors === undefined) return;
    if (errors.length === 1) throw errors[0];
    throw new AggregateError(
      errors,
      `${errors.length} observers threw when told that something was ${event.kind}`,
    );
  };
}

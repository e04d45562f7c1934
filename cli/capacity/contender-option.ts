// Which contender is asked about? The one that `--contender` names, and whether a plan may choose its handlers.

import { type Command, InvalidArgumentError } from 'commander';
import type { ContenderSpec } from '../../harness/contender.ts';
import { definitionOf } from '../../harness/contenders/index.ts';
import { UsageError } from '../../harness/errors.ts';
import { filled } from '../options.ts';
import { DEFAULT_CONTENDER } from '../plan-run.ts';

/** Adds `--contender`, of which such a command takes one. */
export function contenderOption(command: Command, what: string): Command {
  let given = false;
  const once = (text: string): string => {
    if (given) throw new InvalidArgumentError('one contender was given already: ask about each by itself.');
    given = true;
    return filled(text);
  };
  return command.option('--contender <name|name?axis=value|file>', what, once, DEFAULT_CONTENDER);
}

/** @throws UsageError for a contender whose handlers a plan could not choose. */
export async function requireOpenConcurrency(contender: ContenderSpec): Promise<void> {
  const { name, axes } = contender;
  if (axes.concurrency !== undefined)
    throw new UsageError(
      `--contender ${name}: how many handlers a session has is what a plan finds: leave concurrency out`,
    );
  if (axes.adaptive !== undefined)
    throw new UsageError(
      `--contender ${name}: with adaptive the number of handlers follows the load, and a plan finds one that is fixed: leave adaptive out`,
    );
  const definition = await definitionOf(contender);
  const why = definition.axes.includes('concurrency') ? definition.fixed?.concurrency : 'it has no such axis';
  if (why !== undefined)
    throw new UsageError(
      `--contender ${name}: a plan must choose concurrency, the handlers of a session, which this one does not leave open (${why}): take another, or try its rates with claimbench search`,
    );
}

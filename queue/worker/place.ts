// Can a session of this strategy be opened on this connection?

import type { QueueContext } from '../context.ts';
import type { Connection } from '../drivers/driver.ts';
import { UnsupportedError } from '../errors.ts';
import { strategies } from '../strategies/index.ts';

/** What a connection of a worker is to be opened for, as `Driver.connect` takes it. */
export function needsOf({ strategy, retention }: QueueContext): 'session' | undefined {
  return strategy.guarantees.transactionPooler && retention === undefined ? undefined : 'session';
}

/**
 * Throws UnsupportedError behind a pooler in transaction mode where the strategy says that it has no place there, or where finished
 * jobs are kept: their record is one transaction with the settle, which there brings a transaction of its own.
 */
export function requirePlace(
  { strategy: { name, guarantees }, retention }: QueueContext,
  { pooler }: Connection,
): void {
  if (pooler !== 'transaction') return;
  if (retention !== undefined)
    throw new UnsupportedError(
      name,
      'retention of finished jobs behind a pooler in transaction mode',
      "give the driver the server's own address as its option direct, or leave retention out",
    );
  if (guarantees.transactionPooler) return;
  const reason =
    guarantees.lease === 'session'
      ? 'its lease ends with the connection to the server, which the pooler gives to others'
      : 'its guarantees say so';
  // A schema that is never installed: nothing is sent.
  const able = strategies.filter(
    ({ create, control }) => control !== true && create({ schema: 'any' }).guarantees.transactionPooler,
  );
  throw new UnsupportedError(
    name,
    'place behind a pooler in transaction mode',
    `${reason}; give the driver the server's own address as its option direct, or take one of ${able.map(({ strategyName }) => strategyName).join(', ')}`,
  );
}

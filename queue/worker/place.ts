// Can a session of this strategy be opened on this connection?

import type { Connection } from '../drivers/driver.ts';
import { UnsupportedError } from '../errors.ts';
import { strategies } from '../strategies/index.ts';
import type { ClaimStrategy } from '../strategy.ts';

/** What a connection of the strategy is to be opened for, as `Driver.connect` takes it. */
export function needsOf({ guarantees }: ClaimStrategy): 'session' | undefined {
  return guarantees.transactionPooler ? undefined : 'session';
}

/** Throws UnsupportedError behind a pooler in transaction mode where the strategy says that it has no place there. */
export function requirePlace({ name, guarantees }: ClaimStrategy, { pooler }: Connection): void {
  if (pooler !== 'transaction' || guarantees.transactionPooler) return;
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

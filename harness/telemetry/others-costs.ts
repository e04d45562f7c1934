// Which costs of a load are still the contender's own when somebody else worked on the server meanwhile?

import type { ServerAccount } from './server-watch.ts';

/**
 * The account without what the server counted for all together: WAL, commits, buffers, dead tuples and CPU. What it counts by the
 * contender's tables stays. `others` says who worked there, such as `the bystander`; with none the account is as it was.
 */
export function withoutOthers(account: ServerAccount, others: readonly string[]): ServerAccount {
  const { spent } = account;
  if (others.length === 0 || spent === undefined) return account;
  const { updates, hotUpdates, missing } = spent;
  return {
    ...account,
    spent: {
      ...(updates === undefined ? {} : { updates }),
      ...(hotUpdates === undefined ? {} : { hotUpdates }),
      missing,
    },
    notes: [
      ...account.notes,
      `WAL, commits, buffers, dead tuples and server CPU per job are not told: the server counted those of ${others.join(' and ')} with them`,
    ],
  };
}

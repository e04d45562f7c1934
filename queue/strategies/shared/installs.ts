// How does a strategy say what its installation makes, and make it?

import { type Installation, installLayout } from '../../schema/layout.ts';
import type { ClaimStrategy } from '../../strategy.ts';

/** What a strategy says of its installation, and does. */
export function installs(installation: Installation): Pick<ClaimStrategy, 'installation' | 'install'> {
  return { installation, install: (db) => installLayout(db, installation) };
}

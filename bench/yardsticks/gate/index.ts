// Which yardsticks are there of the gate?

import type { Yardstick } from '../../yardstick.ts';
import { Checks } from './checks.ts';
import { planted } from './planted.ts';
import { same } from './same.ts';
import { simulated } from './simulated.ts';

/** In the order in which `npm run bench:gate` runs them. `folder`: where repositories and bundles may lie meanwhile. */
export function gateYardsticks(folder: string): readonly Yardstick[] {
  const checks = new Checks(folder);
  return [planted(checks), same(checks), simulated(checks)];
}

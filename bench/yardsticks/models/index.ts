// Which yardsticks are there of the models?

import type { Yardstick } from '../../yardstick.ts';
import { again } from './again.ts';
import { brackets } from './brackets.ts';
import { from } from './from.ts';
import { Plans } from './plans.ts';
import { real } from './real.ts';
import { theory } from './theory.ts';

/** In the order in which `npm run bench:models` runs them. `folder`: where bundles may lie meanwhile. */
export function modelYardsticks(folder: string): readonly Yardstick[] {
  const plans = new Plans(folder);
  return [brackets, theory, real(plans), from(plans), again(plans)];
}

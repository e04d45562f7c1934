// Does a plan foretell how long jobs wait in a queue of which theory knows it?

import { randomStream } from '../../../stats/random.ts';
import { quantile } from '../../../stats/spread.ts';
import type { Yardstick } from '../../yardstick.ts';
import { type Foretold, simulatedPlan } from './simulated-plan.ts';

const PLANS = 100;
const SMOKE_PLANS = 2;
const UTILISATIONS = [0.5, 0.6, 0.7, 0.79];
const TARGET_PERCENT = 20;
/** Plans of which every prediction is to be as good, as a search is to be right. */
const TARGET_PLANS_PERCENT = 95;

export const theory: Yardstick = {
  name: 'theory',
  question: 'does a plan foretell pickup p99 of M/M/c below 80 % utilisation?',
  async run({ rounds, smoke, signal, say }) {
    const plans = rounds ?? (smoke ? SMOKE_PLANS : PLANS);
    const found: Foretold[] = [];
    let kept = 0;
    for (let seed = 0; seed < plans; seed += 1) {
      signal.throwIfAborted();
      const random = randomStream(seed, 'plan of a simulated queue');
      const jobMs = 2 * 25 ** random();
      const ratePerSec = (1_000 / jobMs) * 12 ** random();
      const foretold = await simulatedPlan({ jobMs, ratePerSec }, UTILISATIONS, seed);
      if (foretold.every((one) => percentOff(one) <= TARGET_PERCENT)) kept += 1;
      found.push(...foretold);
    }
    const worst = found.toSorted((x, y) => percentOff(y) - percentOff(x)).slice(0, 1);
    for (const one of worst) say(`the worst: ${describe(one)}`);
    const note = `${found.length} predictions of ${plans} plans, one at each of ${UTILISATIONS.map((u) => u * 100).join(', ')} % busy where as many as 1 in 100 jobs wait`;
    const off = (share: number): number | undefined => quantile(found.map(percentOff), share);
    const target = { atMost: TARGET_PERCENT };
    return [
      { what: 'pickup p99, error: median', value: off(0.5), unit: '%' },
      { what: 'pickup p99, error: 95th percentile', value: off(0.95), unit: '%', target, note },
      { what: 'pickup p99, error: worst', value: off(1), unit: '%' },
      {
        what: `plans whose every pickup p99 is within ${TARGET_PERCENT} %`,
        value: (100 * kept) / plans,
        unit: '%',
        target: { atLeast: TARGET_PLANS_PERCENT },
      },
      {
        what: "capacity of the plan's handlers, error: 95th percentile",
        value: quantile(
          found.map(({ capacityError }) => 100 * Math.abs(capacityError)),
          0.95,
        ),
        unit: '%',
        note: 'of the law: what an error of p99 is often made of',
      },
    ];
  },
};

function percentOff({ predictedUs, trueUs }: Foretold): number {
  return 100 * Math.abs(predictedUs / trueUs - 1);
}

function describe({ handlers, utilisation, predictedUs, trueUs, capacityError }: Foretold): string {
  const ms = (us: number): string => `${(us / 1_000).toFixed(1)} ms`;
  return `${handlers} handlers ${Math.round(100 * utilisation)} % busy: ${ms(predictedUs)} foretold, ${ms(trueUs)} true, their capacity ${(100 * capacityError).toFixed(1)} % off`;
}

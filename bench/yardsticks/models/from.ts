// How soon is another question answered from what a plan has measured?

import { median } from '../../../stats/spread.ts';
import type { Yardstick } from '../../yardstick.ts';
import { claimbench } from './claimbench.ts';
import type { Plans } from './plans.ts';

const CONTENDER = 'skip-locked';
const TURNS = 5;
const TARGET_SECONDS = 2;
const TIMEOUT_SECONDS = 60;
const OTHER_QUESTION = ['--rate', '300', '--peak', '1.2'];

export function from(plans: Plans): Yardstick {
  return {
    name: 'from',
    question: 'how long does a plan take from a bundle that is there?',
    async run(bench) {
      const { bundle, result } = await plans.any(bench.only?.[0] ?? CONTENDER, bench);
      const took: number[] = [];
      for (let turn = 0; turn < TURNS; turn += 1) {
        const words = ['plan', '--from', bundle, ...OTHER_QUESTION];
        const { seconds } = await claimbench(words, {
          signal: bench.signal,
          timeoutSeconds: TIMEOUT_SECONDS,
        });
        took.push(seconds);
      }
      return [
        {
          what: 'claimbench plan --from',
          value: median(took),
          unit: 's',
          target: { atMost: TARGET_SECONDS },
          note: `median of ${TURNS}, the longest ${Math.max(...took).toFixed(2)} s; ${result.cells.length} cells; the whole command`,
        },
      ];
    },
  };
}

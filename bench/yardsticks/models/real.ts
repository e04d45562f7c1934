// Do the models of a plan foretell what is then measured on a real server?

import type { RunResult } from '../../../harness/result/result.ts';
import type { Figure, Yardstick } from '../../yardstick.ts';
import type { Plans } from './plans.ts';
import { foretold } from './predictions.ts';

const DEFAULT_CONTENDERS = ['skip-locked', 'range-lease'];
const TARGET_SECONDS = 600;

export function real(plans: Plans): Yardstick {
  return {
    name: 'real',
    question: 'how far off are the predictions of a plan, and how long does it take?',
    async run(bench) {
      const figures: Figure[] = [];
      for (const contender of bench.only ?? DEFAULT_CONTENDERS) {
        const { result, seconds } = await plans.of(contender, bench);
        figures.push(...foretold(result, contender), {
          what: `${contender}: the whole plan`,
          value: seconds,
          unit: 's',
          target: { atMost: TARGET_SECONDS },
          note: `${result.cells.length} cells${voidsOf(result)}, reports rendered`,
        });
      }
      return figures;
    },
  };
}

function voidsOf({ cells }: RunResult): string {
  const voids = cells.filter(({ verdict }) => verdict !== 'valid').length;
  return voids === 0 ? '' : `, of which ${voids} are void`;
}

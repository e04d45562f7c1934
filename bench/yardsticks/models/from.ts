// How soon is another question answered from what a plan has measured?

import { median } from '../../../stats/spread.ts';
import type { Figure, Yardstick } from '../../yardstick.ts';
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
      const words = ['plan', '--from', bundle, ...OTHER_QUESTION];
      const limits = { signal: bench.signal, timeoutSeconds: TIMEOUT_SECONDS };
      const [first, later]: [number[], number[]] = [[], []];
      for (let turn = 0; turn < TURNS; turn += 1) {
        const compiled = plans.folderFor(`compiled-${turn}`);
        first.push((await claimbench(words, { ...limits, compiled })).seconds);
        later.push((await claimbench(words, { ...limits, compiled })).seconds);
      }
      const figure = (what: string, took: readonly number[]): Figure => ({
        ...{ what: `claimbench plan --from, ${what}`, value: median(took), unit: 's' },
        target: { atMost: TARGET_SECONDS },
        note: `median of ${TURNS}, the longest ${Math.max(...took).toFixed(2)} s; ${result.cells.length} cells; the whole command`,
      });
      return [figure('the first time, nothing compiled yet', first), figure('asked once more', later)];
    },
  };
}

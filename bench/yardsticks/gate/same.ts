// Does the same code pass, checked against itself?

import type { Yardstick } from '../../yardstick.ts';
import type { Checks } from './checks.ts';

const ROUNDS = 10;

export function same(checks: Checks): Yardstick {
  return {
    name: 'same',
    question: 'does the same code pass, when it is really measured?',
    async run(bench) {
      const rounds = bench.rounds ?? ROUNDS;
      const failures: string[] = [];
      let undecided = 0;
      for (let round = 1; round <= rounds; round += 1) {
        const { document, code } = await checks.check(undefined, bench);
        if (code === 99 || code === 3) failures.push(document.headline);
        if (code === 4) undecided += 1;
        bench.say(
          `check ${round}: ${document.headline} (${document.blocks.valid} blocks, ${document.usedSeconds} s)`,
        );
      }
      return [
        {
          what: `false failures, of ${rounds} checks of the same code`,
          value: failures.length,
          ...{ unit: '', target: { atMost: 0 } },
          ...(failures[0] === undefined ? {} : { note: failures[0] }),
        },
        { what: 'of them undecided', value: undecided, unit: '' },
      ];
    },
  };
}

// Is each planted regression caught, in time, by the metric that it moves, and with its cause?

import { BAD, type Pull } from '../../../examples/guarded/pulls.ts';
import type { Figure, Yardstick } from '../../yardstick.ts';
import { wants } from '../../yardstick.ts';
import type { Checked, Checks } from './checks.ts';

const ROUNDS = 1;
const TARGET_PERCENT = 90;
const TARGET_SECONDS = 480;

export function planted(checks: Checks): Yardstick {
  return {
    name: 'planted',
    question:
      'is each change that makes a queue dearer caught within 8 minutes, with the metric and the cause?',
    async run(bench) {
      const figures: Figure[] = [];
      const seconds: number[] = [];
      for (const pull of BAD.filter(({ name }) => wants(bench, name))) {
        let caught = 0;
        const notes: string[] = [];
        const rounds = bench.rounds ?? ROUNDS;
        for (let round = 1; round <= rounds; round += 1) {
          const checked = await checks.check(pull.name, bench);
          const missing = missingIn(checked, pull);
          if (missing === undefined) caught += 1;
          else notes.push(missing);
          seconds.push(checked.document.usedSeconds);
          bench.say(
            `${pull.name}: ${checked.document.headline} (${checked.document.usedSeconds} s)${missing === undefined ? '' : ` but ${missing}`}`,
          );
          for (const { what, text } of checked.document.causes.slice(0, 2)) bench.say(`  ${what}: ${text}`);
        }
        figures.push({
          what: `${pull.name}: caught, of ${rounds}`,
          value: (100 * caught) / rounds,
          ...{ unit: '%', target: { atLeast: TARGET_PERCENT } },
          ...(notes[0] === undefined ? {} : { note: notes[0] }),
        });
      }
      figures.push({
        ...{ what: 'longest of them', value: Math.max(...seconds), unit: 's' },
        target: { atMost: TARGET_SECONDS },
      });
      return figures;
    },
  };
}

/** Why a regression was not caught as it should be; undefined where it was. */
function missingIn({ document, code }: Checked, { found }: Pull): string | undefined {
  if (code !== 99) return `it ended with ${code}: ${document.headline}`;
  const worse = document.rows.filter(({ verdict }) => verdict === 'worse').map(({ metric }) => metric);
  if (!worse.some((metric) => found?.metrics.includes(metric)))
    return `by ${worse.join(', ')} alone, not by ${found?.metrics.join(' or ')}`;
  if (!document.causes.some(({ text }) => found?.cause.test(text)))
    return `without its cause: ${document.causes.map(({ text }) => text).join('; ') || 'none named'}`;
  return undefined;
}

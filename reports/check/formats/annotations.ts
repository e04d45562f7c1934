// What does a check say to a runner of GitHub, which shows it beside the change?

import type { CheckDocument } from '../document.ts';
import { amount, changeText } from './table.ts';

/** Workflow commands, a line each; with a line break at their end. */
export function checkAnnotations(document: CheckDocument): string {
  const worse = document.rows.filter(({ verdict }) => verdict === 'worse');
  const lines = [
    command(LEVELS[document.verdict], 'claimbench check', document.headline),
    ...worse.map((row) =>
      command(
        'error',
        `${row.label} of ${row.contender} in ${row.scenario}`,
        [
          `${amount(row.base, row.unit)} to ${amount(row.head, row.unit)}, ${changeText(row)}: ${row.reason}`,
          ...document.causes
            .filter(({ contender }) => contender === row.contender)
            .map(({ what, text }) => `${what}: ${text}`),
        ].join('\n'),
      ),
    ),
    ...document.warnings.map((warning) => command('warning', 'claimbench check', warning)),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

const LEVELS: Readonly<Record<CheckDocument['verdict'], 'error' | 'warning' | 'notice'>> = {
  pass: 'notice',
  regression: 'error',
  incorrect: 'error',
  undecided: 'warning',
};

/** As the runner reads it: in a property a colon or a comma would end it. */
function command(level: string, title: string, message: string): string {
  const data = (text: string): string =>
    text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
  const property = data(title).replaceAll(':', '%3A').replaceAll(',', '%2C');
  return `::${level} title=${property}::${data(message)}`;
}

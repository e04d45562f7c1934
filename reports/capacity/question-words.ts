// By which words of the command line is a question asked again of what was measured?

import type { PlanQuestion } from '../../harness/result/result.ts';

/** All that `plan --from` takes; what was part of the measuring is left out. */
export function questionWords(question: PlanQuestion): string[] {
  const { ratePerSec, peakFactor, later, slo, outage, bloatSeconds, connections } = question;
  return [
    ...word('--rate', ratePerSec),
    ...(peakFactor > 1 ? word('--peak', peakFactor) : []),
    ...(later === undefined
      ? []
      : [...word('--rate-later', later.ratePerSec), ...word('--months', later.months)]),
    ...slo.flatMap(({ text }) => ['--slo', text.replaceAll(' ', '').replace('µs', 'us')]),
    ...(outage === undefined
      ? []
      : [...word('--outage', outage.seconds, 's'), ...word('--recover', outage.recoverSeconds, 's')]),
    ...word('--bloat', bloatSeconds, 's'),
    ...word('--connections', connections),
  ];
}

function word(option: string, value: number | undefined, unit = ''): string[] {
  return value === undefined ? [] : [option, `${value}${unit}`];
}

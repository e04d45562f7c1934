// What does a search, a sweep or a plan say on a terminal, in at most 100 columns and about 30 lines?

import TextTable from 'cli-table3';
import type { RunResult } from '../../harness/result/result.ts';
import { answerOf } from '../capacity/answer.ts';
import { isPlainNo, isPoor, LIMIT_NAMES, predictedText, rateText, signedShare } from '../capacity/words.ts';
import { findingsOf, overallVerdict } from '../findings.ts';
import type { Tone } from '../tables/table.ts';
import { escapeTerminal } from './escape.ts';
import { formatCount, plural } from './format.ts';
import { BORDERLESS, type Paint, painter, plain, type TerminalOptions, wrapped } from './terminal-text.ts';

const CODES: Readonly<Record<Tone, number>> = { good: 32, warn: 33, bad: 31, plain: 0 };
/** The page has all of them. */
const MOST_PREDICTIONS = 6;
const MOST_WARNINGS = 2;
const MOST_RISKS = 2;

/** The short answer, without a line break at its end; empty without capacity. */
export function capacityTerminal(
  result: RunResult,
  options: Pick<TerminalOptions, 'colour' | 'width'>,
): string {
  if (result.capacity === undefined) return '';
  const width = Math.max(60, Math.min(100, options.width));
  const paint = painter(options.colour);
  const { badge, text, tone, facts } = answerOf(result);
  const words = (one: string): string => wrapped(plain(one), width, '');
  const blocks = [
    [paint(escapeTerminal(badge), CODES[tone]), words(text)],
    result.capacity.plan === undefined
      ? facts.map(({ label, value, remark }) => words(`${label}: ${value} (${remark})`))
      : planLines(result.capacity.plan, width),
    predictionLines(result, width, paint),
    verdictLines(result, width, paint),
  ];
  return blocks
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n');
}

type Plan = NonNullable<NonNullable<RunResult['capacity']>['plan']>;

function planLines({ answer }: Plan, width: number): string[] {
  const {
    recommended: r,
    limits,
    limitedBy,
    peakPerSec,
    nearest,
    usedUpOn,
    headroom,
    risks,
    breaksFirst,
  } = answer;
  const lines = [
    ...limits.map(({ by, perSec, text }) => {
      const figure =
        perSec === undefined ? '' : `${rateText(perSec)} (${signedShare(perSec / peakPerSec - 1)}): `;
      return `${by === limitedBy ? '→' : ' '} ${LIMIT_NAMES[by]}: ${figure}${text}`;
    }),
    ...(headroom === undefined
      ? []
      : [
          `  Headroom over the peak of ${rateText(peakPerSec)}: ${signedShare(headroom)}${usedUpOn === undefined ? '' : `, used up on ${usedUpOn}`}`,
        ]),
    ...(r === undefined
      ? []
      : [
          `  ${isPlainNo(answer) ? 'Closest that was tried' : 'Run'} ${r.strategy}: ${plural(r.workers, 'worker')} × ${plural(r.sessions, 'session')} × ${formatCount(r.concurrency)} = ${plural(r.handlers, 'handler')}, ${plural(r.connections, 'connection')}, batch ${formatCount(r.batch)}, wake-up ${r.wakeup}`,
        ]),
    ...nearest.map((one) => `  Nearest: ${one}`),
    `  First to give way: ${breaksFirst}`,
    ...risks.slice(0, MOST_RISKS).map((risk) => `! ${risk}`),
    ...(risks.length > MOST_RISKS
      ? [`  and ${plural(risks.length - MOST_RISKS, 'risk')} more in the report`]
      : []),
  ];
  return lines.map((line) => wrapped(plain(line.slice(2)), width, line.slice(0, 2)));
}

function predictionLines({ capacity }: RunResult, width: number, paint: Paint): string[] {
  const predictions = capacity?.predictions ?? [];
  if (predictions.length === 0) return [];
  // What missed must not be cut off.
  const first = predictions.toSorted((a, b) => Number(isPoor(b)) - Number(isPoor(a)));
  const shown = first.slice(0, MOST_PREDICTIONS);
  const drawn = new TextTable({
    head: ['', 'at', 'predicted', 'measured', 'error', ''],
    colAligns: ['left', 'left', 'right', 'right', 'right', 'left'],
    chars: BORDERLESS,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2, compact: true },
  });
  for (const one of shown)
    drawn.push(
      [
        one.what,
        one.at,
        predictedText(one, one.predicted),
        predictedText(one, one.measured),
        signedShare(one.error),
        isPoor(one) ? 'POOR' : 'good',
      ].map((cell) => escapeTerminal(plain(cell))),
    );
  const [head = '', ...rows] = drawn
    .toString()
    .split('\n')
    .map((line) => [...line.trimEnd()].slice(0, width).join(''));
  const more = predictions.length - shown.length;
  return [
    paint(head, 2),
    ...rows,
    ...(more > 0 ? [paint(`and ${plural(more, 'prediction')} more in the report`, 2)] : []),
  ];
}

function verdictLines(result: RunResult, width: number, paint: Paint): string[] {
  const verdict = overallVerdict(result);
  const findings = findingsOf(result, []);
  const grave = findings.filter(({ tone }) => tone === 'bad');
  const rest = findings.filter(({ tone }) => tone !== 'bad');
  const shown = [...grave, ...rest.slice(0, MOST_WARNINGS)];
  const more = findings.length - shown.length;
  return [
    paint(verdict.text, CODES[verdict.tone]),
    ...shown.map(({ tone, title, text }) =>
      wrapped(plain(`${title}. ${text}`), width, tone === 'bad' ? '✗ ' : '! '),
    ),
    ...(more > 0 ? [paint(`and ${plural(more, 'warning')} more in the report`, 2)] : []),
  ];
}

// What does `compare` say on a terminal, in at most 100 columns?

import Table from 'cli-table3';
import type { Comparison } from '../../../harness/result/result.ts';
import type { ComparisonDocument } from '../../compare/document.ts';
import { chanceNote } from '../../tables/chance.ts';
import {
  atLeast,
  type ComparedPair,
  comparedPairs,
  effectNote,
  effectText,
  intervalText,
  metricLabel,
  pairVerdict,
  repeatsText,
  shareText,
  unstableLines,
} from '../../tables/comparison.ts';
import { escapeTerminal } from '../escape.ts';
import { ABSENT, formatDuration, formatNumber, plural } from '../format.ts';
import { BORDERLESS, type Paint, painter, plain, type TerminalOptions, wrapped } from '../terminal-text.ts';
import { marksOf } from './words.ts';

type Options = Pick<TerminalOptions, 'colour' | 'width'>;

/** Every pair with its table, without a line break at its end. */
export function comparisonTerminal(document: ComparisonDocument, options: Options): string {
  const width = Math.max(60, Math.min(100, options.width));
  const paint = painter(options.colour);
  const marks = marksOf(document).map((mark) => paint(wrapped(mark, width, '✗ '), 31));
  const caveats = document.caveats.map((caveat) => wrapped(caveat, width, '! '));
  const pairs = comparedPairs(document.comparisons).map((pair) => pairBlock(pair, width, paint));
  return [[...marks, ...caveats].join('\n'), ...pairs].filter((block) => block !== '').join('\n\n');
}

const JUDGED_FROM = 5;

/** One line per pair, for the end of a run; a single one when there are too few repeats for any verdict. */
export function comparisonLines(comparisons: readonly Comparison[], options: Options): string {
  const width = Math.max(60, Math.min(100, options.width));
  const pairs = comparedPairs(comparisons);
  const fewest = Math.min(...pairs.map((pair) => Math.min(pair.base.repeats, pair.head.repeats)));
  if (pairs.length === 0) return '';
  if (pairs.every((pair) => Math.min(pair.base.repeats, pair.head.repeats) < JUDGED_FROM)) {
    const few = `No verdicts on differences: a side has ${plural(fewest, 'valid repeat')}, too few to tell; --repeats 5 to look, 10 to claim.`;
    return wrapped(plain(few), width, '= ');
  }
  const chance = chanceNote(comparisons);
  const lines = pairs.map(({ scenario, base, head, ...pair }) => {
    const verdict = pairVerdict({ scenario, base, head, ...pair }).text;
    return wrapped(
      plain(`${scenario}: ${head.contender} against ${base.contender}: ${verdict}`),
      width,
      '= ',
    );
  });
  return [...lines, ...(chance === undefined ? [] : [wrapped(plain(chance), width, '= ')])].join('\n');
}

const CODES: Readonly<Record<Comparison['verdict'], number>> = {
  better: 32,
  worse: 31,
  equivalent: 36,
  unstable: 33,
  invalid: 33,
  '~': 2,
};

function pairBlock(pair: ComparedPair, width: number, paint: Paint): string {
  const table = new Table({
    head: ['', 'base', 'head', 'effect', '95 % interval', 'floor', 'detects', 'verdict'],
    colAligns: ['left', 'right', 'right', 'right', 'right', 'right', 'right', 'left'],
    chars: BORDERLESS,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2, compact: true },
  });
  for (const row of pair.rows) table.push(cells(row, paint));
  const [first = '', ...rest] = table
    .toString()
    .split('\n')
    .map((line) => line.trimEnd());
  const { text, tone } = pairVerdict(pair);
  const code = tone === 'bad' ? 31 : tone === 'good' ? 32 : tone === 'warn' ? 33 : 0;
  const title = `${pair.scenario}: ${pair.head.contender} against ${pair.base.contender} (${repeatsText(pair)})`;
  const effect = effectNote(pair);
  return [
    paint(wrapped(escapeTerminal(title), width, ''), 1),
    paint(first, 2),
    ...rest,
    ...(effect === undefined ? [] : [paint(wrapped(plain(effect), width, ''), 2)]),
    paint(wrapped(plain(text), width, '→ '), code),
    ...unstableLines(pair).map((line) => wrapped(plain(line), width, '  ')),
  ].join('\n');
}

function cells(row: Comparison, paint: Paint): string[] {
  const value = (side: Comparison['base']): string =>
    side.median === undefined
      ? ABSENT
      : plain(
          `${atLeast(side)}${row.unit === 'µs' ? formatDuration(side.median) : `${formatNumber(side.median)} ${row.unit}`}`,
        );
  const share = (number: number | undefined): string =>
    number === undefined ? ABSENT : plain(shareText(number));
  return [
    metricLabel(row),
    value(row.base),
    value(row.head),
    plain(effectText(row)),
    plain(intervalText(row)).replace('[', '').replace(']', ''),
    share(row.noiseFloor),
    share(row.detectable),
    paint(row.verdict, CODES[row.verdict]),
  ];
}

// What must a reader know of micro-benchmarks before any figure?

import type { RunResult } from '../harness/result/result.ts';
import { formatCount, plural } from './render/format.ts';
import type { Tone } from './tables/table.ts';

/** Whether there is nothing but micro-benchmarks. */
export function isMicroOnly({ micro, cells }: RunResult): boolean {
  return micro !== undefined && cells.length === 0;
}

/** One line on all rows that were measured. */
export function microVerdict({ micro = [] }: RunResult): { readonly tone: Tone; readonly text: string } {
  const tried = micro.filter(({ state }) => state !== 'not offered');
  const voids = tried.filter(({ state }) => state === 'void').length;
  if (tried.length === 0) return { tone: 'warn', text: 'no operation was measured' };
  return voids === 0
    ? { tone: 'good', text: `all ${formatCount(tried.length)} operations gave right answers` }
    : { tone: 'bad', text: `${formatCount(voids)} of ${plural(tried.length, 'operation')} VOID` };
}

/** Rows without figures, by the reasons, and those whose figures say nothing. */
export function microFindings({ micro = [] }: RunResult): {
  tone: 'bad' | 'warn';
  title: string;
  text: string;
}[] {
  const voids = micro.filter(({ state }) => state === 'void');
  if (voids.length === 0) return shortFindings(micro);
  const reasons = [
    ...new Set(
      voids.map(
        ({ operation, strategy, reason }) =>
          `${[operation, ...(strategy === undefined ? [] : [strategy])].join(' of ')}: ${reason ?? 'no reason given'}`,
      ),
    ),
  ];
  return [
    {
      tone: 'bad',
      title: `${plural(voids.length, 'operation')} void`,
      text: `${reasons.slice(0, 5).join('; ')}${reasons.length > 5 ? `; and ${plural(reasons.length - 5, 'reason')} more below` : ''}. A wrong answer has no time.`,
    },
    ...shortFindings(micro),
  ];
}

/** Below so many, the median of a round is no more than one or two runs, as with `--smoke`. */
const FEWEST_RUNS = 5;

function shortFindings(micro: NonNullable<RunResult['micro']>): {
  tone: 'warn';
  title: string;
  text: string;
}[] {
  const measured = micro.flatMap(({ figures }) => figures ?? []);
  const short = measured.filter(({ rounds }) => rounds.some(({ samples }) => samples < FEWEST_RUNS)).length;
  if (short === 0) return [];
  return [
    {
      tone: 'warn',
      title: `${formatCount(short)} of ${plural(measured.length, 'operation')} ran fewer than ${FEWEST_RUNS} times in a round`,
      text: 'That shows that they work, and not how long they take: leave --smoke out, or give more seconds to a row.',
    },
  ];
}

/** The heading of a run of nothing else. */
export function microHeadline({ micro = [] }: RunResult): string {
  const strategies = new Set(micro.flatMap(({ strategy }) => strategy ?? [])).size;
  return strategies === 0
    ? 'What does each part of the program take by itself?'
    : `What does each operation take by itself? ${plural(strategies, 'strategy').replace(/strategys$/, 'strategies')}`;
}

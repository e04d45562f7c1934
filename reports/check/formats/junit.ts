// What does a check say to what reads JUnit's XML, as GitLab, Jenkins and others do?

import { escapeMarkup } from '../../render/escape.ts';
import type { CheckDocument, CheckRow } from '../document.ts';
import { amount, changeText } from './table.ts';

/** A suite for each contender in each scenario, a case for each metric; the verdict itself is a case of its own. */
export function checkJunit(document: CheckDocument): string {
  const suites = Map.groupBy(document.rows, ({ contender, scenario }) => `${contender} in ${scenario}`);
  const groups: readonly (readonly [string, readonly Case[]])[] = [
    ['verdict', [verdictCase(document)]],
    ...[...suites].map(([name, rows]) => [name, rows.map((row) => caseOf(row, document))] as const),
  ];
  const all = groups.flatMap(([, cases]) => cases);
  const lines = [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="claimbench check"${counts(all)} time="${document.usedSeconds}">`,
    ...groups.flatMap(([name, cases]) => suite(name, cases, document)),
    '</testsuites>',
  ];
  return `${lines.join('\n')}\n`;
}

type Case = {
  readonly name: string;
  readonly state: 'passed' | 'failure' | 'error' | 'skipped';
  readonly message: string;
  readonly text: string;
};

function verdictCase({ verdict, headline }: CheckDocument): Case {
  const state = verdict === 'incorrect' || verdict === 'undecided' ? 'error' : 'passed';
  return { name: 'verdict', state, message: headline, text: headline };
}

function caseOf(row: CheckRow, { causes }: CheckDocument): Case {
  const { label, unit, base, head, verdict, reason, metric } = row;
  const moved = `${amount(base, unit)} to ${amount(head, unit)}, ${changeText(row)}`;
  const state = verdict === 'worse' ? 'failure' : verdict === 'not judged' ? 'skipped' : 'passed';
  const own = causes.filter(({ contender }) => contender === row.contender);
  const text = [
    `${label}: ${moved}; ${verdict}: ${reason}`,
    ...(state === 'failure' ? own.map(({ what, text: cause }) => `${what}: ${cause}`) : []),
  ];
  return { name: `${label} (${metric})`, state, message: `${label} ${moved}`, text: text.join('\n') };
}

function suite(name: string, cases: readonly Case[], { startedAt }: CheckDocument): string[] {
  const attributes = `name="${escapeMarkup(name)}"${counts(cases)} timestamp="${startedAt.slice(0, 19)}"`;
  return [
    `  <testsuite ${attributes}>`,
    ...cases.map(({ name: of, state, message, text }) => {
      const open = `    <testcase name="${escapeMarkup(of)}" classname="${escapeMarkup(name)}"`;
      if (state === 'passed') return `${open}><system-out>${escapeMarkup(text)}</system-out></testcase>`;
      if (state === 'skipped') return `${open}><skipped message="${escapeMarkup(message)}"/></testcase>`;
      return `${open}><${state} message="${escapeMarkup(message)}">${escapeMarkup(text)}</${state}></testcase>`;
    }),
    '  </testsuite>',
  ];
}

function counts(cases: readonly Case[]): string {
  const of = (state: Case['state']): number => cases.filter((one) => one.state === state).length;
  return ` tests="${cases.length}" failures="${of('failure')}" errors="${of('error')}" skipped="${of('skipped')}"`;
}

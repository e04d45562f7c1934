// How does a report become Markdown: compact, with the same tables, and links to the charts' files?

import { BUNDLE } from '../../harness/result/result.ts';
import { MICRO_PANEL } from '../charts/micro.ts';
import { checkTable } from '../check/formats/table.ts';
import { METHOD_NOTES } from '../method-notes.ts';
import { isMicroOnly } from '../micro.ts';
import { plansOf } from '../plans.ts';
import { commandLines, headline, machineLine, panelName, type Report } from '../report.ts';
import { undurable } from '../servers.ts';
import type { Panel } from '../summary.ts';
import { accountingTable, auditTable, generatorTable } from '../tables/audit.ts';
import { bystanderTable } from '../tables/bystander.ts';
import { chanceNote } from '../tables/chance.ts';
import { comparedPairs, comparisonTable } from '../tables/comparison.ts';
import { costTable } from '../tables/cost.ts';
import { declaredTable } from '../tables/fairness.ts';
import { glanceTables } from '../tables/glance.ts';
import { httpTable } from '../tables/http.ts';
import { MICRO_NOTE, microDetails, microTables } from '../tables/micro.ts';
import { serverTables } from '../tables/server.ts';
import { serverTable } from '../tables/server-settings.ts';
import { cellsTable, environmentTable, fairnessTable } from '../tables/settings.ts';
import { survivalTable } from '../tables/survival.ts';
import { verdictTable } from '../tables/verdict.ts';
import { versionsTable } from '../tables/versions.ts';
import { answerBlocks, capacityBlocks } from './capacity-markdown.ts';
import { escapeMarkdown } from './escape.ts';
import { formatInstant, plural } from './format.ts';
import { markdownTable } from './markdown-table.ts';

/** Before all else: what was asked. */
function checkBlocks({ check }: Report): string[] {
  if (check === undefined) return [];
  const lines = [
    ...check.causes.map(({ what, text }) => `Likely cause: ${what}: ${text}`),
    ...check.warnings,
  ];
  return [
    '## What became worse',
    markdownTable(checkTable(check)),
    ...(lines.length === 0 ? [] : [lines.map((line) => `- ${escapeMarkdown(line)}`).join('\n')]),
  ];
}

/** The report as GitHub-flavoured Markdown. */
export function renderMarkdown(report: Report): string {
  const { result } = report.bundle;
  const glance = glanceTables(report.panels);
  const survival = result.capacity === undefined ? survivalTable(result) : undefined;
  const blocks = [
    `# ${escapeMarkdown(headline(report))}`,
    `**${escapeMarkdown(report.verdict.text)}**${undurable(result.environment).length > 0 ? ' · **SERVER NOT DURABLE**' : ''}${result.complete ? '' : ' · **INCOMPLETE RUN**'}`,
    `${formatInstant(result.startedAt)} · ${escapeMarkdown(machineLine(report))}`,
    ...checkBlocks(report),
    ...(survival === undefined ? [] : ['## Survival', markdownTable(survival)]),
    ...answerBlocks(report),
    report.findings
      .map((one) => `- **${escapeMarkdown(one.title)}.** ${escapeMarkdown(one.text)}`)
      .join('\n'),
    ...(glance.length > 0 ? ['## At a glance', ...glance.map(markdownTable)] : []),
    ...report.panels.flatMap((panel) => renderPanel(panel, report)),
    ...capacityBlocks(report),
    ...microBlocks(report),
    '## Environment',
    markdownTable(environmentTable(result)),
    markdownTable(serverTable(result)),
    '## How to run it again',
    // Indented, not fenced: no run of backticks in a name can end it.
    commandLines(report)
      .map((line) => `    ${line.replace(/\s+/g, ' ')}`)
      .join('\n'),
    ...(isMicroOnly(result) ? [] : [markdownTable(cellsTable(result))]),
    '## Method in short',
    METHOD_NOTES.map(([term, meaning]) => `- **${escapeMarkdown(term)}**: ${escapeMarkdown(meaning)}`).join(
      '\n',
    ),
  ];
  return `${blocks.filter((block) => block !== '').join('\n\n')}\n`;
}

function microBlocks({ bundle: { result }, charts }: Report): string[] {
  if (result.micro === undefined) return [];
  return [
    '## Micro-benchmarks',
    escapeMarkdown(MICRO_NOTE),
    charts
      .filter(({ chart }) => chart.panel === MICRO_PANEL)
      .map(({ chart }) => `![${escapeMarkdown(chart.title)}](${BUNDLE.charts}/${chart.id}.svg)`)
      .join('\n'),
    ...[...microTables(result), ...microDetails(result)].map(markdownTable),
  ];
}

function renderPanel(panel: Panel, report: Report): string[] {
  const charts = report.charts.filter(({ chart }) => chart.panel === panel.id);
  const measured = panel.rows.some((row) => row.state === 'measured');
  return [
    `## ${escapeMarkdown(panelName(panel))}`,
    escapeMarkdown(panel.question),
    `Load model: ${escapeMarkdown(panel.load)}`,
    ...(panel.workload === '' ? [] : [`Workload: ${escapeMarkdown(panel.workload)}`]),
    markdownTable(verdictTable(panel)),
    ...[versionsTable(panel, report.bundle.result)].flatMap((table) =>
      table === undefined ? [] : [markdownTable(table)],
    ),
    ...comparisonTables(panel, report),
    charts
      .map(({ chart }) => `![${escapeMarkdown(chart.title)}](${BUNDLE.charts}/${chart.id}.svg)`)
      .join('\n'),
    ...[httpTable(panel)].flatMap((table) => (table === undefined ? [] : [markdownTable(table)])),
    ...(measured ? [markdownTable(costTable(panel))] : []),
    ...[bystanderTable(panel, report.bundle.bystanderHistograms)].flatMap((table) =>
      table === undefined ? [] : [markdownTable(table)],
    ),
    ...(measured ? [...serverTables(panel).map(markdownTable)] : []),
    ...(measured ? planLines(panel, report) : []),
    ...[accountingTable, auditTable, generatorTable, declaredTable, fairnessTable].flatMap((make) => {
      const table = make(panel);
      return table === undefined ? [] : [markdownTable(table)];
    }),
  ];
}

/** Each pair of the panel, and behind them what chance would name among all of the run. */
function comparisonTables(panel: Panel, { bundle: { result } }: Report): string[] {
  const tables = comparedPairs(result.comparisons)
    .filter(
      (pair) =>
        pair.scenario === panel.scenario &&
        panel.rows.some((row) => row.series.contender === pair.head.contender),
    )
    .map((pair) => markdownTable(comparisonTable(pair)));
  const chance = tables.length === 0 ? undefined : chanceNote(result.comparisons);
  return [...tables, ...(chance === undefined ? [] : [escapeMarkdown(`In this run ${chance}`)])];
}

/** How many plans there are, and where: they are too long for this. */
function planLines(panel: Panel, report: Report): string[] {
  const lines = plansOf(panel, report.bundle).map(
    ({ series, plans, flips }) =>
      `- ${escapeMarkdown(series.label)}: ${plural(plans.length, 'plan')} in ${BUNDLE.plans} and ${BUNDLE.html}${flips > 0 ? `, ${plural(flips, 'statement')} with more than one` : ''}`,
  );
  return lines.length === 0 ? [] : [`**Plans as they ran**\n\n${lines.join('\n')}`];
}

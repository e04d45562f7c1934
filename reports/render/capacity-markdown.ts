// How does capacity stand in Markdown? The same words, tables and charts as on the page.

import { BUNDLE } from '../../harness/result/result.ts';
import { answerOf } from '../capacity/answer.ts';
import { type Block, capacitySections, managerBlocks } from '../capacity/sections.ts';
import { CAPACITY_PANEL } from '../capacity/words.ts';
import type { Report } from '../report.ts';
import { escapeMarkdown } from './escape.ts';
import { markdownTable } from './markdown-table.ts';

/** What a manager reads; it stands before the findings. None without capacity. */
export function answerBlocks(report: Report): string[] {
  const { result } = report.bundle;
  if (result.capacity === undefined) return [];
  const { badge, text, facts, doubts } = answerOf(result);
  return [
    '## The answer',
    `**${escapeMarkdown(badge)}.** ${escapeMarkdown(text)}`,
    facts
      .map(
        ({ label, value, remark }) =>
          `- **${escapeMarkdown(label)}: ${escapeMarkdown(value)}** (${escapeMarkdown(remark)})`,
      )
      .join('\n'),
    items(doubts.map((doubt) => doubt.text)),
    ...managerBlocks(result).map((block) => renderBlock(block, report, '###')),
  ];
}

/** What an engineer checks. */
export function capacityBlocks(report: Report): string[] {
  return capacitySections(report.bundle.result).flatMap(({ title, blocks }) => [
    `## ${escapeMarkdown(title)}`,
    ...blocks.map((block) => renderBlock(block, report, '###')),
  ]);
}

function renderBlock(block: Block, { charts }: Report, level: string): string {
  switch (block.kind) {
    case 'heading':
      return `${level} ${escapeMarkdown(block.text)}`;
    case 'text':
      return block.loud === true ? `**${escapeMarkdown(block.text)}**` : escapeMarkdown(block.text);
    case 'list':
      return items(block.items);
    case 'table':
      return markdownTable(block.table);
    case 'charts':
      return charts
        .filter(
          ({ chart }) =>
            chart.panel === CAPACITY_PANEL && (chart.id === block.id || chart.id.startsWith(`${block.id}-`)),
        )
        .map(({ chart }) => `![${escapeMarkdown(chart.title)}](${BUNDLE.charts}/${chart.id}.svg)`)
        .join('\n');
  }
}

function items(list: readonly string[]): string {
  return list.map((item) => `- ${escapeMarkdown(item)}`).join('\n');
}

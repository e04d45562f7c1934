// How does a comparison become Markdown, for a job summary or a pull request?

import type { ComparisonDocument } from '../../compare/document.ts';
import { comparedPairs, comparisonTable, pairVerdict } from '../../tables/comparison.ts';
import { escapeMarkdown } from '../escape.ts';
import { formatInstant } from '../format.ts';
import { markdownTable } from '../markdown-table.ts';
import { headlineOf, marksOf } from './words.ts';

/** Verdicts first, then every pair's table. */
export function comparisonMarkdown(document: ComparisonDocument): string {
  const pairs = comparedPairs(document.comparisons);
  const origins = [document.base, document.head].map(
    ({ bundle, runId, startedAt, claimbenchVersion }, i) =>
      `${i === 0 ? 'Base' : 'Head'}: ${bundle} · run ${runId} · ${formatInstant(startedAt)} · claimbench ${claimbenchVersion}`,
  );
  const blocks = [
    `# ${escapeMarkdown(headlineOf(document))}`,
    marksOf(document)
      .map((mark) => `- **${escapeMarkdown(mark)}**`)
      .join('\n'),
    pairs
      .map((pair) => {
        const { text } = pairVerdict(pair);
        return `- ${escapeMarkdown(`${pair.scenario}, ${pair.head.contender} against ${pair.base.contender}`)}: **${escapeMarkdown(text)}**`;
      })
      .join('\n'),
    // Before the tables: many a reader sees no further than the first lines of a job summary.
    document.caveats.length === 0
      ? ''
      : `What weakens these verdicts:\n\n${document.caveats.map((caveat) => `- ${escapeMarkdown(caveat)}`).join('\n')}`,
    ...pairs.map((pair) => markdownTable(comparisonTable(pair))),
    [...new Set(origins)].map((line) => `- ${escapeMarkdown(line)}`).join('\n'),
  ];
  return `${blocks.filter((block) => block !== '').join('\n\n')}\n`;
}

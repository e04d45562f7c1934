// What does a check say in a job's summary or a comment of a pull request? The verdict first.

import { escapeMarkdown } from '../../render/escape.ts';
import { markdownTable } from '../../render/markdown-table.ts';
import type { CheckDocument } from '../document.ts';
import { checkTable } from './table.ts';

/** GitHub-flavoured Markdown, with a line break at its end. The picture lies beside it: where it is not uploaded, its words stand in. */
export function checkMarkdown(document: CheckDocument): string {
  const { environment, blocks, causes, warnings } = document;
  const list = (lines: readonly string[]): string =>
    lines.map((line) => `- ${escapeMarkdown(line)}`).join('\n');
  return `${[
    `## ${escapeMarkdown(document.headline)}`,
    ...(causes.length === 0
      ? []
      : [`**Likely cause**\n\n${list(causes.map(({ what, text }) => `${what}: ${text}`))}`]),
    `![Change of each metric from base to head](check.svg)`,
    markdownTable(checkTable(document)),
    ...(warnings.length === 0 ? [] : [`**Warnings**\n\n${list(warnings)}`]),
    `${blocks.valid} of ${blocks.measured} blocks valid in ${document.usedSeconds} s; ${escapeMarkdown(
      `${environment.server}, ${environment.cores} cores of ${environment.cpuModel}, ${environment.os}, Node.js ${environment.node}`,
    )}${environment.durable ? '' : ', **not durable**'}.`,
    `To measure it again:\n\n\`\`\`sh\n${document.reproduce}\n\`\`\``,
  ].join('\n\n')}\n`;
}

// What does the rest of the project ask of a history? Lines in; a document, files and text out.

import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type HistorySeries, historyOf, inOrder } from './history.ts';
import type { HistoryLine } from './line.ts';
import { historyHtml, historyMarkdown } from './render.ts';

export { readResult } from '../bundle.ts';
export type { HistorySeries } from './history.ts';
export { type HistoryLine, lineOf, readLines } from './line.ts';
export { historyTerminal } from './terminal.ts';

/** The series of the newest lines, all without a number; of metrics by their paths, all without any. */
export function historyDocument(
  lines: readonly HistoryLine[],
  { last, metrics }: { readonly last?: number | undefined; readonly metrics?: readonly string[] | undefined },
): HistorySeries[] {
  const series = historyOf(last === undefined ? lines : inOrder(lines).slice(-last));
  return metrics === undefined ? series : series.filter(({ metric }) => metrics.includes(metric));
}

/** Writes DIR/history.json, .md and .html over older ones; DIR must be there. Resolves to the files. */
export async function writeHistory(
  dir: string,
  series: readonly HistorySeries[],
  version: string,
): Promise<readonly string[]> {
  const files = {
    'history.json': `${JSON.stringify(series, null, 2)}\n`,
    'history.md': historyMarkdown(series),
    'history.html': await historyHtml(series, version),
  };
  for (const [name, text] of Object.entries(files)) await writeFile(path.join(dir, name), text);
  return Object.keys(files).map((name) => path.join(dir, name));
}

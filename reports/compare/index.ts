// What does the rest of the project ask of a comparison? Bundles in; text, Markdown, HTML and data out.

import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { effectsChart } from '../charts/effects.ts';
import { comparisonHtml } from '../render/comparison/html.ts';
import { comparisonMarkdown } from '../render/comparison/markdown.ts';
import { drawChart } from '../render/svg.ts';
import type { DrawnChart } from '../report.ts';
import { comparedPairs, repeatsText } from '../tables/comparison.ts';
import type { ComparisonDocument } from './document.ts';

export { comparisonMarkdown } from '../render/comparison/markdown.ts';
export { comparisonTerminal } from '../render/comparison/terminal.ts';
export { type CompareRequest, type ComparisonDocument, compareBundles, comparisonsOf } from './document.ts';

/** Writes DIR/compare.json, DIR/compare.md and DIR/compare.html, over older ones; DIR must be there. Resolves to the files. */
export async function writeComparison(dir: string, document: ComparisonDocument): Promise<readonly string[]> {
  const charts = new Map<number, DrawnChart>();
  for (const [i, pair] of comparedPairs(document.comparisons).entries()) {
    const subtitle = `${pair.scenario} · ${repeatsText(pair)}${document.forced.length > 0 ? ' · FORCED: NOT COMPARABLE' : ''}`;
    const chart = effectsChart(pair, `effects-${i + 1}`, `pair-${i + 1}`, subtitle);
    if (chart !== undefined) charts.set(i, { chart, picture: await drawChart(chart) });
  }
  const files = {
    'compare.json': `${JSON.stringify(document, null, 2)}\n`,
    'compare.md': comparisonMarkdown(document),
    'compare.html': comparisonHtml(document, charts),
  };
  for (const [name, text] of Object.entries(files)) await writeFile(path.join(dir, name), text);
  return Object.keys(files).map((name) => path.join(dir, name));
}

// What does the rest of the project ask of reports? A bundle's folder in, its report's files out.

import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { BUNDLE } from '../harness/result/result.ts';
import { readBundle } from './bundle.ts';
import { capacityTerminal } from './render/capacity-terminal.ts';
import { comparisonLines } from './render/comparison/terminal.ts';
import { renderHtml } from './render/html/page.ts';
import { renderMarkdown } from './render/markdown.ts';
import { microTerminal } from './render/micro-terminal.ts';
import { standaloneSvg } from './render/svg.ts';
import { type TerminalOptions, terminalTable } from './render/terminal.ts';
import { composeReport, panelName } from './report.ts';

/** Paths of the files that were written, `dir` included. */
export type RenderedFiles = {
  readonly html: string;
  readonly markdown: string;
  readonly charts: string[];
};

/**
 * Renders a bundle: reads DIR/result.json, DIR/samples.ndjson and DIR/histograms/, writes DIR/report.html,
 * DIR/report.md and DIR/charts/*.svg. The same bundle gives the same bytes, whenever and wherever it is rendered.
 *
 * @throws {BundleError} when the bundle is missing a file or holds a malformed one; nothing is written then. What the file
 * system refuses rejects with its own error.
 */
export async function renderBundle(dir: string): Promise<RenderedFiles> {
  const report = await composeReport(await readBundle(dir));
  const files = {
    html: path.join(dir, BUNDLE.html),
    markdown: path.join(dir, BUNDLE.markdown),
    charts: [] as string[],
  };
  const page = renderHtml(report);
  const charts = path.join(dir, BUNDLE.charts);
  // Not recursive: that form never answers where a parent cannot be written.
  if (!existsSync(charts)) await mkdir(charts);
  for (const { chart, picture } of report.charts) {
    const panel = report.panels.find((one) => one.id === chart.panel);
    const file = path.join(dir, BUNDLE.charts, `${chart.id}.svg`);
    await writeFile(
      file,
      standaloneSvg(
        chart,
        picture,
        panel === undefined
          ? chart.kind === 'capacity'
            ? 'Capacity'
            : 'Micro-benchmarks'
          : panelName(panel),
      ),
    );
    files.charts.push(file);
  }
  await writeFile(files.markdown, renderMarkdown(report));
  await writeFile(files.html, page);
  return files;
}

/**
 * The table that ends a run, from its bundle, without a line break at its end.
 *
 * @throws {BundleError} as `renderBundle` does.
 */
export async function bundleTable(
  dir: string,
  options: Omit<TerminalOptions, 'histograms'>,
): Promise<string> {
  const { result, histograms } = await readBundle(dir);
  if (result.capacity !== undefined) return capacityTerminal(result, options);
  const compared = comparisonLines(result.comparisons, options);
  return [microTerminal(result, options), terminalTable(result, { ...options, histograms }), compared]
    .filter((part) => part !== '')
    .join('\n\n');
}

// Which files does a check leave, and how is each made?

import type { CheckDocument } from '../document.ts';
import { checkSvg } from './chart.ts';
import { checkJunit } from './junit.ts';
import { checkMarkdown } from './markdown.ts';
import { bencherMetrics, githubActionBenchmark, otavaCsv } from './trackers.ts';

/** A file of a check's folder. */
export type CheckFile = {
  readonly name: string;
  readonly write: (document: CheckDocument) => string | Promise<string>;
};

export const CHECK_FILES: readonly CheckFile[] = [
  { name: 'check.json', write: (document) => `${JSON.stringify(document, null, 2)}\n` },
  { name: 'check.md', write: checkMarkdown },
  { name: 'check.svg', write: checkSvg },
  { name: 'junit.xml', write: checkJunit },
  {
    name: 'github-action-benchmark.smaller.json',
    write: (document) => githubActionBenchmark(document, 'lower'),
  },
  {
    name: 'github-action-benchmark.bigger.json',
    write: (document) => githubActionBenchmark(document, 'higher'),
  },
  { name: 'bmf.json', write: bencherMetrics },
  { name: 'otava.csv', write: otavaCsv },
];

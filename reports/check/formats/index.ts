// Which files does a check leave, and how is each made?

import type { CheckDocument } from '../document.ts';
import { checkMarkdown } from './markdown.ts';

/** A file of a check's folder. */
export type CheckFile = {
  readonly name: string;
  readonly write: (document: CheckDocument) => string | Promise<string>;
};

export const CHECK_FILES: readonly CheckFile[] = [
  { name: 'check.json', write: (document) => `${JSON.stringify(document, null, 2)}\n` },
  { name: 'check.md', write: checkMarkdown },
];

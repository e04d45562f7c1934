// What does the rest of the project ask of checks? A bundle's folder in, the document out, and files for whoever reads them.

import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { BundleError, readBundle } from '../bundle.ts';
import { checkDocument } from './check.ts';
import type { CheckDocument } from './document.ts';
import { CHECK_FILES } from './formats/index.ts';

export { readResult } from '../bundle.ts';
export { baselineOf } from './baseline.ts';
export type { CheckDocument } from './document.ts';
export { checkAnnotations } from './formats/annotations.ts';
export { checkMarkdown } from './formats/markdown.ts';
export { checkTerminal } from './formats/terminal.ts';

/** Folder of a check's files in its bundle. */
const FOLDER = 'check';

/** @throws {BundleError} for a folder that holds no bundle of a check against a base. */
export async function readCheck(dir: string): Promise<CheckDocument> {
  const document = await readCheckIfAny(dir);
  if (document !== undefined) return document;
  throw new BundleError(`${dir} holds no check; give the folder that claimbench check wrote with --out`);
}

/** Undefined for the bundle of any other run. @throws {BundleError} for a folder that holds no bundle. */
export async function readCheckIfAny(dir: string): Promise<CheckDocument | undefined> {
  const bundle = await readBundle(dir);
  return bundle.result.check?.base === undefined ? undefined : checkDocument(bundle);
}

/** Writes every format into DIR/check; resolves to the paths. */
export async function writeCheck(dir: string, document: CheckDocument): Promise<readonly string[]> {
  const folder = path.join(dir, FOLDER);
  await mkdir(folder, { recursive: true });
  const written: string[] = [];
  for (const { name, write } of CHECK_FILES) {
    const file = path.join(folder, name);
    await writeFile(file, await write(document));
    written.push(file);
  }
  return written;
}

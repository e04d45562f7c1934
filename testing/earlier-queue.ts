// How does one run the queue as it was at an earlier commit, beside the present one?

import { execFile } from 'node:child_process';
import { mkdir, symlink } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

const ROOT = path.resolve(import.meta.dirname, '..');
const run = promisify(execFile);

/** The last commit whose queue had none of the features, nor a version of its schema. */
export const BEFORE_FEATURES = '8b9a178';

/**
 * Writes `queue/` as it was at `commit` into the folder `into`, over the packages of this checkout, and touches nothing of the
 * latter. Rejects where the history does not reach so far, as in a shallow clone.
 */
export async function earlierQueue(commit: string, into: string): Promise<void> {
  await mkdir(into, { recursive: true });
  const archive = path.join(into, 'queue.tar');
  await run('git', [
    ...['-C', ROOT, 'archive', '--output', archive],
    ...[commit, 'queue', 'package.json', 'tsconfig.json'],
  ]);
  await run('tar', ['-xf', archive, '-C', into]);
  await symlink(path.join(ROOT, 'node_modules'), path.join(into, 'node_modules'));
}

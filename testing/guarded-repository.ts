// The small repository of examples/guarded, made in a folder as its team has it: committed, with claimbench installed.

import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '..');
const EXAMPLE = join(ROOT, 'examples/guarded');
/** By what they are called there: a package.json here would be that of a package within this one. */
const FILES = {
  'strategy.ts': 'strategy.ts',
  'package.example.json': 'package.json',
  'claimbench.config.ts': 'claimbench.config.ts',
  'backlog.yaml': 'backlog.yaml',
};
const AUTHOR = ['-c', 'user.name=Author', '-c', 'user.email=author@example.org'];

/** Makes it in an empty or missing folder, with the patch of a pull request in its working tree, where one is named. */
export function makeGuardedRepository(folder: string, pull?: string): void {
  mkdirSync(join(folder, 'node_modules'), { recursive: true });
  for (const [file, name] of Object.entries(FILES)) copyFileSync(join(EXAMPLE, file), join(folder, name));
  writeFileSync(join(folder, '.gitignore'), 'node_modules\nout\n');
  symlinkSync(ROOT, join(folder, 'node_modules/claimbench'), 'dir');
  const git = (...words: readonly string[]): void => {
    execFileSync('git', [...AUTHOR, ...words], { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  };
  git('init', '--quiet', '--initial-branch=main');
  git('add', '.');
  git('commit', '--quiet', '--message', 'Add a queue');
  if (pull !== undefined) git('apply', join(EXAMPLE, 'pulls', `${pull}.patch`));
}

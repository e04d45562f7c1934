// What does git say of a folder and of a ref?

import { RuntimeFailure } from '../../harness/errors.ts';
import { runProgram } from './run-program.ts';

const TIMEOUT_MS = 120_000;

export interface Repository {
  /** Its top folder. */
  readonly top: string;
  /** The commit that the working tree stands on, and whether files differ from it; absent before the first commit. */
  readonly commit: string | undefined;
  readonly changed: boolean;
}

/** Output of git without its last line break; undefined when git fails, or is not there. */
async function git(cwd: string, ...words: readonly string[]): Promise<string | undefined> {
  const { ok, stdout } = await runProgram('git', words, { cwd, timeoutMs: TIMEOUT_MS });
  return ok ? stdout.trimEnd() : undefined;
}

/** The repository that a folder lies in; undefined where it lies in none. */
export async function repositoryOf(folder: string): Promise<Repository | undefined> {
  const top = await git(folder, 'rev-parse', '--show-toplevel');
  if (top === undefined) return undefined;
  const commit = await git(folder, 'rev-parse', '--verify', '--quiet', 'HEAD^{commit}');
  const status = await git(folder, 'status', '--porcelain', '--untracked-files=normal', '--', '.');
  return { top, commit, changed: status !== '' };
}

/** The commit of a ref. @throws RuntimeFailure for one that is not there, with the mend. */
export async function commitOf(ref: string, { top }: Repository): Promise<string> {
  if (ref.startsWith('-')) throw new RuntimeFailure(`--base ${ref}: this is no name of a commit`);
  const commit = await git(top, 'rev-parse', '--verify', '--quiet', '--end-of-options', `${ref}^{commit}`);
  if (commit !== undefined) return commit;
  const shallow = (await git(top, 'rev-parse', '--is-shallow-repository')) === 'true';
  throw new RuntimeFailure(
    shallow
      ? `--base ${ref}: this clone is shallow and does not have it: run git fetch --depth=1 origin ${ref.replace(/^origin\//, '')} and give FETCH_HEAD, or check out with the whole history (fetch-depth: 0)`
      : `--base ${ref}: git knows no such commit, branch or tag: fetch it, or see git branch --all`,
  );
}

/** Puts the files of a commit into `folder`. @throws RuntimeFailure with what git says. */
export async function addWorktree(folder: string, commit: string, { top }: Repository): Promise<void> {
  // Forgets those whose folders are gone, as of a check that was killed.
  await git(top, 'worktree', 'prune');
  const added = await runProgram('git', ['worktree', 'add', '--detach', folder, commit], {
    ...{ cwd: top, timeoutMs: TIMEOUT_MS },
  });
  if (!added.ok)
    throw new RuntimeFailure(`the base could not be checked out (git worktree add): ${added.failure}`);
}

export async function removeWorktree(folder: string, { top }: Repository): Promise<void> {
  await git(top, 'worktree', 'remove', '--force', folder);
}

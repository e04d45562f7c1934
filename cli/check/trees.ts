// Which code is the base, which is the head, and where does each lie?

import { cpSync, existsSync, readFileSync, realpathSync, statSync, symlinkSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import type { ContenderSpec } from '../../harness/contender.ts';
import { contendersOf, definitionOf } from '../../harness/contenders/index.ts';
import { oneLine, RuntimeFailure, UsageError } from '../../harness/errors.ts';
import type { CheckedTree } from '../../harness/result/result.ts';
import {
  makePrivateFolder,
  removeFolder,
  startWatchdog,
  sweepLeftovers,
} from '../../harness/server/private-folder.ts';
import { prepareDependencies } from './dependencies.ts';
import { addWorktree, commitOf, type Repository, removeWorktree, repositoryOf } from './git.ts';
import { runProgram } from './run-program.ts';

const INSTALL_MS = 600_000;
const OWN_ROOT = resolve(import.meta.dirname, '../..');

/** One side's code. */
export interface Tree {
  readonly told: CheckedTree;
  /** The folder that paths of contenders count from. */
  readonly folder: string;
  /** Where its claimbench lies, whose built-in contenders are measured: itself, or in its node_modules; absent: this one. */
  readonly claimbench: string | undefined;
}

/** The working tree: the folder that the command runs in. */
export async function headTree(): Promise<Tree> {
  const folder = process.cwd();
  const repository = await repositoryOf(folder);
  return {
    told: { kind: 'tree', label: 'the working tree', ...commitWords(repository) },
    ...{ folder, claimbench: claimbenchOf(folder) },
  };
}

function commitWords(repository: Repository | undefined): Pick<CheckedTree, 'commit' | 'changed'> {
  if (repository?.commit === undefined) return {};
  return { commit: repository.commit, changed: repository.changed };
}

export interface OpenTree extends Tree, AsyncDisposable {}

/** Of a claimbench; what it does not need is large, or changes while it is copied. */
const NOT_COPIED = new Set(['node_modules', '.git', 'out', 'dist']);

/**
 * The head as it is now, to be set beside `base`. Where the base brings a claimbench of its own, the head's is copied: so both are loaded in the
 * same way, from beside the harness, and an edit of the working tree in mid-check is not measured as if it had been there from the start.
 */
export async function besideBase(head: Tree, base: Pick<Tree, 'claimbench'> | undefined): Promise<OpenTree> {
  if (base?.claimbench === undefined) return { ...head, async [Symbol.asyncDispose]() {} };
  await using opening = new AsyncDisposableStack();
  const claimbench = await copied(head.claimbench ?? OWN_ROOT, opening);
  const opened = opening.move();
  return { ...head, claimbench, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

/** A claimbench in node_modules would be compiled as it is loaded, and one beside it not. */
async function loose(tree: OpenTree): Promise<OpenTree> {
  if (tree.claimbench?.includes(`${sep}node_modules${sep}`) !== true) return tree;
  await using opening = new AsyncDisposableStack();
  opening.use(tree);
  const claimbench = await copied(tree.claimbench, opening);
  const opened = opening.move();
  return { ...tree, claimbench, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

async function copied(from: string, stack: AsyncDisposableStack): Promise<string> {
  const folder = join(await privateFolder(stack), 'claimbench');
  cpSync(from, folder, { recursive: true, filter: (path) => !NOT_COPIED.has(relative(from, path)) });
  const modules = modulesOf(from);
  if (modules !== undefined) symlinkSync(modules, join(folder, 'node_modules'), 'dir');
  return folder;
}

/** Where a claimbench finds its dependencies: its own, or those that it lies among. */
function modulesOf(root: string): string | undefined {
  return ancestors(root)
    .map((above) => (basename(above) === 'node_modules' ? above : join(above, 'node_modules')))
    .find((folder) => existsSync(join(folder, 'pg')));
}

/**
 * The base as it was asked for: `npm:SPEC` a published version, a path of a folder, or whatever git takes for a commit. A commit
 * is checked out into a folder of its own, which goes with the disposal, and when this process is killed.
 * @throws RuntimeFailure for a base that is not there or cannot be made ready.
 */
export async function openBase(asked: string, head: Tree, setup: string | undefined): Promise<OpenTree> {
  if (asked.startsWith('npm:')) return await loose(await published(asked.slice('npm:'.length)));
  if (/^[./~]/.test(asked) || isAbsolute(asked)) return await loose(await inFolder(asked, head, setup));
  return await loose(await checkedOut(asked, head, setup));
}

async function inFolder(asked: string, head: Tree, setup: string | undefined): Promise<OpenTree> {
  const folder = resolve(asked);
  if (!existsSync(folder) || !statSync(folder).isDirectory())
    throw new RuntimeFailure(`--base ${asked}: there is no such folder`);
  if (realpathSync(folder) === realpathSync(head.folder))
    throw new UsageError(`--base ${asked} is the working tree itself: give another folder, or HEAD`);
  // A folder of the user's is left as it is, but for what its own setup does.
  const dependencies =
    setup === undefined ? undefined : await prepareDependencies(folder, head.folder, setup);
  const repository = await repositoryOf(folder);
  return {
    told: { kind: 'tree', label: asked, ...commitWords(repository), ...(dependencies && { dependencies }) },
    ...{ folder, claimbench: claimbenchOf(folder) },
    async [Symbol.asyncDispose]() {},
  };
}

async function checkedOut(asked: string, head: Tree, setup: string | undefined): Promise<OpenTree> {
  const repository = await repositoryOf(head.folder);
  if (repository === undefined)
    throw new RuntimeFailure(
      `--base ${asked}: ${head.folder} lies in no git repository: give a folder, npm:<package>@<version>, or --baseline`,
    );
  const commit = await commitOf(asked, repository);
  await using opening = new AsyncDisposableStack();
  const top = join(await privateFolder(opening), 'base');
  opening.defer(() => removeWorktree(top, repository));
  await addWorktree(top, commit, repository);
  const folder = join(top, relative(realpathSync(repository.top), realpathSync(head.folder)));
  if (!existsSync(folder))
    throw new RuntimeFailure(`--base ${asked} has no folder ${relative(repository.top, head.folder)}`);
  const dependencies = await prepareDependencies(folder, head.folder, setup);
  const opened = opening.move();
  return {
    told: { kind: 'ref', label: asked, commit, changed: false, ...(dependencies && { dependencies }) },
    ...{ folder, claimbench: claimbenchOf(folder) },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

async function published(asked: string): Promise<OpenTree> {
  await using opening = new AsyncDisposableStack();
  const folder = await privateFolder(opening);
  await writeFile(
    join(folder, 'package.json'),
    JSON.stringify({ name: 'base', private: true, type: 'module' }),
  );
  const name = asked.replace(/(?<=.)@.*$/, '');
  process.stderr.write(`claimbench: making the base ready: npm install ${asked}\n`);
  const { ok, failure } = await runProgram(
    'npm',
    ['install', '--no-audit', '--no-fund', '--prefix', folder, asked],
    {
      ...{ cwd: folder, timeoutMs: INSTALL_MS },
    },
  );
  if (!ok) throw new RuntimeFailure(`--base npm:${asked} could not be installed: ${failure}`);
  const dependency = Object.keys(dependenciesOf(folder))[0] ?? name;
  const root = join(folder, 'node_modules', dependency);
  const opened = opening.move();
  return {
    told: { kind: 'version', label: `${dependency} ${versionOf(root)}`, dependencies: 'by npm install' },
    ...{ folder: root, claimbench: claimbenchOf(root) },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

/** Goes with the stack, and by its watchdog when this process is killed. */
async function privateFolder(stack: AsyncDisposableStack): Promise<string> {
  const base = tmpdir();
  await mkdir(base, { recursive: true });
  await sweepLeftovers(base);
  const folder = await makePrivateFolder(base, undefined);
  const watchdog = startWatchdog(folder, undefined);
  stack.defer(async () => {
    await removeFolder(folder);
    watchdog.dismiss();
  });
  return folder;
}

/** The claimbench of a folder: the folder itself, or what it has installed. This very one is no other. */
function claimbenchOf(folder: string): string | undefined {
  const places = [folder, ...ancestors(folder).map((above) => join(above, 'node_modules/claimbench'))];
  const found = places.find((place) => packageOf(place)['name'] === 'claimbench');
  if (found === undefined || realpathSync(found) === realpathSync(OWN_ROOT)) return undefined;
  return realpathSync(found);
}

function ancestors(folder: string): string[] {
  const above = dirname(folder);
  return above === folder ? [folder] : [folder, ...ancestors(above)];
}

function packageOf(folder: string): Record<string, unknown> {
  try {
    return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  } catch {
    return {};
  }
}

function dependenciesOf(folder: string): Record<string, unknown> {
  const { dependencies } = packageOf(folder);
  return typeof dependencies === 'object' && dependencies !== null ? { ...dependencies } : {};
}

function versionOf(folder: string): string {
  const { version } = packageOf(folder);
  return typeof version === 'string' ? version : 'of no version';
}

/**
 * A contender of the head as the other side has it: the same file, or the same name of its claimbench; undefined where that
 * side has none of it. @throws RuntimeFailure for one that is there and cannot be loaded.
 */
export async function contenderIn(
  tree: Tree,
  spec: ContenderSpec,
  head: Tree,
): Promise<ContenderSpec | undefined> {
  const { source } = spec;
  if (source.kind === 'file') {
    const path = join(tree.folder, relative(head.folder, source.path));
    if (!existsSync(path)) return undefined;
    const found: ContenderSpec = { ...spec, source: { kind: 'file', path } };
    try {
      await definitionOf(found);
    } catch (error) {
      // Its folder may be one of ours, which is gone when this is read.
      const said = oneLine(error).replaceAll(path, source.path);
      throw new RuntimeFailure(`${tree.told.label}: ${said}`, { cause: error });
    }
    return found;
  }
  if (tree.claimbench === undefined) return spec;
  const known = await registryOf(tree, tree.claimbench);
  if (!known.some(({ name }) => name === source.name)) return undefined;
  return { ...spec, source: { ...source, tree: tree.claimbench } };
}

/** Failures name the side as the user knows it: its folder may be one of ours that is gone by then. */
async function registryOf({ told }: Tree, claimbench: string): ReturnType<typeof contendersOf> {
  try {
    return await contendersOf(claimbench);
  } catch (error) {
    throw new RuntimeFailure(oneLine(error).replaceAll(claimbench, told.label), { cause: error });
  }
}

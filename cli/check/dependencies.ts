// How does the code of a base come by its dependencies?

import { existsSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { RuntimeFailure } from '../../harness/errors.ts';
import { runProgram } from './run-program.ts';

const TIMEOUT_MS = 600_000;

/** Lock files, with what installs from each. */
const MANAGERS: readonly { readonly lock: string; readonly words: readonly [string, ...string[]] }[] = [
  { lock: 'package-lock.json', words: ['npm', 'ci', '--no-audit', '--no-fund'] },
  { lock: 'npm-shrinkwrap.json', words: ['npm', 'ci', '--no-audit', '--no-fund'] },
  { lock: 'pnpm-lock.yaml', words: ['pnpm', 'install', '--frozen-lockfile'] },
  { lock: 'yarn.lock', words: ['yarn', 'install', '--immutable'] },
];

const packageSchema = z.looseObject({
  workspaces: z.unknown().optional(),
  dependencies: z.record(z.string(), z.string()).optional(),
  devDependencies: z.record(z.string(), z.string()).optional(),
  optionalDependencies: z.record(z.string(), z.string()).optional(),
  peerDependencies: z.record(z.string(), z.string()).optional(),
  overrides: z.unknown().optional(),
});

/**
 * Makes the folder of a base ready to be imported from, and says how. `setup`, where it is given, is run by a shell in it.
 * Else: nothing without a package.json; the head's node_modules when both lock the same; else what its lock file is of.
 * @throws RuntimeFailure when it cannot be made ready.
 */
export async function prepareDependencies(
  base: string,
  head: string,
  setup: string | undefined,
): Promise<string | undefined> {
  if (setup !== undefined) {
    await carryOut(base, 'sh', ['-c', setup], setup);
    return `by ${setup}`;
  }
  if (!existsSync(join(base, 'package.json')) || existsSync(join(base, 'node_modules'))) return undefined;
  if (lockTheSame(base, head)) {
    symlinkSync(join(head, 'node_modules'), join(base, 'node_modules'), 'dir');
    return 'those of the working tree: both lock the same';
  }
  const manager = MANAGERS.find(({ lock }) => existsSync(join(base, lock)));
  const [program, ...words] = manager?.words ?? [
    'npm',
    'install',
    '--no-audit',
    '--no-fund',
    '--no-package-lock',
  ];
  const said = [program, ...words].join(' ');
  await carryOut(base, program, words, said);
  return `by ${said}`;
}

async function carryOut(cwd: string, program: string, words: readonly string[], said: string): Promise<void> {
  process.stderr.write(`claimbench: making the base ready: ${said}\n`);
  const { ok, failure } = await runProgram(program, words, { cwd, timeoutMs: TIMEOUT_MS });
  if (!ok)
    throw new RuntimeFailure(
      `the base could not be made ready: ${said}: ${failure.replaceAll(`${cwd}/`, '')}; give what does it as check.setup in claimbench.config.ts, or take another --base`,
    );
}

/** Whether what is installed for one is right for the other: workspaces are links into one of them. */
function lockTheSame(base: string, head: string): boolean {
  if (!existsSync(join(head, 'node_modules'))) return false;
  const [from, to] = [readPackage(base), readPackage(head)];
  if (from === undefined || to === undefined || from.workspaces !== undefined || to.workspaces !== undefined)
    return false;
  const needs = ({
    dependencies,
    devDependencies,
    optionalDependencies,
    peerDependencies,
    overrides,
  }: typeof from) =>
    JSON.stringify([dependencies, devDependencies, optionalDependencies, peerDependencies, overrides]);
  if (needs(from) !== needs(to)) return false;
  return MANAGERS.every(({ lock }) => contentOf(join(base, lock)) === contentOf(join(head, lock)));
}

function readPackage(folder: string): z.infer<typeof packageSchema> | undefined {
  const text = contentOf(join(folder, 'package.json'));
  if (text === undefined) return undefined;
  try {
    return packageSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

function contentOf(file: string): string | undefined {
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}

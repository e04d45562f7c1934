// `claimbench init ci`: which files make a forge check each change of a queue, and where do they go?

import { existsSync } from 'node:fs';
import { copyFile, mkdir } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { Command, Option } from 'commander';
import { z } from 'zod';
import { oneLine, RuntimeFailure, UsageError } from '../../harness/errors.ts';
import { repositoryOf } from '../check/git.ts';
import { runProgram } from '../check/run-program.ts';
import { EXIT } from '../exit.ts';

const TEMPLATES = join(import.meta.dirname, '../templates');
const GIT_TIMEOUT_MS = 10_000;

const optionsSchema = z.object({
  github: z.boolean().optional(),
  gitlab: z.boolean().optional(),
  force: z.boolean().optional(),
});
type Options = z.infer<typeof optionsSchema>;

type Forge = 'github' | 'gitlab';

/** What a forge reads, from the top of a repository; and what is left to do, where the queue lies in `folder` below it. */
const WORKFLOWS: Readonly<
  Record<Forge, { readonly file: string; readonly next: (folder: string) => readonly string[] }>
> = {
  github: {
    file: '.github/workflows/claimbench.yml',
    next: (folder) => [
      ...(folder === ''
        ? []
        : [
            `in the workflow, put ${folder} for each working-directory, and ./${folder}/node_modules/claimbench for the action`,
          ]),
      'have claimbench among the devDependencies (npm install --save-dev claimbench)',
      'commit, and open a pull request',
    ],
  },
  gitlab: {
    file: '.gitlab-ci.claimbench.yml',
    next: (folder) => [
      ...(folder === ''
        ? []
        : [
            `in the job, begin the script with cd ${folder}, and put ${folder}/ before the paths of its artifacts`,
          ]),
      'have claimbench among the devDependencies (npm install --save-dev claimbench)',
      'add to .gitlab-ci.yml: include: [{ local: /.gitlab-ci.claimbench.yml }]',
      'commit, and open a merge request',
    ],
  },
};

const CONFIG = 'claimbench.config.ts';
/** Any of these is a configuration that a check reads. */
const CONFIGS = [CONFIG, 'claimbench.config.mjs', 'claimbench.config.js', 'claimbench.config.json'];

const HELP = `
Without --github or --gitlab the remotes of git tell the forge; where they do not, it is GitHub. A configuration that is there
is kept, with --force too.

Examples:
  claimbench init ci
  claimbench init ci --gitlab --force

Exit codes: 0 written, 1 usage (the workflow is there already), 2 failure: a folder that cannot be written.`;

export function initCommand(done: (code: number) => void): Command {
  const command = new Command('init').description('write files to begin with');
  command
    .command('ci')
    .description('write a workflow that checks each pull request, and a configuration where there is none')
    .addOption(new Option('--github', 'a workflow of GitHub Actions').conflicts('gitlab'))
    .option('--gitlab', 'a file to include in .gitlab-ci.yml')
    .option('--force', 'write the workflow anew where it is there')
    .addHelpText('after', HELP)
    .exitOverride()
    .action(async (raw: unknown) => {
      await writeCi(optionsSchema.parse(raw), process.cwd());
      done(EXIT.ok);
    });
  return command;
}

/** @throws UsageError, with nothing written, where the workflow is there and may not be replaced. */
async function writeCi(options: Options, folder: string): Promise<void> {
  const top = (await repositoryOf(folder))?.top ?? folder;
  const forge = await forgeOf(options, folder);
  const { file, next } = WORKFLOWS[forge];
  const workflow = join(top, file);
  if (existsSync(workflow) && options.force !== true)
    throw new UsageError(`${shown(workflow, folder)} is there already: give --force to write it anew`);
  await write(`${forge}.yml`, workflow, folder);
  const config = CONFIGS.find((name) => existsSync(join(folder, name)));
  if (config === undefined) await write(CONFIG, join(folder, CONFIG), folder);
  else process.stdout.write(`kept ${config}\n`);
  process.stdout.write(`\nNext:\n${numbered(next(relative(top, folder)))}\n`);
}

async function write(template: string, file: string, folder: string): Promise<void> {
  try {
    await mkdir(dirname(file), { recursive: true });
    await copyFile(join(TEMPLATES, template), file);
  } catch (error) {
    throw new RuntimeFailure(`${shown(file, folder)} could not be written: ${oneLine(error)}`, {
      cause: error,
    });
  }
  process.stdout.write(`wrote ${shown(file, folder)}\n`);
}

/** As it was asked for; else where the repository is pushed to. */
async function forgeOf({ github, gitlab }: Options, folder: string): Promise<Forge> {
  if (gitlab === true) return 'gitlab';
  if (github === true) return 'github';
  const { stdout } = await runProgram('git', ['remote', '-v'], { cwd: folder, timeoutMs: GIT_TIMEOUT_MS });
  return forgeOfRemotes(stdout);
}

/**
 * By the hosts of what `git remote -v` prints: `origin` counts, whatever other remotes there are. A path may hold the name of the
 * other forge, and a self-managed GitLab is known by its name alone.
 */
export function forgeOfRemotes(text: string): Forge {
  const remotes = text.split('\n').flatMap((line) => {
    const [name, address] = line.split(/\s+/);
    return name && address ? [{ name, host: hostOf(address) }] : [];
  });
  const origin = remotes.filter(({ name }) => name === 'origin');
  const hosts = (origin.length > 0 ? origin : remotes).map(({ host }) => host);
  if (hosts.some((host) => host.includes('github'))) return 'github';
  return hosts.some((host) => host.includes('gitlab')) ? 'gitlab' : 'github';
}

/** Of `https://host/…`, `ssh://user@host:port/…` and `user@host:path`; empty for a path on this machine. */
function hostOf(address: string): string {
  const found = /^[a-z+]+:\/\/(?:[^/@]*@)?([^/:]+)/i.exec(address) ?? /^(?:[^/@:]+@)?([^/:]+):/.exec(address);
  return found?.[1]?.toLowerCase() ?? '';
}

function shown(file: string, folder: string): string {
  return relative(folder, file);
}

function numbered(lines: readonly string[]): string {
  return lines.map((line, i) => `  ${i + 1}. ${line}`).join('\n');
}

// `claimbench history add` and `report`: the figures of commits in one file, and when their level changed.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Command } from 'commander';
import { z } from 'zod';
import { oneLine, UsageError } from '../../harness/errors.ts';
import { isFileSystemError, makeOutputFolder, writeFailure } from '../../harness/run/bundle.ts';
import { CHECK_METRICS } from '../../reports/check/metrics.ts';
import { escapeTerminal } from '../../reports/render/escape.ts';
import { repositoryOf } from '../check/git.ts';
import { EXIT } from '../exit.ts';
import { filled, repeatable, wholeNumber } from '../options.ts';
import { suggestion } from '../suggest.ts';
import { version } from '../version.ts';

const addSchema = z.object({
  file: z.string(),
  commit: z.string().optional(),
  message: z.string().optional(),
});
const reportSchema = z.object({
  file: z.string(),
  out: z.string(),
  last: z.number().optional(),
  metric: z.array(z.string()).optional(),
  json: z.boolean().optional(),
});

const HELP = `
Examples:
  claimbench history add out/check --file history.ndjson
  claimbench history report --file history.ndjson --out out/history --last 200

Exit codes: 0 done, whatever the history says, 1 usage, 2 a file that cannot be written.`;

export function historyCommand(done: (code: number) => void): Command {
  const command = new Command('history').description(
    'keep the figures of commits in a file, and show at which commits their level changed',
  );
  command
    .command('add')
    .description('append one line: the figures of a bundle, of a check those of its head')
    .argument('<bundle>', 'the folder that check or run wrote')
    .requiredOption('--file <history.ndjson>', 'appended to; made where there is none', filled)
    .option('--commit <sha>', "the commit that was measured (default: the check's head, else HEAD)", filled)
    .option('--message <text>', 'a word on it, such as its subject', filled)
    .action(async (bundle: string, raw: unknown) => {
      done(await addAction(bundle, addSchema.parse(raw)));
    });
  command
    .command('report')
    .description('draw each metric over commits, and name the commits at which its level changed')
    .requiredOption('--file <history.ndjson>', 'what `history add` wrote', filled)
    .requiredOption('--out <folder>', 'history.html, history.md and history.json are written there', filled)
    .option('--last <n>', 'so many lines at most, the newest', wholeNumber(1, 1_000_000))
    .option('--metric <path>', 'only this metric, such as cost.walBytesPerJob (repeatable)', repeatable)
    .option('--json', 'the series on stdout')
    .action(async (raw: unknown) => {
      done(await reportAction(reportSchema.parse(raw)));
    });
  return command.addHelpText('after', HELP);
}

async function addAction(bundle: string, { file, ...about }: z.infer<typeof addSchema>): Promise<number> {
  const { lineOf, readLines, readResult } = await import('../../reports/history/index.ts');
  const result = await readResult(bundle);
  // A line has one server: all figures would be put down to the first.
  if (result.matrix !== undefined)
    throw new UsageError(
      `history add: ${bundle} is of several servers: measure with one --pg, a line for each`,
    );
  const commit = about.commit ?? result.check?.head.commit ?? (await repositoryOf(process.cwd()))?.commit;
  if (commit === undefined)
    throw new UsageError(
      'history add: which commit was measured? Give --commit <sha>, or run it in its repository',
    );
  const { message } = about;
  const line = lineOf(result, { commit, ...(message === undefined ? {} : { message }) });
  if (line.figures.length === 0)
    throw new UsageError(`history add: ${bundle} has no figures: none of its cells is valid`);
  const path = resolve(file);
  const before = existsSync(path) ? readText(path, file) : '';
  if (readLines(before).lines.some(({ runId }) => runId === line.runId))
    throw new UsageError(`history add: ${file} has this run already (${line.runId})`);
  // A line that a killed writer left unfinished stays alone on its own.
  const start = before === '' || before.endsWith('\n') ? '' : '\n';
  writing(path, () => writeFileSync(path, `${start}${JSON.stringify(line)}\n`, { flag: 'a' }));
  process.stderr.write(
    `claimbench: ${line.figures.length} figures of ${commit.slice(0, 10)} appended to ${file}\n`,
  );
  return EXIT.ok;
}

async function reportAction({
  file,
  out,
  last,
  metric,
  json,
}: z.infer<typeof reportSchema>): Promise<number> {
  const paths = CHECK_METRICS.map(({ path }) => path);
  const unknown = metric?.find((one) => !paths.includes(one));
  if (unknown !== undefined)
    throw new UsageError(`--metric: there is no metric ${unknown}${suggestion(unknown, paths)}`);
  const { historyDocument, historyTerminal, readLines, writeHistory } = await import(
    '../../reports/history/index.ts'
  );
  const { lines, broken } = readLines(readText(resolve(file), file));
  for (const { line, why } of broken)
    process.stderr.write(`claimbench: ${file}, line ${line} is left out: ${escapeTerminal(why)}\n`);
  if (lines.length === 0)
    throw new UsageError(`${file} has no line that can be read: write it with history add`);
  const series = historyDocument(lines, { last, metrics: metric });
  const folder = resolve(out);
  makeOutputFolder(folder);
  const files = await written(folder, () => writeHistory(folder, series, version()));
  if (json === true) process.stdout.write(`${JSON.stringify(series, null, 2)}\n`);
  else process.stdout.write(`${historyTerminal(series)}\n`);
  for (const one of files) process.stderr.write(`${one}\n`);
  return EXIT.ok;
}

function readText(path: string, named: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new UsageError(`${named} cannot be read: ${oneLine(error)}`, { cause: error });
  }
}

function writing(path: string, write: () => void): void {
  try {
    write();
  } catch (error) {
    throw isFileSystemError(error) ? writeFailure(path, error) : error;
  }
}

async function written<T>(folder: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    throw isFileSystemError(error) ? writeFailure(folder, error) : error;
  }
}

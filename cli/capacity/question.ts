// Which question does a plan answer? Words of the command line, over those of a workload file.

import { readFile } from 'node:fs/promises';
import { extname } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { parse } from 'yaml';
import { z } from 'zod';
import { errorCode, oneLine, UsageError } from '../../harness/errors.ts';
import type { PlanQuestion } from '../../harness/result/result.ts';
import type { Scenario } from '../../scenarios/scenario.ts';
import { filled, numberBetween, repeatable, wholeNumber } from '../options.ts';
import { suggestion } from '../suggest.ts';
import { durationBetween } from './duration.ts';
import { handlerMoments } from './loads.ts';
import { DEFAULT_SLO, readSlo } from './slo.ts';
import { workloadOptions, workloadSchema } from './workload.ts';

export const questionSchema = workloadSchema.extend({
  workload: z.string().optional(),
  rate: z.number().optional(),
  peak: z.number().optional(),
  rateLater: z.number().optional(),
  months: z.number().optional(),
  slo: z.array(z.string()).optional(),
  outage: z.number().optional(),
  recover: z.number().optional(),
  bloat: z.number().optional(),
  connections: z.number().optional(),
});
export type QuestionWords = z.infer<typeof questionSchema>;

/** Adds the options that make up the question. */
export function questionOptions(command: Command): Command {
  command
    .option(
      '--workload <file>',
      'a .yaml or .json file with these options as keys; the command line goes over it',
      filled,
    )
    .option('--rate <jobs/s>', 'how many jobs arrive, on average', numberBetween(0.01, 1_000_000))
    .option('--peak <factor>', 'peak ÷ average (default 1)', numberBetween(1, 1_000))
    .option('--rate-later <jobs/s>', 'how many will arrive in --months', numberBetween(0.01, 1_000_000))
    .option('--months <n>', 'when that will be', numberBetween(0.1, 600))
    .option(
      '--slo <figure<limit>',
      `what the peak must hold (repeatable; default: ${DEFAULT_SLO})`,
      repeatable,
    )
    .option('--outage <time>', 'for so long no worker works, such as 10m', durationBetween(1, 604_800))
    .option('--recover <time>', 'and so long after it the backlog is to be gone', durationBetween(1, 604_800))
    .option(
      '--bloat <time>',
      "for so long somebody else's transaction may stay open",
      durationBetween(1, 604_800),
    )
    .option('--connections <n>', 'what the workers may take of max_connections', wholeNumber(1, 100_000));
  return workloadOptions(command);
}

/**
 * Takes the keys of the workload file as if they had been given as options, where the command line does not.
 * @throws UsageError for a file that cannot be read, an unknown key and a value that an option would refuse.
 */
export async function withWorkloadFile(command: Command): Promise<void> {
  const file: unknown = command.getOptionValue('workload');
  if (typeof file !== 'string') return;
  for (const [key, value] of Object.entries(await readWorkload(file))) {
    const name = key.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
    const option = command.options.find((one) => one.attributeName() === name);
    if (option === undefined || !Object.hasOwn(questionSchema.shape, name) || name === 'workload') {
      const known = Object.keys(questionSchema.shape).filter((one) => one !== 'workload');
      throw new UsageError(`workload ${file}: there is no key ${key}${suggestion(key, known)}`);
    }
    if (command.getOptionValueSource(name) === 'cli') continue;
    command.setOptionValueWithSource(
      name,
      readValue(option.parseArg, value, `workload ${file}, ${key}`),
      'config',
    );
  }
}

type Parse = ((text: string, previous: unknown) => unknown) | undefined;

function readValue(parseArg: Parse, value: unknown, what: string): unknown {
  const texts = (Array.isArray(value) ? value : [value]).map((one) => {
    if (typeof one === 'string' || typeof one === 'number') return String(one);
    throw new UsageError(`${what}: give a word, a number or a list of them`);
  });
  try {
    let read: unknown;
    for (const text of texts) read = parseArg === undefined ? text : parseArg(text, read);
    return read;
  } catch (error) {
    if (error instanceof InvalidArgumentError)
      throw new UsageError(`${what}: ${texts.join(', ')}: ${error.message}`);
    throw error;
  }
}

async function readWorkload(file: string): Promise<Readonly<Record<string, unknown>>> {
  if (!['.yaml', '.yml', '.json'].includes(extname(file).toLowerCase()))
    throw new UsageError(`--workload ${file}: give a .yaml or .json file`);
  let data: unknown;
  try {
    data = parse(await readFile(file, 'utf8'));
  } catch (error) {
    const why = errorCode(error) === 'ENOENT' ? 'there is no such file' : oneLine(error);
    throw new UsageError(`--workload ${file}: ${why}`, { cause: error });
  }
  const read = z.record(z.string(), z.unknown()).safeParse(data);
  if (!read.success) throw new UsageError(`--workload ${file}: give keys and values, such as rate: 800`);
  return read.data;
}

/** @throws UsageError for words that are missing, or do not go together. */
export function questionOf(words: QuestionWords, pattern: Scenario, contender: string): PlanQuestion {
  if (words.rate === undefined)
    throw new UsageError(
      'plan: give --rate, the jobs per second that arrive; or a --workload file with a rate',
    );
  return {
    ratePerSec: words.rate,
    peakFactor: words.peak ?? 1,
    ...laterOf(words),
    jobMs: handlerMoments(pattern.job.handler).meanMs,
    handler: { ...pattern.job.handler },
    payloadBytes: pattern.job.payloadBytes,
    slo: readSlo(words.slo ?? [DEFAULT_SLO]),
    ...outageOf(words),
    ...(words.bloat === undefined ? {} : { bloatSeconds: words.bloat }),
    ...(words.connections === undefined ? {} : { connections: words.connections }),
    ...(words.otherLoad === undefined ? {} : { otherLoadPerSec: words.otherLoad }),
    contender,
  };
}

/**
 * Another question to the same measurements: what is not given stays as it was.
 * @throws UsageError for jobs that are others than those that were measured.
 */
export function changedQuestion(words: QuestionWords, before: PlanQuestion): PlanQuestion {
  for (const [option, value] of Object.entries({
    scenario: words.scenario,
    'job-ms': words.jobMs,
    'job-time': words.jobTime,
    payload: words.payload,
    'other-load': words.otherLoad,
  }))
    if (value !== undefined)
      throw new UsageError(
        `--${option} with --from: that is part of what was measured; leave one of them out`,
      );
  return {
    ...before,
    ...(words.rate === undefined ? {} : { ratePerSec: words.rate }),
    ...(words.peak === undefined ? {} : { peakFactor: words.peak }),
    ...laterOf(words),
    ...(words.slo === undefined ? {} : { slo: readSlo(words.slo) }),
    ...outageOf(words),
    ...(words.bloat === undefined ? {} : { bloatSeconds: words.bloat }),
    ...(words.connections === undefined ? {} : { connections: words.connections }),
  };
}

function laterOf({ rateLater, months }: QuestionWords): Pick<PlanQuestion, 'later'> {
  if (rateLater === undefined && months === undefined) return {};
  if (rateLater === undefined || months === undefined)
    throw new UsageError('--rate-later and --months go together: so many jobs per second in so many months');
  return { later: { ratePerSec: rateLater, months } };
}

function outageOf({ outage, recover }: QuestionWords): Pick<PlanQuestion, 'outage'> {
  if (outage === undefined && recover === undefined) return {};
  if (outage === undefined || recover === undefined)
    throw new UsageError(
      '--outage and --recover go together: so long without workers, and so long to be through with it',
    );
  return { outage: { seconds: outage, recoverSeconds: recover } };
}

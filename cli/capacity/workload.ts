// What are the jobs like of which a question of capacity is asked? The pattern of every load, out of words.

import { type Command, InvalidArgumentError } from 'commander';
import { z } from 'zod';
import { UsageError } from '../../harness/errors.ts';
import type { HandlerTime } from '../../scenarios/job.ts';
import type { Scenario } from '../../scenarios/scenario.ts';
import { filled, numberBetween, wholeNumber } from '../options.ts';
import { loadScenario } from '../scenarios.ts';

/** The scenario whose jobs, producers and surroundings are taken when nobody names one. */
const PATTERN = 'steady';

const jobTimeSchema = z.discriminatedUnion('law', [
  z.object({ law: z.enum(['constant', 'exponential']) }),
  z.object({ law: z.literal('lognormal'), p99Ms: z.number() }),
]);
type JobTime = z.infer<typeof jobTimeSchema>;

export const workloadSchema = z.object({
  scenario: z.string().optional(),
  jobMs: z.number().optional(),
  jobTime: jobTimeSchema.optional(),
  payload: z.number().optional(),
  otherLoad: z.number().optional(),
});
export type WorkloadWords = z.infer<typeof workloadSchema>;

/** Adds the options that say what jobs are like. */
export function workloadOptions(command: Command): Command {
  return command
    .option(
      '--scenario <name|file>',
      `the jobs, producers and surroundings of a scenario; its arrivals and phases are not used (default: ${PATTERN})`,
      filled,
    )
    .option(
      '--job-ms <ms>',
      'how long a handler takes, on average: it waits for others, as for HTTP or a database, and does not compute; for jobs that do give --scenario with a handler of time cpu (default: as in the scenario, which is no time, 0)',
      numberBetween(0, 600_000),
    )
    .option(
      '--job-time <law>',
      'constant (the default), exponential, or lognormal:P99MS, around the mean of --job-ms',
      jobTime,
    )
    .option('--payload <bytes>', 'size of a payload', wholeNumber(48, 1_000_000))
    .option(
      '--other-load <transactions/s>',
      "somebody else's short transactions on the same server meanwhile",
      numberBetween(0.1, 10_000),
    );
}

function jobTime(text: string): JobTime {
  if (text === 'constant' || text === 'exponential') return { law: text };
  const [, p99] = /^lognormal:(\d+(?:\.\d+)?)$/.exec(text) ?? [];
  if (p99 === undefined)
    throw new InvalidArgumentError('give constant, exponential, or lognormal:P99MS such as lognormal:400.');
  return { law: 'lognormal', p99Ms: Number(p99) };
}

/** @throws UsageError for a scenario that is not there, and for words that do not go together. */
export async function patternOf(words: WorkloadWords): Promise<Scenario> {
  const {
    smoke: _smoke,
    limits: _limits,
    seed: _seed,
    ...scenario
  } = await loadScenario(words.scenario ?? PATTERN);
  if (words.jobTime !== undefined && words.jobMs === undefined)
    throw new UsageError('--job-time: give the mean with --job-ms');
  const handler = words.jobMs === undefined ? scenario.job.handler : handlerOf(words.jobMs, words.jobTime);
  const { bulk: _bulk, ...producers } = scenario.producers;
  return {
    ...scenario,
    producers,
    job: {
      ...scenario.job,
      handler,
      ...(words.payload === undefined ? {} : { payloadBytes: words.payload }),
    },
    ...(words.otherLoad === undefined
      ? {}
      : { neighbours: { bystander: { ratePerSec: words.otherLoad, connections: 4, rows: 100_000 } } }),
  };
}

function handlerOf(meanMs: number, time: JobTime = { law: 'constant' }): HandlerTime {
  if (meanMs === 0) return { time: 'none' };
  if (time.law === 'lognormal') return lognormal(meanMs, time.p99Ms);
  return time.law === 'constant' ? { time: 'constant', ms: meanMs } : { time: 'exponential', meanMs };
}

/** The median of a lognormal law of which mean and 99th percentile are known: ln p99 − ln mean = zσ − σ²/2. */
function lognormal(meanMs: number, p99Ms: number): HandlerTime {
  const z99 = 2.326_347_874;
  const gap = Math.log(p99Ms / meanMs);
  const root = z99 ** 2 - 2 * gap;
  if (!(gap > 0) || root < 0)
    throw new UsageError(
      `--job-time lognormal:${p99Ms}: with a mean of ${meanMs} ms the 99th percentile lies between ${meanMs} and ${Math.floor(meanMs * Math.exp(z99 ** 2 / 2))} ms`,
    );
  const sigma = z99 - Math.sqrt(root);
  return { time: 'lognormal', medianMs: meanMs / Math.exp(sigma ** 2 / 2), p99Ms };
}

// Does a strategy keep its promises in sequences drawn at random?

import fc from 'fast-check';
import { deviationsIn } from '../conformance/deviations.ts';
import type { Driver } from '../drivers/driver.ts';
import type { StrategyFactory } from '../strategy.ts';
import { type Command, FEATURES, sequences } from './commands.ts';
import { drain } from './drain.ts';
import { Sequence } from './sequence.ts';
import { Slot } from './slot.ts';

/** What to run. */
export interface ModelRun {
  readonly factory: StrategyFactory;
  /** Its pool serves all sequences; each slot opens connections of its own beside it. */
  readonly driver: Driver;
  readonly sequences: number;
  readonly seed: number;
  /** Sequences at once, each in a schema of its own. */
  readonly slots: number;
  /** Whether a counterexample is made as short as can be; takes a while. */
  readonly shrink: boolean;
}

/** Ends a run, its shrinking included, that takes longer than any should. */
const RUN_LIMIT_MS = 150_000;

/** Runs sequences until all have passed or one fails. Returns how one fails, with its seed, or nothing. */
export async function runModel(run: ModelRun): Promise<string | undefined> {
  const share = Math.ceil(run.sequences / run.slots);
  const slots = Array.from({ length: run.slots }, (_, i) => runSlot(run, share, run.seed + i));
  const failures = await Promise.all(slots);
  return failures.find((failure) => failure !== undefined);
}

async function runSlot(run: ModelRun, numRuns: number, seed: number): Promise<string | undefined> {
  const { factory, driver } = run;
  const without = new Set(
    deviationsIn('model', factory).flatMap(({ test }) => FEATURES.filter((feature) => feature === test)),
  );
  let slot: Slot | undefined;
  let story: readonly string[] = [];
  const commands = sequences(factory.create({ schema: 'model' }), without);
  const how = fc.constantFrom<('COMMIT' | 'ROLLBACK')[]>('COMMIT', 'COMMIT', 'ROLLBACK');
  const property = fc.asyncProperty(commands, how, async (list, end) => {
    slot ??= await Slot.open(factory, driver);
    const sequence = new Sequence(slot, without);
    try {
      for (const command of list) await sequence.do(command);
      await drain(sequence, end);
    } catch (error) {
      story = sequence.log;
      // What a failure leaves behind is no ground for the next sequence.
      await slot[Symbol.asyncDispose]();
      slot = undefined;
      throw error;
    }
  });
  const details = await fc.check(property, {
    seed,
    numRuns,
    endOnFailure: !run.shrink,
    interruptAfterTimeLimit: RUN_LIMIT_MS,
    markInterruptAsFailure: true,
  });
  await slot?.[Symbol.asyncDispose]();
  return details.failed ? tell(factory, details, story) : undefined;
}

function tell(
  { strategyName }: StrategyFactory,
  details: fc.RunDetails<[readonly Command[], 'COMMIT' | 'ROLLBACK']>,
  story: readonly string[],
): string {
  const { seed, counterexamplePath, numRuns, counterexample, errorInstance } = details;
  if (counterexample === null)
    return `${strategyName}: interrupted after ${numRuns} sequences (seed ${seed})`;
  const [commands, end] = counterexample;
  const error = errorInstance instanceof Error ? errorInstance.message : String(errorInstance);
  return [
    `${strategyName}: ${error}`,
    `in sequence ${numRuns} of seed ${seed} (path ${counterexamplePath}); again: CLAIMBENCH_MODEL_SEED=${seed}`,
    ...commands.map((command) => `  ${JSON.stringify(command)}`),
    `  at the end: ${end}`,
    'what happened:',
    ...story.map((line) => `  ${line}`),
  ].join('\n');
}

// How is a plan's answer tried for longer than its own loads? By a scenario file in its bundle, and the command that runs it.

import { relative } from 'node:path';
import type { ContenderSpec } from '../../harness/contender.ts';
import type { PlanAnswer, PlanQuestion } from '../../harness/result/result.ts';
import { latencyTerms } from '../../reports/capacity/evidence.ts';
import { type Scenario, scenarioSchema } from '../../scenarios/scenario.ts';
import { shellWord } from '../shell-word.ts';
import { openLoad } from './loads.ts';

/** Two checkpoints of five minutes, and some naps of autovacuum, many times over. */
const HOLD_SECONDS = 3_600;
/** In the bundle. */
export const HOLD_FILE = 'hold.json';

type Recommended = NonNullable<PlanAnswer['recommended']>;

/** The peak for an hour with the handlers that are recommended, and what is to hold of it. */
export function holdScenario(
  pattern: Scenario,
  { slo }: Pick<PlanQuestion, 'slo'>,
  { recommended, peakPerSec }: { readonly recommended: Recommended; readonly peakPerSec: number },
): Scenario {
  const { workers: agents, sessions, concurrency } = recommended;
  const crew = { agents, sessions, concurrency };
  const load = openLoad(pattern, { ratePerSec: peakPerSec, seconds: HOLD_SECONDS, crew, name: 'hold' });
  return scenarioSchema.parse({
    ...load,
    expect: ['lost = 0', ...latencyTerms(slo).map(({ text }) => text)],
    settleWithinSeconds: 15,
  });
}

/** As it is typed in the folder that the plan was asked in. `serverFlags` were given to it: their values may hold a password. */
export function holdCommand(
  directory: string,
  contender: ContenderSpec,
  { concurrency }: Recommended,
  serverFlags: readonly string[],
): string {
  const name = concurrency === 1 ? contender.name : withAxis(contender.name, `concurrency=${concurrency}`);
  const file = relative(process.cwd(), `${directory}/${HOLD_FILE}`);
  const scenario = shellWord(file.startsWith('.') ? file : `./${file}`);
  const command = `npm run --silent claimbench -- run --scenario ${scenario} --contender ${shellWord(name)} --repeats 1`;
  return serverFlags.length === 0 ? command : `${command} (and ${serverFlags.join(', ')} as here)`;
}

function withAxis(name: string, axis: string): string {
  return `${name}${name.includes('?') ? '&' : '?'}${axis}`;
}

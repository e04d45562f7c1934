// How is a plan's answer tried for longer than its own loads? By a scenario file in its bundle, and the command that runs it.

import { relative } from 'node:path';
import type { ContenderSpec } from '../../harness/contender.ts';
import type { PlanAnswer, PlanQuestion } from '../../harness/result/result.ts';
import { latencyTerms } from '../../reports/capacity/evidence.ts';
import { type Scenario, scenarioSchema } from '../../scenarios/scenario.ts';
import { withoutPassword } from '../command-line.ts';
import type { GivenOption } from '../options.ts';
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

/** As it is typed in the folder that the plan was asked in, with what `place` says of the options that the plan was given. */
export function holdCommand(
  directory: string,
  contender: ContenderSpec,
  { concurrency }: Recommended,
  place: readonly GivenOption[],
): string {
  const axis = `concurrency=${concurrency}`;
  const name = concurrency === 1 ? contender.name : withAxis(contender.name, axis);
  const file = relative(process.cwd(), `${directory}/${HOLD_FILE}`);
  const words = [
    ...['--scenario', file.startsWith('.') ? file : `./${file}`, '--contender', name, '--repeats', '1'],
    ...place.flatMap(({ flag, values }) => values.flatMap((value) => [flag, withoutPassword(value)])),
  ];
  return `npm run --silent claimbench -- run ${words.map(shellWord).join(' ')}`;
}

/** What was measured on the first of several servers is held there: a run has one. */
export function placeOf(given: readonly GivenOption[]): GivenOption[] {
  return given.map((one) => (one.name === 'server' ? { ...one, values: one.values.slice(0, 1) } : one));
}

/** Told beside the command, where it holds no password any more. */
export function passwordNote(place: readonly GivenOption[]): string {
  const gone = place.some(({ values }) => values.some((value) => withoutPassword(value) !== value));
  return gone ? ' (the password of the address is left out here)' : '';
}

function withAxis(name: string, axis: string): string {
  return `${name}${name.includes('?') ? '&' : '?'}${axis}`;
}

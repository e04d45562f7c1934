// How does a command run a list of yardsticks, and when does it fail?

import { Command } from 'commander';
import { numberBetween, repeatable } from '../cli/options.ts';
import { oneLine } from '../harness/errors.ts';
import { lineOf, standingOf, type Yardstick } from './yardstick.ts';

/**
 * Reads the command line, where any of `contenders` may be chosen, runs the yardsticks that it asks for and prints each figure beside its target.
 * @returns the exit code: 1 when a target is missed or a yardstick unknown, 130 when interrupted, otherwise 0.
 */
export async function runYardsticks(
  name: string,
  yardsticks: readonly Yardstick[],
  contenders: readonly string[] = [],
): Promise<number> {
  const names = yardsticks.map((y) => y.name).join(', ');
  const command = new Command(name)
    .option('--only <name>', `one of ${names} (repeatable)`, repeatable)
    .option('--contender <name>', 'compare only this one of the contenders (repeatable)', repeatable)
    .option('--rounds <n>', 'rounds of each comparison', numberBetween(1, 1_000))
    .option('--smoke', 'as small and short as it can be: shows that it runs, its figures say nothing')
    .parse();
  const { only, contender, rounds, smoke } = command.opts<{
    only?: string[];
    contender?: string[];
    rounds?: number;
    smoke?: boolean;
  }>();
  const unknown = only?.find((one) => yardsticks.every((y) => y.name !== one));
  if (unknown !== undefined) {
    console.error(`no yardstick ${unknown}: give one of ${names}`);
    return 1;
  }
  const stranger = contender?.find((one) => !contenders.includes(one));
  if (stranger !== undefined) {
    console.error(
      `no contender ${stranger}: give ${contenders.length === 0 ? 'none here' : `one of ${contenders.join(', ')}`}`,
    );
    return 1;
  }
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => controller.abort());
  const missed: string[] = [];
  const open: string[] = [];
  for (const yardstick of yardsticks.filter((y) => only?.includes(y.name) ?? true)) {
    console.log(`${yardstick.name}: ${yardstick.question}`);
    try {
      const say = (line: string): void => console.log(`        … ${line}`);
      const bench = {
        signal: controller.signal,
        rounds,
        ...(contender === undefined ? {} : { only: contender }),
        smoke: smoke === true,
        say,
      };
      for (const figure of await yardstick.run(bench)) {
        console.log(lineOf(figure));
        const standing = standingOf(figure);
        if (standing === 'missed') missed.push(`${yardstick.name}: ${figure.what}`);
        if (standing === 'open') open.push(`${yardstick.name}: ${figure.what}`);
      }
    } catch (error) {
      if (controller.signal.aborted) return 130;
      console.log(`MISSED  ${oneLine(error)}`);
      missed.push(yardstick.name);
    }
  }
  if (open.length > 0) console.log(`open, neither reached nor missed: ${open.join('; ')}`);
  console.log(missed.length === 0 ? 'no target missed' : `missed: ${missed.join('; ')}`);
  return missed.length === 0 ? 0 : 1;
}

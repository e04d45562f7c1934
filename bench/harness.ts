// Is the harness as good as it must be? Every yardstick, each figure beside its target.
//
// `npm run bench:harness [-- --only NAME] [--rounds N]`. Ends with 1 when a target is missed. On an otherwise idle machine.

import { Command } from 'commander';
import { numberBetween, repeatable } from '../cli/options.ts';
import { oneLine } from '../harness/errors.ts';
import { lineOf, standingOf, type Yardstick } from './yardstick.ts';
import { checking } from './yardsticks/checking.ts';
import { generatorLag } from './yardsticks/generator-lag.ts';
import { nullCeiling } from './yardsticks/null-ceiling.ts';
import { pgbench } from './yardsticks/pgbench.ts';
import { recording } from './yardsticks/recording.ts';
import { rendering } from './yardsticks/rendering.ts';
import { sampler } from './yardsticks/sampler.ts';

const YARDSTICKS: readonly Yardstick[] = [
  pgbench,
  nullCeiling,
  recording,
  generatorLag,
  sampler,
  checking,
  rendering,
];

process.exitCode = await main();

async function main(): Promise<number> {
  const command = new Command('bench:harness')
    .option('--only <name>', `one of ${YARDSTICKS.map((y) => y.name).join(', ')} (repeatable)`, repeatable)
    .option('--rounds <n>', 'rounds of each comparison', numberBetween(1, 1_000))
    .parse();
  const { only, rounds } = command.opts<{ only?: string[]; rounds?: number }>();
  const unknown = only?.find((name) => YARDSTICKS.every((y) => y.name !== name));
  if (unknown !== undefined) {
    console.error(`no yardstick ${unknown}: give one of ${YARDSTICKS.map((y) => y.name).join(', ')}`);
    return 1;
  }
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => controller.abort());
  const missed: string[] = [];
  const open: string[] = [];
  for (const yardstick of YARDSTICKS.filter((y) => only?.includes(y.name) ?? true)) {
    console.log(`${yardstick.name}: ${yardstick.question}`);
    try {
      const say = (line: string): void => console.log(`        … ${line}`);
      for (const figure of await yardstick.run({ signal: controller.signal, rounds, say })) {
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

// What may be asked of a server that claimbench starts itself: its container, its settings, its extensions?

import { type Command, Option } from 'commander';
import { z } from 'zod';
import { UsageError } from '../harness/errors.ts';
import type { ServerOptions } from '../harness/server/index.ts';
import { filled, numberBetween, repeatable } from './options.ts';

/** The part of a command's options that is read here. */
export const serverWishesSchema = z.object({
  image: z.string().optional(),
  cpus: z.number().optional(),
  memory: z.string().optional(),
  cpuset: z.string().optional(),
  network: z.enum(['bridge', 'host']).optional(),
  storage: z.string().optional(),
  setting: z.array(z.string()).optional(),
  extension: z.array(z.string()).optional(),
});
type Words = z.output<typeof serverWishesSchema>;

/** Options of a container. `doctor` takes these alone. */
export function containerOptions(command: Command): Command {
  return command
    .option(
      '--image <name>',
      'with --server docker: its image, {pg} for the version (default: postgres:{pg})',
      filled,
    )
    .option('--cpus <n>', "with --server docker: processors' worth of time", numberBetween(0.01, 4_096))
    .option('--memory <size>', 'with --server docker: such as 2g; nothing is swapped', filled)
    .option('--cpuset <list>', 'with --server docker: processors that it may run on, such as 0-1', filled)
    .addOption(
      new Option('--network <how>', 'with --server docker: bridge (the default), or host').choices([
        'bridge',
        'host',
      ]),
    )
    .option(
      '--storage <where>',
      'with --server docker, its data folder: volume (the default), layer, tmpfs or tmpfs:SIZE (not durable)',
      filled,
    );
}

/** Options of any server that claimbench starts. */
export function serverWishes(command: Command): Command {
  return containerOptions(command)
    .option(
      '--setting <name=value>',
      'a setting of postgresql.conf, not with an address (repeatable)',
      repeatable,
    )
    .option(
      '--extension <name>',
      "created in every cell's database, not with an address (repeatable)",
      repeatable,
    );
}

const CONTAINER_ALONE = ['image', 'cpus', 'memory', 'cpuset', 'network', 'storage'] as const;
/** Options that say which server, how it is set up, and which cores and priority each part of a run has. */
export const PLACE_WORDS = [
  ...['server', 'pg', 'setting', 'extension', 'pin', 'producerPriority'],
  ...CONTAINER_ALONE,
] as const;

/**
 * What the words ask of the server `where`.
 * @throws UsageError for what that server cannot grant, and for words that say nothing.
 */
export function serverWishesOf(
  where: string,
  words: Words,
): Pick<ServerOptions, 'container' | 'settings' | 'extensions'> {
  const misplaced = CONTAINER_ALONE.find((option) => words[option] !== undefined);
  if (where !== 'docker' && misplaced !== undefined)
    throw new UsageError(
      `--${misplaced} is about a container: give --server docker with it, or leave it out`,
    );
  const extensions = words.extension;
  const bad = extensions?.find((name) => !/^[a-z_][a-z0-9_-]{0,62}$/i.test(name));
  if (bad !== undefined)
    throw new UsageError(
      `--extension ${JSON.stringify(bad.slice(0, 60))}: give the name of an extension, such as pg_partman`,
    );
  return {
    ...(where === 'docker'
      ? { container: Object.fromEntries(CONTAINER_ALONE.map((option) => [option, words[option]])) }
      : {}),
    ...(words.setting === undefined ? {} : { settings: settingsOf(words.setting) }),
    ...(extensions === undefined ? {} : { extensions }),
  };
}

function settingsOf(words: readonly string[]): Record<string, string> {
  const settings: Record<string, string> = {};
  for (const word of words) {
    const [, name, value] = /^([a-z_][a-z0-9_.]*)\s*=\s*(.*)$/i.exec(word) ?? [];
    if (name === undefined || value === undefined)
      throw new UsageError(
        `--setting ${JSON.stringify(word.slice(0, 60))}: give name=value, such as shared_buffers=1GB`,
      );
    if (settings[name.toLowerCase()] !== undefined)
      throw new UsageError(`--setting ${name} is given twice: leave one of them out`);
    settings[name.toLowerCase()] = value;
  }
  return settings;
}

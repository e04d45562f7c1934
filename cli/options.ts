// Which options do several commands share, and how is each read?

import { type Command, InvalidArgumentError, Option } from 'commander';
import { DRIVER_NAMES } from '../harness/contender.ts';
import { UsageError } from '../harness/errors.ts';
import { POSTGRES_MAJORS, type PostgresMajor } from '../harness/server/binary-pins.ts';
import { isPostgresMajor } from '../harness/server/embedded.ts';
import { isOwnServer } from '../harness/server/index.ts';
import { parseServerAddress } from '../harness/server/server-address.ts';

/** A whole number in a range, as an option's value. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !Number.isInteger(value) || value < min || value > max) {
      throw new InvalidArgumentError(`give a whole number from ${min} to ${max}.`);
    }
    return value;
  };
}

/** A number in a range, as an option's value. */
export function numberBetween(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !Number.isFinite(value) || value < min || value > max) {
      throw new InvalidArgumentError(`give a number from ${min} to ${max}.`);
    }
    return value;
  };
}

/** Any text but none, as an option's value: an empty one is a shell variable that was not set. */
export function filled(text: string): string {
  if (text.trim() === '') throw new InvalidArgumentError('it must not be empty.');
  return text;
}

/** The first option of the command line that is none of these, by the names of their attributes. */
export function givenBeside(command: Command, allowed: readonly string[]): Option | undefined {
  return command.options.find(
    (option) =>
      !allowed.includes(option.attributeName()) &&
      command.getOptionValueSource(option.attributeName()) === 'cli',
  );
}

/** An option that was given, as it is typed: one of its flags for each of its values. */
export interface GivenOption {
  readonly name: string;
  readonly flag: string;
  readonly values: readonly string[];
}

/** Those of the named options that were given on the command line, in the order of the help. */
export function optionsGiven(command: Command, names: readonly string[]): GivenOption[] {
  return command.options.flatMap((option) => {
    const [name, flag] = [option.attributeName(), option.long];
    if (!flag || !names.includes(name) || command.getOptionValueSource(name) !== 'cli') return [];
    return [{ name, flag, values: [command.getOptionValue(name)].flat().map(String) }];
  });
}

/** Adds to what an option was given before: for options that may be repeated, and are not empty. */
export function repeatable(text: string, previous: readonly string[] | undefined): string[] {
  return [...(previous ?? []), filled(text)];
}

/** PostgreSQL majors with commas between them, as an option's value: each known, and named once. */
function postgresMajors(text: string): PostgresMajor[] {
  const words = text.split(',').map((word) => word.trim());
  const twice = words.find((word, place) => words.indexOf(word) !== place);
  const majors = words.filter(isPostgresMajor);
  if (majors.length < words.length) {
    const several = words.length > 1 ? ', or several of them, such as 14,18' : '';
    throw new InvalidArgumentError(`give one of ${POSTGRES_MAJORS.join(', ')}${several}.`);
  }
  if (twice !== undefined)
    throw new InvalidArgumentError(`${twice} stands there twice: name each version once.`);
  return majors;
}

/** Options that choose the server. */
export function serverOptions(command: Command): Command {
  return command
    .option(
      '--server <where>',
      'embedded, docker, or postgres://user:password@host:port/database',
      filled,
      'embedded',
    )
    .option(
      '--pg <majors>',
      'PostgreSQL version of an embedded or docker server (14 to 18, default 18); several, such as 14,16,18, are measured in one run',
      postgresMajors,
    )
    .addOption(
      new Option(
        '--driver <name>',
        'client library of each contender that has the choice, as ?driver=… behind its name (default: pg)',
      ).choices(DRIVER_NAMES),
    );
}

/** Refuses a `--server` that cannot be read, without a look at the server. Never repeats it: it may hold a password. */
export function requireServer(where: string): void {
  if (isOwnServer(where)) return;
  if (!/^postgres(ql)?:/.test(where))
    throw new UsageError('--server takes embedded, docker, or postgres://user:password@host:port/database');
  parseServerAddress(where);
}

/** Options that choose how output looks. */
export function outputOptions(command: Command): Command {
  return command
    .option('--json', 'machine-readable output on stdout, everything else on stderr')
    .option('--no-color', 'no colours (also NO_COLOR)');
}

/** Whether to colour what goes to `stream`: `--no-color`, NO_COLOR and a pipe say no. */
export function coloured(stream: NodeJS.WriteStream, option: boolean): boolean {
  return option && stream.isTTY === true && !process.env['NO_COLOR'];
}

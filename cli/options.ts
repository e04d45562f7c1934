// Which options do several commands share, and how is each read?

import { type Command, InvalidArgumentError, Option } from 'commander';

/** A whole number in a range, as an option's value. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < min || value > max) {
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

/** Adds to what an option was given before: for options that may be repeated. */
export function repeatable(text: string, previous: readonly string[] | undefined): string[] {
  return [...(previous ?? []), text];
}

/** Options that choose the server. */
export function serverOptions(command: Command): Command {
  return command
    .option('--server <where>', 'embedded, or postgres://user:password@host:port/database', 'embedded')
    .addOption(
      new Option('--pg <major>', 'PostgreSQL version of the embedded server').choices([
        '14',
        '15',
        '16',
        '17',
        '18',
      ]),
    )
    .addOption(new Option('--driver <name>', 'PostgreSQL client library').choices(['pg']).default('pg'));
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

// How is a mistake in the words of a command line answered? What commander says of it → one line with the mend.

import type { Command } from 'commander';
import { oneLine } from '../harness/errors.ts';
import { withoutPasswords } from './command-line.ts';
import { nearest, suggestion } from './suggest.ts';

/** From now on the command, and those below it, answer in the house style: one line, without a password. */
export function answerInOneLine(command: Command): void {
  command.showSuggestionAfterError(false).configureOutput({
    outputError: (text, write) => write(`claimbench: ${usageLine(text, command)}\n`),
  });
  for (const below of command.commands) answerInOneLine(below);
}

/** The line for what commander calls `error: unknown option '--foo'` and the like. */
function usageLine(text: string, command: Command): string {
  const said = text.replace(/^error: /, '').trim();
  const full = fullName(command);
  for (const [shape, answer] of ANSWERS) {
    const found = shape.exec(said);
    if (found !== null) return oneLine(answer(found.slice(1), command, `see ${full} --help`));
  }
  return oneLine(`${shown(said)}; see ${full} --help`);
}

/** With the names of what it lies below: `claimbench init ci`. */
function fullName(command: Command): string {
  return command.parent === null ? command.name() : `${fullName(command.parent)} ${command.name()}`;
}

/** Of a sweep, which other commands have as options. */
const AXES: ReadonlySet<string> = new Set(['--workers', '--connections', '--depth', '--payload', '--job-ms']);

type Answer = (parts: readonly string[], command: Command, help: string) => string;

const ANSWERS: readonly (readonly [RegExp, Answer])[] = [
  [
    /^unknown option '([^=]*).*'$/s,
    ([flag = ''], command, help) => {
      const known = command.options.flatMap((option) => [option.long ?? [], option.short ?? []].flat());
      if (command.name() === 'sweep' && AXES.has(flag))
        return `unknown option ${flag}; it is an axis: --axis ${flag.slice(2)}=VALUES`;
      const meant = nearest(flag, [...known, '--help']);
      return `unknown option ${shown(flag)}; ${meant === undefined ? help : `did you mean ${meant}?`}`;
    },
  ],
  [
    /^unknown command '(.*)'/s,
    ([word = ''], { commands }) =>
      `unknown command ${shown(word)}${suggestion(
        word,
        commands.map((one) => one.name()),
      )}`,
  ],
  [
    /^missing required argument '(.*)'$/s,
    ([name = ''], command, help) =>
      `<${name}> is missing: give ${fullName(command)} ${command.usage()}; ${help}`,
  ],
  [
    /^too many arguments/,
    (_, command, help) => {
      const most = command.registeredArguments.length;
      const over = command.args.slice(most).map(shown).join(' ');
      const takes = most === 0 ? 'no arguments' : most === 1 ? 'one argument' : `${most} arguments at most`;
      return `${command.name()} takes ${takes}: leave out ${over}, or quote what belongs together; ${help}`;
    },
  ],
  [
    /^option '(.*)' argument missing$/s,
    ([flags = ''], _, help) => `${longOf(flags)} has no value: give ${placeholderOf(flags)}; ${help}`,
  ],
  [
    /^option '(.*?)' argument '(.*)' is invalid\. (.*)$/s,
    ([flags = '', value = '', why = ''], _, help) =>
      value.trim() === ''
        ? `${longOf(flags)} is empty: give ${placeholderOf(flags)}; ${help}`
        : `${longOf(flags)} ${shown(value)}: ${why.replace(/^Allowed choices are/, 'give one of').replace(/\.$/, '')}`,
  ],
];

function longOf(flags: string): string {
  return /--[\w-]+/.exec(flags)?.[0] ?? flags;
}

function placeholderOf(flags: string): string {
  return /<.*>/s.exec(flags)?.[0] ?? 'a value';
}

/** A mistyped address may stand anywhere. */
function shown(word: string): string {
  return withoutPasswords([word], 0)[0] ?? '';
}

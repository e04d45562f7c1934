#!/usr/bin/env node
// The command line: which command was asked for, and with which code does it end?

import { Command, CommanderError } from 'commander';
import { checkCommand } from './commands/check.ts';
import { compareCommand } from './commands/compare.ts';
import { doctorCommand } from './commands/doctor.ts';
import { historyCommand } from './commands/history.ts';
import { initCommand } from './commands/init.ts';
import { listCommand } from './commands/list.ts';
import { planCommand } from './commands/plan.ts';
import { reportCommand } from './commands/report.ts';
import { runCommand } from './commands/run.ts';
import { searchCommand } from './commands/search.ts';
import { sweepCommand } from './commands/sweep.ts';
import { EXIT, reportError } from './exit.ts';
import { interruption } from './interruption.ts';
import { answerInOneLine } from './usage.ts';
import { version } from './version.ts';

async function main(): Promise<number> {
  let exitCode: number = EXIT.ok;
  const done = (code: number): void => {
    exitCode = code;
  };
  const program = new Command('claimbench')
    .description('Measures PostgreSQL job queues: which claim strategy, how fast, how soon, at what cost.')
    .version(version())
    .exitOverride();
  for (const command of [
    runCommand,
    compareCommand,
    sweepCommand,
    searchCommand,
    planCommand,
    checkCommand,
    historyCommand,
    reportCommand,
    listCommand,
    doctorCommand,
    initCommand,
  ])
    program.addCommand(command(done));
  for (const command of program.commands) command.exitOverride();
  answerInOneLine(program);
  try {
    await program.parseAsync();
  } catch (error) {
    if (interruption.aborted) return EXIT.interrupted;
    // Commander has said what was wrong already; help and version end with 0.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    return reportError(error);
  }
  return interruption.aborted ? EXIT.interrupted : exitCode;
}

process.exitCode = await main();

// `claimbench doctor`: what can this machine do, what can it not, and why?

import { Command } from 'commander';
import { readCpuTimes } from '../../harness/measure/environment.ts';
import { readMachine } from '../../harness/measure/machine.ts';
import { openScratch } from '../../harness/scratch.ts';
import { ceilingFinding, ratioFinding } from '../doctor/comparisons.ts';
import { type Finding, textOf } from '../doctor/finding.ts';
import { machineFindings, stealFinding, timerFinding } from '../doctor/machine.ts';
import { serverFindings } from '../doctor/server.ts';
import { EXIT } from '../exit.ts';
import { handleInterruption, interruption } from '../interruption.ts';
import { filled, requireServer } from '../options.ts';

/** Nothing timed begins later, so that the whole ends within a minute. */
const LAST_ROUND_SECONDS = 42;

interface Options {
  readonly server: string;
  readonly json?: boolean;
  readonly quick?: boolean;
}

export function doctorCommand(done: (code: number) => void): Command {
  return new Command('doctor')
    .description('check what this machine can do, and why not (about a minute)')
    .option('--server <where>', 'embedded, or postgres://…', filled, 'embedded')
    .option('--quick', 'leave out the timed comparisons: pgbench, null ceiling')
    .option('--json', 'as JSON')
    .action(async (options: Options) => {
      requireServer(options.server);
      handleInterruption();
      const findings = await examine(options);
      process.stdout.write(
        options.json === true ? `${JSON.stringify(findings, null, 2)}\n` : textOf(findings),
      );
      done(findings.some((finding) => finding.level === 'fail') ? EXIT.failure : EXIT.ok);
    });
}

/** One thing after another, so that no measurement disturbs the next. */
async function examine({ server, quick = false }: Options): Promise<Finding[]> {
  const startMs = performance.now();
  const cpuTimes = readCpuTimes();
  const machine = readMachine();
  await using scratch = await openScratch();
  const findings = [...machineFindings(machine), await timerFinding()];
  if (!quick) findings.push(await ceilingFinding(scratch.path));
  findings.push(...(await serverFindings(server, machine)));
  if (!quick) {
    interruption.throwIfAborted();
    const left = LAST_ROUND_SECONDS - (performance.now() - startMs) / 1000;
    findings.push(await ratioFinding(machine, scratch.path, left));
  }
  return [...findings, stealFinding(cpuTimes)];
}

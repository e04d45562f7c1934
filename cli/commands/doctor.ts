// `claimbench doctor`: what can this machine do, what can it not, and why?

import { Command } from 'commander';
import type { z } from 'zod';
import { readCpuTimes } from '../../harness/measure/environment.ts';
import { readMachine } from '../../harness/measure/machine.ts';
import { openScratch } from '../../harness/run/scratch.ts';
import { checkServerOptions } from '../../harness/server/index.ts';
import { ceilingFinding, ratioFinding } from '../doctor/comparisons.ts';
import { type Finding, textOf } from '../doctor/finding.ts';
import { machineFindings, stealFinding, timerFinding } from '../doctor/machine.ts';
import { engineFinding, serverFindings } from '../doctor/server.ts';
import { EXIT } from '../exit.ts';
import { handleInterruption, interruption } from '../interruption.ts';
import { filled, requireServer } from '../options.ts';
import { containerOptions, serverWishesOf, type serverWishesSchema } from '../server-wishes.ts';

/** Nothing timed begins later, so that the whole ends within a minute. */
const LAST_ROUND_SECONDS = 42;

interface Options extends z.output<typeof serverWishesSchema> {
  readonly server: string;
  readonly json?: boolean;
  readonly quick?: boolean;
}

export function doctorCommand(done: (code: number) => void): Command {
  return containerOptions(new Command('doctor'))
    .description('check what this machine can do, and why not (about a minute)')
    .option('--server <where>', 'embedded, docker, or postgres://…', filled, 'embedded')
    .option('--quick', 'leave out the timed comparisons: pgbench, null ceiling')
    .option('--json', 'as JSON')
    .action(async (options: Options) => {
      requireServer(options.server);
      const wishes = serverWishesOf(options.server, options);
      checkServerOptions(options.server, wishes);
      handleInterruption();
      const findings = await examine(options, wishes);
      process.stdout.write(
        options.json === true ? `${JSON.stringify(findings, null, 2)}\n` : textOf(findings),
      );
      done(findings.some((finding) => finding.level === 'fail') ? EXIT.failure : EXIT.ok);
    });
}

/** One thing after another, so that no measurement disturbs the next. */
async function examine(
  { server, quick = false }: Options,
  wishes: ReturnType<typeof serverWishesOf>,
): Promise<Finding[]> {
  const startMs = performance.now();
  const cpuTimes = readCpuTimes();
  const machine = readMachine();
  await using scratch = await openScratch();
  const findings = [...machineFindings(machine), await timerFinding()];
  if (!quick) findings.push(await ceilingFinding(scratch.path));
  findings.push(await engineFinding());
  findings.push(...(await serverFindings(server, wishes, machine)));
  if (!quick) {
    interruption.throwIfAborted();
    const left = LAST_ROUND_SECONDS - (performance.now() - startMs) / 1000;
    findings.push(await ratioFinding(machine, scratch.path, left));
  }
  return [...findings, stealFinding(cpuTimes)];
}

// `claimbench doctor`: what can this machine do, what can it not, and why?

import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { Command } from 'commander';
import { measureCeiling } from '../../harness/calibrate/ceiling.ts';
import { oneLine } from '../../harness/errors.ts';
import { captureEnvironment } from '../../harness/measure/environment.ts';
import { openScratch } from '../../harness/scratch.ts';
import { openServer } from '../../harness/server/index.ts';
import { EXIT } from '../exit.ts';
import { handleInterruption, interruption } from '../interruption.ts';

/** `fail`: claimbench cannot do its work here. `warn`: it can, with the stated loss. */
interface Finding {
  readonly level: 'ok' | 'warn' | 'fail';
  readonly what: string;
  readonly detail: string;
}

const WANTED_NODE = 24;
const WANTED_CEILING = 100_000;
const SLOW_FSYNC_US = 5_000;
const READY_WITHIN_MS = 5_000;

export function doctorCommand(done: (code: number) => void): Command {
  return new Command('doctor')
    .description('check what this machine can do, and why not')
    .option('--server <where>', 'embedded, or postgres://…', 'embedded')
    .option('--json', 'as JSON')
    .action(async (options: { server: string; json?: boolean }) => {
      handleInterruption();
      const findings = [...machine(), ...(await generator()), ...(await server(options.server)), ...tools()];
      process.stdout.write(
        options.json === true ? `${JSON.stringify(findings, null, 2)}\n` : textOf(findings),
      );
      done(findings.some((finding) => finding.level === 'fail') ? EXIT.failure : EXIT.ok);
    });
}

function machine(): Finding[] {
  const major = Number(process.versions.node.split('.')[0]);
  const cores = availableParallelism();
  return [
    {
      level: major >= WANTED_NODE ? 'ok' : 'fail',
      what: 'Node.js',
      detail: major >= WANTED_NODE ? process.version : `${process.version}: needs ${WANTED_NODE} or newer`,
    },
    {
      level: cores >= 2 ? 'ok' : 'warn',
      what: 'cores',
      detail:
        cores >= 4
          ? `${cores}`
          : `${cores}: generator and server share them, so figures show both; compare, do not quote as absolute`,
    },
  ];
}

async function generator(): Promise<Finding[]> {
  await using scratch = await openScratch();
  const { ceilingPerSec, reasons } = await measureCeiling({
    scratchDir: scratch.path,
    signal: interruption,
    onProgress: () => undefined,
  });
  if (ceilingPerSec === undefined)
    return [{ level: 'fail', what: 'null ceiling', detail: reasons.join('; ') }];
  const rate = `${Math.round(ceilingPerSec).toLocaleString('en')} jobs/s per agent without a database`;
  return ceilingPerSec >= WANTED_CEILING
    ? [{ level: 'ok', what: 'null ceiling', detail: rate }]
    : [
        {
          level: 'warn',
          what: 'null ceiling',
          detail: `${rate}: below ${WANTED_CEILING.toLocaleString('en')}, fast contenders will be generator-bound`,
        },
      ];
}

async function server(spec: string): Promise<Finding[]> {
  const startedMs = performance.now();
  try {
    await using opened = await openServer(spec, { signal: interruption });
    const readyMs = performance.now() - startedMs;
    await using database = await opened.openDatabase('doctor');
    const environment = await captureEnvironment({ server: opened, connection: database.connection });
    const ready = `${opened.description}, ready in ${(readyMs / 1000).toFixed(1)} s`;
    return [
      {
        level: spec !== 'embedded' || readyMs < READY_WITHIN_MS ? 'ok' : 'warn',
        what: 'server',
        detail: ready,
      },
      environment.server.durable
        ? { level: 'ok', what: 'durability', detail: 'fsync, full_page_writes and synchronous_commit are on' }
        : {
            level: 'warn',
            what: 'durability',
            detail: 'OFF: every chart of a run on this server will say so',
          },
      fsyncFinding(environment.fsyncUs),
      ...environment.missing
        // Steal time is read over a run, and there was none.
        .filter((missing) => !missing.startsWith('stealShare'))
        .map((missing): Finding => ({ level: 'warn', what: 'not readable', detail: missing })),
    ];
  } catch (error) {
    if (interruption.aborted) throw error;
    return [{ level: 'fail', what: 'server', detail: oneLine(error) }];
  }
}

function fsyncFinding(fsyncUs: number | undefined): Finding {
  if (fsyncUs === undefined)
    return { level: 'warn', what: 'fsync', detail: 'the data folder cannot be reached from here' };
  const cost = `${(fsyncUs / 1000).toFixed(2)} ms for a small write`;
  return fsyncUs < SLOW_FSYNC_US
    ? { level: 'ok', what: 'fsync', detail: cost }
    : { level: 'warn', what: 'fsync', detail: `${cost}: commits will be bound by the disk` };
}

function tools(): Finding[] {
  return [
    tool(
      'pgbench',
      ['--version'],
      'the yardstick npm run bench:pgbench needs it (Debian: postgresql-contrib)',
    ),
    tool('taskset', ['--version'], 'generator and server cannot be pinned apart'),
  ];
}

function tool(name: string, args: readonly string[], without: string): Finding {
  const found = spawnSync(name, args, { encoding: 'utf8', timeout: 5_000 });
  return found.status === 0
    ? { level: 'ok', what: name, detail: (found.stdout || found.stderr).trim().split('\n', 1)[0] ?? '' }
    : { level: 'warn', what: name, detail: `not found: ${without}` };
}

function textOf(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map((f) => f.what.length));
  return findings.map((f) => `${f.level.padEnd(4)}  ${f.what.padEnd(width)}  ${f.detail}\n`).join('');
}

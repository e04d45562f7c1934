// How does the harness do against its yardsticks on this machine, in short form?

import { measureCeiling } from '../../harness/calibrate/ceiling.ts';
import { findPgbench } from '../../harness/calibrate/pgbench.ts';
import { comparePgbench, type Ratio, WANTED_RATIO } from '../../harness/calibrate/pgbench-ratio.ts';
import { oneLine } from '../../harness/errors.ts';
import type { MachineAtStart } from '../../harness/measure/machine.ts';
import { formatCpuList, type Pinning, pinOneEach } from '../../harness/run/pinning.ts';
import { interruption } from '../interruption.ts';
import { type Finding, okIf } from './finding.ts';

const WANTED_CEILING = 100_000;
const CLAIM_SIZES = [1, 10, 100];
const RATIO_ROUNDS = 3;
const RATIO_SECONDS = 2;
const RATIO_CONNECTIONS = 8;

/** The null contender at each size of claim. */
export async function ceilingFinding(scratchDir: string): Promise<Finding> {
  const values: Record<string, number> = {};
  const said: string[] = [];
  let low = false;
  for (const size of CLAIM_SIZES) {
    const context = { scratchDir, signal: interruption, onProgress: () => undefined };
    const { ceilingPerSec, reasons } = await measureCeiling(context, size);
    const rate =
      ceilingPerSec === undefined
        ? `not measured (${reasons.join('; ')})`
        : `${Math.round(ceilingPerSec).toLocaleString('en')} jobs/s`;
    said.push(`${rate} at ${size} per claim`);
    low ||= !((ceilingPerSec ?? 0) >= WANTED_CEILING);
    if (ceilingPerSec !== undefined) values[`perClaim${size}`] = Math.round(ceilingPerSec);
  }
  const wanted = WANTED_CEILING.toLocaleString('en');
  return {
    level: okIf(!low),
    what: 'null ceiling',
    detail: `per agent, without a database: ${said.join(', ')}${low ? `; where that is below ${wanted}, fast contenders will be generator-bound` : ''}`,
    values,
  };
}

/**
 * The harness against pgbench, a core for each side where there are two. On an embedded server of its own. No further
 * round begins after `withinSeconds`.
 */
export async function ratioFinding(
  machine: MachineAtStart,
  scratchDir: string,
  withinSeconds: number,
): Promise<Finding> {
  const what = 'pgbench ratio';
  const version = findPgbench();
  if (version === undefined)
    return {
      level: 'warn',
      what,
      detail:
        'pgbench is not installed (Debian: postgresql-contrib), so the harness cannot be compared with it',
      values: { found: false },
    };
  const pinned = pinOneEach(machine.processors);
  try {
    const ratio = await comparePgbench({
      connections: RATIO_CONNECTIONS,
      rounds: RATIO_ROUNDS,
      seconds: RATIO_SECONDS,
      pinned,
      scratchDir,
      signal: interruption,
      withinSeconds,
    });
    return ratioSaid(ratio, pinned, version);
  } catch (error) {
    if (interruption.aborted) throw error;
    return { level: 'warn', what, detail: oneLine(error), values: { found: true } };
  }
}

/** Not alike on both sides: without it the harness would be below pgbench. */
const ONE_WRITE = 'the harness sends an ack and the next claim in one write, where pgbench waits for each';

function ratioSaid(
  { median, min, max, rounds }: Ratio,
  pinned: Pinning | undefined,
  version: string,
): Finding {
  const where =
    pinned === undefined
      ? 'not pinned, so the client takes CPU from the server'
      : `server pinned to core ${formatCpuList(pinned.server)}, client to ${formatCpuList(pinned.agents)}`;
  const holds = median >= WANTED_RATIO;
  const verdict = holds
    ? ''
    : ': more than 5 % below pgbench, so figures of fast contenders show the harness too';
  return {
    level: okIf(holds),
    what: 'pgbench ratio',
    detail: `harness ÷ pgbench ${median.toFixed(3)} [${min.toFixed(3)}–${max.toFixed(3)}], ${rounds.length} ${rounds.length === 1 ? 'round' : 'rounds'} of ${RATIO_SECONDS} s, ${RATIO_CONNECTIONS} connections, ${where}${verdict}; ${ONE_WRITE}`,
    values: {
      found: true,
      version,
      ratio: round(median),
      min: round(min),
      max: round(max),
      rounds: rounds.length,
      connections: RATIO_CONNECTIONS,
      pinned: pinned !== undefined,
    },
  };
}

function round(value: number): number {
  return Math.round(value * 10_000) / 10_000;
}

// How near does the harness come to pgbench, with the same statements on as many connections?

import { findPgbench } from '../../harness/calibrate/pgbench.ts';
import { comparePgbench, type Ratio, WANTED_RATIO } from '../../harness/calibrate/pgbench-ratio.ts';
import { readProcessors } from '../../harness/measure/processors.ts';
import { type Pinning, pinOneEach } from '../../harness/run/pinning.ts';
import { openScratch } from '../../harness/run/scratch.ts';
import type { Bench, Figure, Yardstick } from '../yardstick.ts';

const CONNECTIONS = [1, 8, 32];
const ROUNDS = 5;
const SECONDS = 5;

export const pgbench: Yardstick = {
  name: 'pgbench',
  question: 'does the harness drive the server as hard as pgbench -M prepared does?',
  async run(bench) {
    if (findPgbench() === undefined) throw new Error('pgbench is not installed (Debian: postgresql-contrib)');
    const figures: Figure[] = [];
    for (const connections of CONNECTIONS) figures.push(...(await pinned(bench, connections)));
    for (const connections of CONNECTIONS) figures.push(...(await unpinned(bench, connections)));
    return figures;
  },
};

/** One core for the server and one for either client. */
async function pinned(bench: Bench, connections: number): Promise<Figure[]> {
  const what = `harness ÷ pgbench, ${connections} connections, a core each`;
  const cores = pinOneEach(readProcessors());
  if (cores === undefined) return [{ what, value: undefined, unit: '', note: 'needs taskset and two cores' }];
  const ratio = await compare(bench, connections, cores);
  return [{ what, value: ratio.median, unit: '', target: { atLeast: WANTED_RATIO }, note: noteOf(ratio) }];
}

async function unpinned(bench: Bench, connections: number): Promise<Figure[]> {
  const ratio = await compare(bench, connections, undefined);
  const what = `${connections} connections, not pinned`;
  const cpu = (of: 'pgbenchCpuShare' | 'harnessCpuShare'): number | undefined => {
    const shares = ratio.rounds.flatMap((round) => round[of] ?? []);
    return shares.length === 0 ? undefined : shares.reduce((sum, share) => sum + share, 0) / shares.length;
  };
  return [
    { what: `harness ÷ pgbench, ${what}`, value: ratio.median, unit: '', note: noteOf(ratio) },
    { what: `CPU of pgbench, ${what}`, value: cpu('pgbenchCpuShare'), unit: 'cores' },
    { what: `CPU of the harness's agent, ${what}`, value: cpu('harnessCpuShare'), unit: 'cores' },
  ];
}

async function compare(bench: Bench, connections: number, pinned: Pinning | undefined): Promise<Ratio> {
  await using scratch = await openScratch();
  return await comparePgbench({
    connections,
    pinned,
    rounds: bench.rounds ?? ROUNDS,
    seconds: SECONDS,
    scratchDir: scratch.path,
    signal: bench.signal,
    onRound: ({ pgbenchPerSec, harnessPerSec, ratio }) =>
      bench.say(
        `${connections} connections${pinned === undefined ? ', not pinned' : ''}: pgbench ${pgbenchPerSec.toFixed(0)} jobs/s, harness ${harnessPerSec.toFixed(0)} jobs/s, ratio ${ratio.toFixed(3)}`,
      ),
  });
}

function noteOf({ min, max, rounds }: Ratio): string {
  return `median of ${rounds.length} rounds of ${SECONDS} s [${min.toFixed(3)}–${max.toFixed(3)}]`;
}

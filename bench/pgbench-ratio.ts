// Does the harness carry the load? The same claim and delete through pgbench and through the harness, in turn.
//
// Target: harness ≥ 0.90 × `pgbench -M prepared`, eight connections, server on one core and client on the other.
// Prints the ratio pinned and not; ends with 1 when the pinned median misses the target.
//
// Alike on both sides: the statements, the planner settings of a worker's connection, the preload, and a first stretch
// that is left out. Not alike: the worker sends an ack and its next claim together, as it always does, where pgbench
// waits for each; and pgbench neither decodes a payload nor follows a job.

import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runCell } from '../harness/cell.ts';
import type { CellPlan } from '../harness/cell-plan.ts';
import { parseContender } from '../harness/contenders/index.ts';
import { openScratch } from '../harness/scratch.ts';
import { startEmbedded } from '../harness/server/embedded.ts';
import type { CellDatabase, PostgresServer } from '../harness/server/server.ts';
import { createQueue, pgDriver, type Statement } from '../queue/index.ts';
import { scenarioSchema } from '../scenarios/scenario.ts';
import { median } from '../stats/spread.ts';

const ROUNDS = Number(process.env['ROUNDS'] ?? 5);
const SECONDS = 5;
const CONNECTIONS = 8;
const PRELOAD = 60_000;
const TARGET = 0.9;
/** What a worker's connection sets, too: see queue/strategies/shared/planner.ts. */
const WORKER_SETTINGS = ['seqscan', 'bitmapscan', 'hashjoin', 'mergejoin', 'sort']
  .map((node) => `-c enable_${node}=off`)
  .join(' ');
const signal = new AbortController().signal;

const scenario = scenarioSchema.parse({
  name: 'pgbench-ratio',
  question: 'Does the harness drive the server as hard as pgbench does?',
  preloadJobs: PRELOAD,
  workers: { agents: 1, connections: CONNECTIONS },
  warmupSeconds: 0.5,
  phases: [{ label: 'drain', seconds: SECONDS + 0.5 }],
});

/** Jobs per second through the harness, or why the cell was void. */
async function throughHarness(
  server: PostgresServer,
  scratchDir: string,
  round: number,
  cpus?: readonly number[],
) {
  const plan: CellPlan = {
    id: `harness.${round}`,
    block: round,
    order: 0,
    repeat: round,
    scenario,
    contender: parseContender('skip-locked', () => ''),
    seed: round,
  };
  const context = {
    server,
    scratchDir,
    signal,
    ceilingFor: async () => undefined,
    onProgress: () => undefined,
  };
  const { cell } = await runCell(plan, cpus === undefined ? context : { ...context, agentCpus: cpus });
  if (cell.verdict !== 'valid' || cell.throughput === undefined)
    throw new Error(`void cell: ${cell.reasons.join('; ')}`);
  return cell.throughput.settledPerSec;
}

/** Claims and acks one job, and returns the two statements as they were sent. */
async function statementsOf(database: CellDatabase): Promise<readonly [Statement, Statement]> {
  const sent: Statement[] = [];
  await using driver = pgDriver({ ...database.connection, max: 2, onStatement: (s) => void sent.push(s) });
  await using queue = createQueue({
    driver,
    schema: database.schema,
    strategy: 'skip-locked',
    wakeup: 'poll',
  });
  await queue.install();
  await queue.enqueue({ queue: 'bench', payload: {} });
  const session = await queue.strategy.openWorker(await driver.connect('pgbench'), 'pgbench');
  sent.length = 0;
  const jobs = await session.claim('bench', 1, 30_000);
  await session.settle(jobs.map((job) => ({ kind: 'ack' as const, job })));
  await session[Symbol.asyncDispose]();
  const [claim, ack] = sent;
  if (claim === undefined || ack === undefined) throw new Error('the strategy sent no claim and ack');
  return [claim, ack];
}

async function preload(database: CellDatabase): Promise<void> {
  await using driver = pgDriver({ ...database.connection, max: 2 });
  await using queue = createQueue({
    driver,
    schema: database.schema,
    strategy: 'skip-locked',
    wakeup: 'poll',
  });
  const pad = 'x'.repeat(66);
  for (let start = 0; start < PRELOAD; start += 5_000) {
    await queue.enqueueMany(
      Array.from({ length: 5_000 }, (_, i) => ({ queue: 'bench', payload: { k: start + i, t: 0, pad } })),
    );
  }
  await driver.query({ text: 'ANALYZE' });
  await driver.query({ text: 'CHECKPOINT' });
}

/** Jobs per second through pgbench, with the statements that the strategy sends. */
async function throughPgbench(
  server: PostgresServer,
  scratch: string,
  round: number,
  cpu?: number,
): Promise<number> {
  await using database = await server.openDatabase(`pgbench_${round}`);
  const [claim, ack] = await statementsOf(database);
  await preload(database);
  const variables = (claim.values ?? []).flatMap((value, index) => ['-D', `c${index + 1}=${String(value)}`]);
  const claimText = claim.text.replaceAll(/\$(\d+)/g, ':c$1');
  const ackText = ack.text.replaceAll('$1', ':id').replaceAll('$2', ':fence');
  const script = join(scratch, `claim-${round}.sql`);
  writeFileSync(script, `${claimText.trim()} \\gset\n${ackText.trim()};\n`);
  const { host, port, user, password, database: name } = database.connection;
  const size = ['-c', String(CONNECTIONS), '-j', '1', '-T', String(SECONDS + 1), '-P', '1'];
  const pgbench = ['pgbench', '-n', '-M', 'prepared', ...size, '-f', script, ...variables];
  pgbench.push('-h', host, '-p', String(port), '-U', user, name);
  const [program = '', ...rest] = cpu === undefined ? pgbench : ['taskset', '-c', String(cpu), ...pgbench];
  const ran = spawnSync(program, rest, {
    encoding: 'utf8',
    env: { ...process.env, PGPASSWORD: password, PGOPTIONS: WORKER_SETTINGS },
    timeout: (SECONDS + 30) * 1000,
  });
  const perSecond = [...ran.stderr.matchAll(/^progress: [\d.]+ s, ([\d.]+) tps/gm)].map((m) => Number(m[1]));
  // The first second holds prepares and cold caches, which the harness leaves out as its warm-up.
  const counted = perSecond.slice(1, SECONDS + 1);
  if (ran.status !== 0 || counted.length < SECONDS - 1)
    throw new Error(`pgbench failed: ${ran.stderr.trim().slice(-500)}`);
  return counted.reduce((sum, tps) => sum + tps, 0) / counted.length;
}

async function compare(label: string, pinned: boolean): Promise<number> {
  await using scratch = await openScratch();
  await using server = await startEmbedded(pinned ? { cpus: [0] } : {});
  const ratios: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    // In turn, and each first in every other round: what the machine does meanwhile hits both alike.
    const measures = [
      () => throughPgbench(server, scratch.path, round, pinned ? 1 : undefined),
      () => throughHarness(server, scratch.path, round, pinned ? [1] : undefined),
    ];
    const results = [0, 0];
    for (const which of round % 2 === 0 ? [0, 1] : [1, 0]) results[which] = (await measures[which]?.()) ?? 0;
    const [pgbench = 0, harness = 0] = results;
    ratios.push(harness / pgbench);
    console.log(
      `${label} round ${round + 1}: pgbench ${pgbench.toFixed(0)} jobs/s, harness ${harness.toFixed(0)} jobs/s, ratio ${(harness / pgbench).toFixed(3)}`,
    );
  }
  const middle = median(ratios) ?? 0;
  console.log(
    `${label}: median ratio ${middle.toFixed(3)} [${Math.min(...ratios).toFixed(3)}–${Math.max(...ratios).toFixed(3)}], ${ROUNDS} rounds of ${SECONDS} s, ${CONNECTIONS} connections`,
  );
  return middle;
}

const together = await compare('unpinned', false);
const apart = await compare('pinned', true);
console.log(
  `target: pinned ≥ ${TARGET.toFixed(2)}; reached: ${apart.toFixed(3)} pinned, ${together.toFixed(3)} unpinned`,
);
process.exitCode = apart >= TARGET ? 0 : 1;

// How many jobs per second does pgbench claim and ack, with the very statements of a worker?

import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createQueue, type Driver, pgDriver, type Statement } from '../../queue/index.ts';
import { oneLine, RuntimeFailure } from '../errors.ts';
import { Workload } from '../load/workload.ts';
import { procStatFields, runToEnd } from '../server/processes.ts';
import type { CellDatabase, PostgresServer } from '../server/server.ts';
import { inOwnSession } from '../telemetry/server-costs.ts';
import { beginSegments } from '../telemetry/wal-ahead.ts';

/** What a worker's connection sets, too: see queue/strategies/shared/planner.ts. */
const WORKER_SETTINGS = ['seqscan', 'bitmapscan', 'hashjoin', 'mergejoin', 'sort']
  .map((node) => `-c enable_${node}=off`)
  .concat('-c jit=off')
  .join(' ');
const PRELOAD_CHUNK = 5_000;
const PAYLOAD_BYTES = 100;
/** Linux reports CPU time of a process in hundredths of a second, whatever its own tick is. */
const TICK_SECONDS = 0.01;
const CPU_POLL_MS = 100;

export interface PgbenchLoad {
  readonly server: PostgresServer;
  /** Becomes part of a database's name. */
  readonly label: string;
  readonly connections: number;
  /** Seconds that count; one more goes before them, for prepares and cold caches. */
  readonly seconds: number;
  readonly preloadJobs: number;
  /** A folder for the script. */
  readonly scratchDir: string;
  /** Cores for pgbench; absent for all. */
  readonly cpus?: readonly number[] | undefined;
  readonly signal: AbortSignal;
}

/** Jobs per second, and the share of one core that pgbench itself used; the latter absent off Linux. */
export interface PgbenchRate {
  readonly jobsPerSec: number;
  readonly cpuShare?: number;
}

/** What `pgbench --version` says; undefined where it is not installed. */
export function findPgbench(): string | undefined {
  const found = spawnSync('pgbench', ['--version'], { encoding: 'utf8', timeout: 5_000 });
  return found.status === 0 ? found.stdout.trim() : undefined;
}

/**
 * Preloads a fresh database and drains it with `pgbench -M prepared`, one client per connection, one thread.
 * @throws RuntimeFailure when pgbench fails, or runs out of jobs.
 */
export async function runPgbench(load: PgbenchLoad): Promise<PgbenchRate> {
  await using database = await load.server.openDatabase(load.label);
  const statements = await prepareDatabase(database, load);
  const args = pgbenchArguments(load, database, writeScript(load, statements));
  const command =
    load.cpus === undefined
      ? ['pgbench', ...args]
      : ['taskset', '-c', load.cpus.join(','), 'pgbench', ...args];
  let cpu: CpuWatch | undefined;
  const ran = await runToEnd(command[0] ?? 'pgbench', command.slice(1), {
    cwd: load.scratchDir,
    env: { ...process.env, PGPASSWORD: database.connection.password, PGOPTIONS: WORKER_SETTINGS },
    timeoutMs: (load.seconds + 30) * 1000,
    signal: load.signal,
    onSpawn: (pid) => {
      cpu = new CpuWatch(pid);
    },
  }).finally(() => cpu?.stop());
  const perSecond = [...ran.stderr.matchAll(/^progress: [\d.]+ s, ([\d.]+) tps/gm)].map((m) => Number(m[1]));
  const counted = perSecond.slice(1, load.seconds + 1);
  if (ran.code !== 0 || counted.length < load.seconds)
    throw new RuntimeFailure(`pgbench failed: ${oneLine(ran.stderr).slice(-300)}`);
  const share = cpu?.share();
  return {
    jobsPerSec: counted.reduce((sum, tps) => sum + tps, 0) / counted.length,
    ...(share === undefined ? {} : { cpuShare: share }),
  };
}

function pgbenchArguments(load: PgbenchLoad, database: CellDatabase, script: Script): string[] {
  const { host, port, user, database: name } = database.connection;
  return [
    ...['-n', '-M', 'prepared', '-c', String(load.connections), '-j', '1'],
    ...['-T', String(load.seconds + 1), '-P', '1', '-f', script.file, ...script.variables],
    ...['-h', host, '-p', String(port), '-U', user, name],
  ];
}

interface Script {
  readonly file: string;
  readonly variables: readonly string[];
}

/** The claim's parameters become variables of pgbench; its row's columns become those of the ack. */
function writeScript(load: PgbenchLoad, [claim, ack]: readonly [Statement, Statement]): Script {
  const variables = (claim.values ?? []).flatMap((value, i) => ['-D', `c${i + 1}=${String(value)}`]);
  const claimText = claim.text.replaceAll(/\$(\d+)/g, ':c$1');
  const ackText = ack.text.replaceAll('$1', ':id').replaceAll('$2', ':fence');
  const file = join(load.scratchDir, `${load.label}.sql`);
  writeFileSync(file, `${claimText.trim()} \\gset\n${ackText.trim()};\n`);
  return { file, variables };
}

/** Installs, preloads, and returns the claim and the ack of one job as a worker's session sends them. */
async function prepareDatabase(
  database: CellDatabase,
  { server, preloadJobs: jobs }: PgbenchLoad,
): Promise<readonly [Statement, Statement]> {
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
  const claimed = await session.claim('bench', 1, 30_000);
  await session.settle(claimed.map((job) => ({ kind: 'ack' as const, job })));
  await session[Symbol.asyncDispose]();
  const [claim, ack] = sent;
  if (claim === undefined || ack === undefined) throw new Error('the strategy sent no claim and ack');
  const workload = new Workload(PAYLOAD_BYTES, [0]);
  let chunk: { queue: string; payload: object }[] = [];
  for (const { payload } of workload.preload(jobs)) {
    chunk.push({ queue: 'bench', payload });
    if (chunk.length < PRELOAD_CHUNK) continue;
    await queue.enqueueMany(chunk);
    chunk = [];
  }
  await queue.enqueueMany(chunk);
  await inOwnSession(database, (session) =>
    beginSegments(session, { jobs, payloadBytes: PAYLOAD_BYTES }, server.dataDirectory),
  );
  await settleDown(driver);
  return [claim, ack];
}

/** As before every cell. */
async function settleDown(driver: Driver): Promise<void> {
  await driver.query({ text: 'ANALYZE' });
  await driver.query({ text: 'CHECKPOINT' });
}

/** Reads a process's CPU time while it lives: once it has ended, nobody can. */
class CpuWatch {
  readonly #timer: NodeJS.Timeout;
  #first: { atMs: number; cpuSeconds: number } | undefined;
  #last: { atMs: number; cpuSeconds: number } | undefined;

  constructor(pid: number) {
    const read = (): void => {
      // utime and stime are the 14th and 15th fields; these begin with the third.
      const fields = procStatFields(pid);
      if (fields === undefined || fields[0] === 'Z') return;
      const ticks = Number(fields[11]) + Number(fields[12]);
      this.#last = { atMs: performance.now(), cpuSeconds: ticks * TICK_SECONDS };
      this.#first ??= this.#last;
    };
    this.#timer = setInterval(read, CPU_POLL_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  share(): number | undefined {
    if (this.#first === undefined || this.#last === undefined || this.#first === this.#last) return undefined;
    return (this.#last.cpuSeconds - this.#first.cpuSeconds) / ((this.#last.atMs - this.#first.atMs) / 1000);
  }
}

// How many jobs per second does pgbench insert, with the very statement of an enqueue?

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { oneLine, RuntimeFailure } from '../../../harness/errors.ts';
import { Workload } from '../../../harness/load/workload.ts';
import { runToEnd } from '../../../harness/server/processes.ts';
import type { CellDatabase } from '../../../harness/server/server.ts';
import { createQueue, pgDriver, type Statement } from '../../../queue/index.ts';

const QUEUE = 'bench';
const PAYLOAD_BYTES = 100;

export interface InsertLoad {
  readonly database: CellDatabase;
  readonly strategy: string;
  readonly clients: number;
  /** Whole seconds that count; one more goes before them. */
  readonly seconds: number;
  /** A folder for the script. */
  readonly folder: string;
  readonly cpus: readonly number[] | undefined;
  readonly signal: AbortSignal;
}

/** Installs the strategy and inserts with `pgbench -M prepared`, one thread. `enqueued` is what must be in the queue now. */
export async function pgbenchInsert(
  load: InsertLoad,
): Promise<{ readonly jobsPerSec: number; readonly enqueued: number }> {
  const script = scriptOf(await statementsOf(load));
  const file = join(load.folder, `${load.database.connection.database}.sql`);
  writeFileSync(file, script.text);
  const { host, port, user, password, database } = load.database.connection;
  const words = [
    ...['pgbench', '-n', '-M', 'prepared', '-c', String(load.clients), '-j', '1'],
    ...['-T', String(load.seconds + 1), '-P', '1', '-f', file, ...script.variables],
    ...['-h', host, '-p', String(port), '-U', user, database],
  ];
  const [command = '', ...rest] =
    load.cpus === undefined ? words : ['taskset', '-c', load.cpus.join(','), ...words];
  const ran = await runToEnd(command, rest, {
    cwd: load.folder,
    env: { ...process.env, PGPASSWORD: password },
    timeoutMs: (load.seconds + 30) * 1000,
    signal: load.signal,
  });
  const perSecond = [...ran.stderr.matchAll(/^progress: [\d.]+ s, ([\d.]+) tps/gm)].map((m) => Number(m[1]));
  const counted = perSecond.slice(1, load.seconds + 1);
  const transactions = /transactions actually processed: (\d+)/.exec(ran.stdout)?.[1];
  if (ran.code !== 0 || counted.length < load.seconds || transactions === undefined)
    throw new RuntimeFailure(`pgbench failed: ${oneLine(ran.stderr).slice(-300)}`);
  return {
    jobsPerSec: counted.reduce((sum, tps) => sum + tps, 0) / counted.length,
    // And the two by which the statement was learned.
    enqueued: Number(transactions) + 2,
  };
}

/** What one enqueue sends, signals aside. */
async function statementsOf(load: InsertLoad): Promise<readonly Statement[]> {
  const sent: Statement[] = [];
  const { connection, schema } = load.database;
  await using driver = pgDriver({ ...connection, max: 1, onStatement: (s) => void sent.push(s) });
  await using queue = createQueue({ driver, schema, strategy: load.strategy, wakeup: 'poll' });
  await queue.install();
  const { payload } = new Workload(PAYLOAD_BYTES, [0]).job(1_000_000, 0);
  // The first may make what later ones find: a lane, say. What is compared is what each one sends.
  await queue.enqueue({ queue: QUEUE, payload });
  sent.length = 0;
  await queue.enqueue({ queue: QUEUE, payload });
  if (sent.length !== 1) throw new RuntimeFailure(`an enqueue sent ${sent.length} statements, not one`);
  return sent;
}

interface Script {
  readonly text: string;
  readonly variables: readonly string[];
}

/** Parameters become variables of pgbench, which knows no NULL: that stands in the text. */
function scriptOf(statements: readonly Statement[]): Script {
  const variables: string[] = [];
  const texts = statements.map(({ text, values = [] }, s) => {
    const written = text.replaceAll(/\$(\d+)/g, (_, number: string) => {
      const value = values[Number(number) - 1];
      return value === null || value === undefined ? 'NULL' : `:v${s}_${number}`;
    });
    for (const [i, value] of values.entries())
      if (value !== null && value !== undefined) variables.push('-D', `v${s}_${i + 1}=${asText(value)}`);
    return `${written.trim()};\n`;
  });
  return { text: texts.join(''), variables };
}

function asText(value: unknown): string {
  if (!Array.isArray(value)) return String(value);
  const quoted = value.map((one) =>
    one === null ? 'NULL' : `"${String(one).replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`,
  );
  return `{${quoted.join(',')}}`;
}

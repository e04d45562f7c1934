// What does a job cost in WAL and commits, from its enqueue to its settle, a hundred at a time?
//
// A loop of the yardstick's own, not a cell: enqueue by the hundred until all jobs wait, then claim and settle by the
// hundred as a worker would (as one turn where the session has it), with the strategy's upkeep on its schedule and once
// more at the end. Enqueues go through a queue with coalesced signals: their commits are told apart, as the target speaks of
// insert, claim and settle. The WAL between the two positions is read record by record with pg_walinspect: `record_size` is a
// record without its full-page images, which are left out, and commits are the records Transaction/COMMIT. So only
// transactions that wrote are counted as commits. Autovacuum is off, and no checkpoint falls between. What the jobs leave to
// VACUUM is measured by one afterwards, and shown beside. 50,000 jobs of ring fill no table of 16 MB: none is truncated.

import { setTimeout as sleep } from 'node:timers/promises';
import { oneLine } from '../../../harness/errors.ts';
import { Workload } from '../../../harness/load/workload.ts';
import { withConnection } from '../../../harness/server/connect.ts';
import { startEmbedded } from '../../../harness/server/embedded.ts';
import type { CellDatabase } from '../../../harness/server/server.ts';
import {
  type ClaimedJob,
  createQueue,
  type Driver,
  type Outcome,
  pgDriver,
  type Queue,
  type StrategyFactory,
  strategies,
  type WorkerSession,
} from '../../../queue/index.ts';
import { UpkeepSchedule } from '../../../queue/worker/upkeep-schedule.ts';
import { type Bench, type Figure, wants, type Yardstick } from '../../yardstick.ts';
import { brief } from './cells.ts';

const BATCH = 100;
const JOBS = 50_000;
const SMOKE_JOBS = 1_000;
const SMOKE_STRATEGIES = ['skip-locked', 'range-lease'];
const PAYLOAD_BYTES = 100;
const QUEUE = 'bench';
const LEASE_MS = 60_000;
/** For jobs that a strategy does not hand out at once, such as one that waits for its next tick. */
const PATIENCE_MS = 20_000;
const COMMITS_PER_JOB = 0.03;
const TYPES_SHOWN = 6;

/** Bytes per job; strategies of the shared table have one target. */
const WAL_TARGETS: Readonly<Record<string, number>> = {
  'range-lease': 560,
  ring: 320,
  'packed-lease': 450,
  'skip-locked': 850,
  batch: 850,
  blocking: 850,
  nowait: 850,
  optimistic: 850,
  advisory: 850,
  'advisory-candidates': 850,
  'held-transaction': 850,
};

export const walPerJob: Yardstick = {
  name: 'wal',
  question: 'what does a job cost in WAL and commits, from enqueue to settle, at batch 100?',
  async run(bench) {
    for (const name of Object.keys(WAL_TARGETS))
      if (strategies.every(({ strategyName }) => strategyName !== name))
        bench.say(`${name} is not registered: left out`);
    await using server = await startEmbedded({
      signal: bench.signal,
      settings: { autovacuum: 'off', checkpoint_timeout: '1h' },
    });
    const figures: Figure[] = [];
    for (const factory of strategies) {
      const name = factory.strategyName;
      if (!wants(bench, name) || (bench.smoke && !SMOKE_STRATEGIES.includes(name))) continue;
      await using database = await server.openDatabase(`wal_${figures.length}`);
      const reason = factory.create({ schema: database.schema }).fixed?.batch;
      if (reason === undefined) figures.push(...(await figuresOf(bench, { name, factory, database })));
      else bench.say(`${name} is left out: ${reason}`);
    }
    return figures;
  },
};

interface Tried {
  readonly name: string;
  readonly factory: StrategyFactory;
  readonly database: CellDatabase;
}

async function figuresOf(bench: Bench, tried: Tried): Promise<Figure[]> {
  const { name } = tried;
  const jobs = bench.smoke ? SMOKE_JOBS : JOBS;
  const limit = WAL_TARGETS[name];
  const wal = { what: `WAL, ${name}`, unit: 'bytes per job' };
  const walTarget = limit === undefined ? {} : { target: { atMost: limit } };
  const commits = { what: `commits, ${name}`, unit: 'per job', target: { atMost: COMMITS_PER_JOB } };
  try {
    const { bytes, images, commitRecords, signals, dearest, vacuumBytes } = await costOf(bench, tried, jobs);
    const parts = dearest.map((row) => `${row.type} ${Math.round(row.bytes / jobs)}`).join(', ');
    const without = `most of it ${parts}; ${Math.round(images / jobs)} bytes of full-page images left out`;
    bench.say(`${name}: ${Math.round(bytes / jobs)} bytes and ${commitRecords / jobs} commits per job`);
    return [
      { ...wal, ...walTarget, value: bytes / jobs, note: without },
      {
        ...commits,
        value: (commitRecords - signals) / jobs,
        note: `and ${brief(signals / jobs)} of signals to idle workers`,
      },
      { what: `WAL of a VACUUM after them, ${name}`, unit: 'bytes per job', value: vacuumBytes / jobs },
    ];
  } catch (error) {
    if (bench.signal.aborted) throw error;
    const note = oneLine(error);
    return [
      { ...wal, ...walTarget, value: Number.NaN, note },
      { ...commits, value: Number.NaN, note },
    ];
  }
}

interface RecordType {
  readonly type: string;
  readonly count: number;
  readonly bytes: number;
  readonly images: number;
}

interface Cost {
  readonly bytes: number;
  readonly images: number;
  readonly commitRecords: number;
  /** Of those, how many told idle workers of an enqueue. */
  readonly signals: number;
  /** Of a VACUUM after all jobs are settled, also without full-page images. */
  readonly vacuumBytes: number;
  /** The types of record that most of `bytes` went into. */
  readonly dearest: readonly RecordType[];
}

function sum(rows: readonly RecordType[], of: (row: RecordType) => number): number {
  return rows.reduce((total, row) => total + of(row), 0);
}

async function costOf(bench: Bench, { factory, database }: Tried, jobs: number): Promise<Cost> {
  let signals = 0;
  await using driver = pgDriver({
    ...{ ...database.connection, max: 2, applicationName: 'claimbench wal' },
    onStatement: ({ text }) => {
      if (text.includes('pg_notify')) signals += 1;
    },
  });
  const { schema } = database;
  await using queue = createQueue({ driver, strategy: factory, schema, wakeup: 'coalesced' });
  await queue.install();
  return await withConnection(
    database.connection,
    { applicationName: 'claimbench wal reader' },
    async (client) => {
      await client.query('CREATE EXTENSION pg_walinspect');
      await client.query('CHECKPOINT');
      const position = async (): Promise<string> => {
        const { rows } = await client.query<{ lsn: string }>('SELECT pg_current_wal_insert_lsn() AS lsn');
        return rows[0]?.lsn ?? '';
      };
      const from = await position();
      await passThrough(bench, queue, driver, jobs);
      const to = await position();
      await client.query('VACUUM');
      const vacuumed = await position();
      // Whatever is in no page of the WAL yet is not seen by pg_walinspect: a switch would be a record of its own.
      await client.query('SELECT pg_log_standby_snapshot()');
      const between = async (start: string, end: string): Promise<readonly RecordType[]> => {
        const { rows } = await client.query<RecordType>(
          `SELECT "resource_manager/record_type" AS type, count::float8 AS count, record_size::float8 AS bytes,
                fpi_size::float8 AS images
           FROM pg_get_wal_stats($1, $2, true) ORDER BY record_size DESC`,
          [start, end],
        );
        return rows;
      };
      const rows = await between(from, to);
      const cost = {
        signals,
        vacuumBytes: sum(await between(to, vacuumed), (row) => row.bytes),
        bytes: sum(rows, (row) => row.bytes),
        images: sum(rows, (row) => row.images),
        commitRecords: rows.find((row) => row.type === 'Transaction/COMMIT')?.count ?? 0,
        dearest: rows.slice(0, TYPES_SHOWN),
      };
      if (cost.commitRecords === 0) throw new Error('no commit was found in the WAL');
      return cost;
    },
  );
}

/** Every job once through the queue. Throws when one is missing or a settle was refused. */
async function passThrough(bench: Bench, queue: Queue, driver: Driver, jobs: number): Promise<void> {
  const { strategy } = queue;
  const upkeep =
    strategy.upkeep && new UpkeepSchedule(strategy.upkeep, performance.now() + strategy.upkeep.everyMs);
  await using session = await strategy.openWorker(await driver.connect('wal'), 'wal');
  const workload = new Workload(PAYLOAD_BYTES, [0]);
  for (let first = 0; first < jobs; first += BATCH) {
    const some = Array.from({ length: BATCH }, (_, i) => workload.job(first + i, 0));
    await queue.enqueueMany(some.map(({ payload }) => ({ queue: QUEUE, payload })));
    await upkeep?.runWhenDue(driver);
    bench.signal.throwIfAborted();
  }
  let settled = 0;
  let held: readonly ClaimedJob[] = [];
  let lastFoundMs = performance.now();
  while (settled < jobs) {
    bench.signal.throwIfAborted();
    const before = held.length;
    held = await next(session, held);
    settled += before;
    await upkeep?.runWhenDue(driver);
    if (held.length > 0 || before > 0) lastFoundMs = performance.now();
    else if (performance.now() - lastFoundMs > PATIENCE_MS)
      throw new Error(`${jobs - settled} of ${jobs} jobs were not handed out`);
    else await sleep(10);
  }
  await strategy.upkeep?.run(driver);
}

/** Settles what is held and claims the next, as one turn where there is such. */
async function next(session: WorkerSession, held: readonly ClaimedJob[]): Promise<readonly ClaimedJob[]> {
  const outcomes = held.map((job): Outcome => ({ kind: 'ack', job }));
  if (outcomes.length > 0 && session.turn !== undefined) {
    const { settled, jobs } = await session.turn.settleAndClaim(outcomes, QUEUE, BATCH, LEASE_MS);
    requireAcked(settled.acked, outcomes.length);
    return jobs;
  }
  if (outcomes.length > 0) requireAcked((await session.settle(outcomes)).acked, outcomes.length);
  return await session.claim(QUEUE, BATCH, LEASE_MS);
}

function requireAcked(acked: number, wanted: number): void {
  if (acked !== wanted) throw new Error(`${acked} of ${wanted} acks took effect`);
}

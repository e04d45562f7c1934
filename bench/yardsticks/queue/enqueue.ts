// How many jobs per second go into the queue, one by one and by the thousand?

import { findPgbench } from '../../../harness/calibrate/pgbench.ts';
import { oneLine } from '../../../harness/errors.ts';
import { readProcessors } from '../../../harness/measure/processors.ts';
import { pinOneEach } from '../../../harness/run/pinning.ts';
import { openScratch } from '../../../harness/run/scratch.ts';
import { startEmbedded } from '../../../harness/server/embedded.ts';
import type { CellDatabase, PostgresServer } from '../../../harness/server/server.ts';
import { type Driver, pgDriver, type StrategyFactory } from '../../../queue/index.ts';
import type { Bench, Figure, Yardstick } from '../../yardstick.ts';
import { brief, Rounds } from './cells.ts';
import { contestants, FAVOURITES } from './contestants.ts';
import { runEnqueueLoad } from './enqueue-orders.ts';
import { pgbenchInsert } from './pgbench-insert.ts';

const ROUNDS = 3;
const SECONDS = 3;
/** Until the child has compiled what runs often. */
const WARMUP_SECONDS = 2;
const PRODUCERS = 8;
const PER_CALL = 1_000;
const BULK_CALLERS = 4;
const SINGLE_TARGET = 0.9;
const BULK_TARGET_PER_SEC = 150_000;
const PG_BOSS_TARGET = 3;
const QUEUE = 'bench';

/** Single inserts beside pgbench's, and bulk inserts beside pg-boss's. Each count is verified in the database. */
export const enqueue: Yardstick = {
  name: 'enqueue',
  question: 'how fast do jobs enter the queue, beside pgbench and pg-boss?',
  async run(bench) {
    return [...(await single(bench)), ...(await bulk(bench))];
  },
};

interface Place {
  readonly bench: Bench;
  readonly server: PostgresServer;
  readonly folder: string;
  readonly cpus: readonly number[] | undefined;
}

/** A way to enqueue for a while: jobs per second, or the reason why there is no such figure. */
interface Way {
  readonly name: string;
  readonly rates: Rounds;
  readonly seen: (number | undefined)[];
  readonly measure: () => Promise<number>;
}

function way(name: string, measure: () => Promise<number>): Way {
  return { name, rates: new Rounds(), seen: [], measure };
}

/** Every way once in each round: first goes first in one, last in the next. */
async function inTurn(bench: Bench, ways: readonly Way[]): Promise<void> {
  for (let round = 0; round < (bench.smoke ? 1 : (bench.rounds ?? ROUNDS)); round += 1) {
    for (const { name, rates, seen, measure } of round % 2 === 0 ? ways : ways.toReversed()) {
      try {
        const rate = await measure();
        rates.add(rate);
        seen[round] = rate;
        bench.say(`${name}: ${brief(rate)} jobs/s`);
      } catch (error) {
        bench.signal.throwIfAborted();
        rates.failed(oneLine(error));
        seen[round] = undefined;
      }
    }
  }
}

/** The rounds' own ratios; void when a round of either was. The note says of what. */
function ratioOf(above: Way, below: Way, note: string): Omit<Figure, 'what'> {
  const ratios = new Rounds();
  for (const [round, rate] of above.seen.entries()) {
    const other = below.seen[round];
    if (rate === undefined || other === undefined) ratios.failed(`round ${round + 1}`);
    else ratios.add(rate / other);
  }
  const reading = ratios.reading();
  return { ...reading, unit: '', note: `${reading.note}; ${note}` };
}

async function single(bench: Bench): Promise<Figure[]> {
  if (findPgbench() === undefined)
    return [
      {
        what: 'single-row enqueue ÷ pgbench',
        value: undefined,
        unit: '',
        target: { atLeast: SINGLE_TARGET },
        note: 'pgbench is not installed (Debian: postgresql-contrib)',
      },
    ];
  await using scratch = await openScratch();
  const pinned = pinOneEach(readProcessors());
  await using server = await startEmbedded({
    signal: bench.signal,
    ...(pinned === undefined ? {} : { cpus: pinned.server }),
  });
  const place = { bench, server, folder: scratch.path, cpus: pinned?.agents };
  const all = contestants(bench).map((factory) => ({
    factory,
    queue: way(`${factory.strategyName}, single`, () => throughQueue(place, factory, 'coalesced', 1)),
    unsignalled: way(`${factory.strategyName}, single, poll`, () => throughQueue(place, factory, 'poll', 1)),
    pgbench: way(`${factory.strategyName}, pgbench`, () => throughPgbench(place, factory)),
  }));
  for (const { queue, unsignalled, pgbench } of all) await inTurn(bench, [queue, unsignalled, pgbench]);
  const where = `${PRODUCERS} producers${pinned === undefined ? ', not pinned' : ', a core each'}`;
  return all.flatMap(({ factory, queue, unsignalled, pgbench }) => [
    ratioFigure(factory, `wakeup coalesced, ${where}`, queue, pgbench, true),
    ratioFigure(factory, `wakeup poll, ${where}`, unsignalled, pgbench, false),
  ]);
}

function ratioFigure(
  factory: StrategyFactory,
  how: string,
  queue: Way,
  pgbench: Way,
  judged: boolean,
): Figure {
  return {
    ...ratioOf(queue, pgbench, `jobs/s: ${described(queue)}; pgbench ${described(pgbench)}`),
    what: `${factory.strategyName}, single-row enqueue ÷ pgbench's insert, ${how}`,
    ...(judged ? { target: { atLeast: SINGLE_TARGET } } : {}),
  };
}

async function bulk(bench: Bench): Promise<Figure[]> {
  await using scratch = await openScratch();
  // Not pinned: of server and client both are busy, and the target speaks of the machine.
  await using server = await startEmbedded({ signal: bench.signal });
  const place = { bench, server, folder: scratch.path, cpus: undefined };
  const boss = way(`pg-boss, ${PER_CALL} per call`, () => throughPgBoss(place));
  const all = contestants(bench).map((factory) => ({
    factory,
    queue: way(`${factory.strategyName}, ${PER_CALL} per call`, () =>
      throughQueue(place, factory, 'coalesced', PER_CALL),
    ),
  }));
  await inTurn(bench, [boss, ...all.map(({ queue }) => queue)]);
  const how = `${brief(PER_CALL)} per call, ${BULK_CALLERS} callers`;
  return all.flatMap(({ factory, queue }) => {
    const judged = FAVOURITES.includes(factory.strategyName);
    return [
      {
        what: `${factory.strategyName}, enqueue of ${how}`,
        unit: 'jobs/s',
        ...(judged ? { target: { atLeast: BULK_TARGET_PER_SEC } } : {}),
        ...queue.rates.reading(),
      },
      {
        ...ratioOf(queue, boss, `pg-boss ${described(boss)}`),
        what: `${factory.strategyName}, enqueue of ${how} ÷ pg-boss's insert`,
        ...(judged ? { target: { atLeast: PG_BOSS_TARGET } } : {}),
      },
    ];
  });
}

function described({ rates }: Way): string {
  const { value, note } = rates.reading();
  return Number.isNaN(value) ? note : `${brief(value)}, ${note}`;
}

async function throughQueue(
  place: Place,
  factory: StrategyFactory,
  wakeup: string,
  jobsPerCall: number,
): Promise<number> {
  await using database = await place.server.openDatabase('enqueue');
  const { enqueued, jobsPerSec } = await runEnqueueLoad(
    {
      of: { strategy: factory.strategyName, wakeup },
      ...ordersOf(place, database, jobsPerCall),
    },
    { cpus: place.cpus, signal: place.bench.signal },
  );
  await verify(database, factory, enqueued);
  return jobsPerSec;
}

function ordersOf({ bench }: Place, { connection, schema }: CellDatabase, jobsPerCall: number) {
  const { host, port, user, password, database } = connection;
  return {
    connection: { host, port, user, password, database },
    schema,
    callers: jobsPerCall === 1 ? PRODUCERS : BULK_CALLERS,
    jobsPerCall,
    seconds: bench.smoke ? 1 : SECONDS,
    warmupSeconds: bench.smoke ? 0.2 : WARMUP_SECONDS,
  };
}

async function throughPgbench(place: Place, factory: StrategyFactory): Promise<number> {
  const { bench, server, folder, cpus } = place;
  await using database = await server.openDatabase('enqueue');
  const { jobsPerSec, enqueued } = await pgbenchInsert({
    ...{ database, strategy: factory.strategyName, clients: PRODUCERS, folder, cpus, signal: bench.signal },
    seconds: bench.smoke ? 1 : SECONDS,
  });
  await verify(database, factory, enqueued);
  return jobsPerSec;
}

async function throughPgBoss(place: Place): Promise<number> {
  await using database = await place.server.openDatabase('enqueue');
  const { enqueued, jobsPerSec } = await runEnqueueLoad(
    { of: 'pg-boss', ...ordersOf(place, database, PER_CALL) },
    { cpus: place.cpus, signal: place.bench.signal },
  );
  await using driver = pgDriver({ ...database.connection, max: 1 });
  const { rows } = await driver.query<{ readonly jobs: number }>({
    text: `SELECT count(*)::float8 AS jobs FROM "${database.schema}".job WHERE name = '${QUEUE}'`,
  });
  requireCount(rows[0]?.jobs, enqueued);
  await requireDurable(driver);
  return jobsPerSec;
}

/** What was confirmed is in the database, by the strategy's own account. */
async function verify(database: CellDatabase, factory: StrategyFactory, enqueued: number): Promise<void> {
  await using driver = pgDriver({ ...database.connection, max: 1 });
  const { ready } = await factory.create({ schema: database.schema }).stats(driver, QUEUE);
  requireCount(ready, enqueued);
  await requireDurable(driver);
}

function requireCount(stored: number | undefined, enqueued: number): void {
  if (stored !== enqueued)
    throw new Error(`${enqueued} jobs were confirmed, and the database holds ${stored}`);
}

async function requireDurable(driver: Driver): Promise<void> {
  for (const setting of ['fsync', 'synchronous_commit', 'full_page_writes']) {
    const { rows } = await driver.query<{ readonly value: string }>({
      text: 'SELECT current_setting($1) AS value',
      values: [setting],
    });
    if (rows[0]?.value !== 'on') throw new Error(`${setting} is ${rows[0]?.value}: nothing here is durable`);
  }
}

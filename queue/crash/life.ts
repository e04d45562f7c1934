// At which steps of its life may a job be when something crashes, and what must become of it then?

import type { Connection, Driver } from '../drivers/driver.ts';
import { createQueue } from '../queue.ts';
import { qualify, quoteIdentifier } from '../sql.ts';
import type { ClaimedJob, ClaimStrategy, JobId, StrategyFactory, WorkerSession } from '../strategy.ts';
import { createWorker } from '../worker.ts';

/** Long enough for every strategy's jobs to be at their steps before the first lease ends. */
const LEASE_MS = 8_000;
/** How long a delayed job and a retry wait. */
const DELAY_MS = 6_000;
/** A table that is in use otherwise is not waited for. */
const LOCK_TIMEOUT_MS = 500;

/** `crash: <step>` excuses a strategy from one. */
export const CRASH_STEPS = [
  'enqueued',
  'not committed',
  'claimed',
  'partly settled',
  'running',
  'while settling',
  'settled',
  'delayed',
  'retry waiting',
  'dead',
] as const;
export type CrashStep = (typeof CRASH_STEPS)[number];

/**
 * `back`: handed out again, once. `dead`: rests among the dead letters. `gone`: is nowhere. `back or gone`: one of them,
 * as it is unknown whether the settle took effect.
 */
export type Fate = 'back' | 'dead' | 'gone' | 'back or gone';

/** A job at its step. */
export interface LivingJob {
  readonly step: CrashStep;
  /** Each step has a queue of its own. */
  readonly queue: string;
  readonly id: JobId;
  readonly fate: Fate;
  /** When it comes back. */
  readonly attempt: number;
  /** It comes back then and not before, in ms since the Unix epoch; 0 for with the crash. */
  readonly dueMs: number;
  /** How much later than `dueMs` it may be due: where the step does not know better. */
  readonly slackMs: number;
  /** The lease that the crash took, or that will have ended by then. */
  readonly lost?: ClaimedJob;
}

/** The jobs of one schema. */
export interface Life {
  readonly schema: string;
  readonly jobs: readonly LivingJob[];
}

/** What a strategy's jobs live on; everything that is opened here ends with the crash. */
export interface World {
  readonly factory: StrategyFactory;
  /** Installed already, and `<schema> settling` with it. */
  readonly schema: string;
  readonly driver: Driver;
  readonly without: ReadonlySet<string>;
  /** Whether a worker is at work: only where the whole process ends. */
  readonly worker: boolean;
}

/** The two schemas of a strategy: what blocks a settle would block all else. */
export const schemasOf = (schema: string): readonly [string, string] => [schema, `${schema} settling`];

/** Brings a job to every step, and leaves it there. */
export async function live(world: World): Promise<readonly Life[]> {
  const { factory, without } = world;
  const [schema, settling] = schemasOf(world.schema);
  const strategy = factory.create({ schema });
  const place = { strategy, driver: world.driver, timed: strategy.guarantees.lease === 'timed' };
  const steps = [
    enqueued(place),
    notCommitted(place),
    claimed(place),
    partlySettled(place),
    settled(place),
    dead(place),
    ...(strategy.delay === undefined ? [] : [delayed(place), retryWaiting(place)]),
    ...(world.worker ? [running(world, place)] : []),
  ];
  const jobs = (await Promise.all(steps)).flat();
  const last = await whileSettling(world, settling);
  const wanted = (found: readonly LivingJob[]) => found.filter(({ step }) => !without.has(step));
  return [
    { schema, jobs: wanted(jobs) },
    { schema: settling, jobs: wanted([last]) },
  ];
}

interface Place {
  readonly strategy: ClaimStrategy;
  readonly driver: Driver;
  readonly timed: boolean;
}

async function enqueue({ strategy, driver }: Place, queue: CrashStep, count = 1, runAt?: Date) {
  const jobs = Array.from({ length: count }, (_, n) => ({
    queue,
    payload: { n },
    ...(runAt === undefined ? {} : { runAt }),
  }));
  const ids = await strategy.enqueue(driver, jobs);
  // What makes jobs ready is done, as a worker does it.
  await strategy.upkeep?.run(driver);
  return ids;
}

async function open({ strategy, driver }: Place, step: CrashStep): Promise<WorkerSession> {
  return strategy.openWorker(await driver.connect(step), step);
}

/** At most `count`: some sessions hold one job at a time. */
async function claimSome(place: Place, session: WorkerSession, step: CrashStep, count = 1) {
  const jobs = await session.claim(step, count, LEASE_MS);
  if (jobs.length === 0) throw new Error(`${place.strategy.name} claimed nothing: ${step}`);
  return jobs;
}

/** Those of the enqueued that were not claimed. */
function untouched(
  step: CrashStep,
  ids: readonly JobId[],
  jobs: readonly ClaimedJob[],
): readonly LivingJob[] {
  const claimedIds = new Set(jobs.map(({ id }) => id));
  return ids.filter((id) => !claimedIds.has(id)).map((id) => simple(step, id, 'back', 1));
}

function simple(step: CrashStep, id: JobId, fate: Fate, attempt: number, dueMs = 0, slackMs = 0): LivingJob {
  return { step, queue: step, id, fate, attempt, dueMs, slackMs };
}

/** A job whose holder the crash ends, or whose lease ends then. */
function losing(
  { strategy, timed }: Place,
  step: CrashStep,
  job: ClaimedJob,
  fate: Fate = 'back',
): LivingJob {
  const attempt = job.attempt + (strategy.guarantees.crashCountsAttempt ? 1 : 0);
  return { ...simple(step, job.id, fate, attempt, timed ? job.lease.expiresAtMs : 0), lost: job };
}

async function enqueued(place: Place): Promise<readonly LivingJob[]> {
  const ids = await enqueue(place, 'enqueued', 2);
  return ids.map((id) => simple('enqueued', id, 'back', 1));
}

async function notCommitted({ strategy, driver }: Place): Promise<readonly LivingJob[]> {
  const connection = await driver.connect('not committed');
  await connection.query({ text: 'BEGIN' });
  const ids = await strategy.enqueue(connection, [{ queue: 'not committed', payload: {} }]);
  return ids.map((id) => simple('not committed', id, 'gone', 1));
}

async function claimed(place: Place): Promise<readonly LivingJob[]> {
  const ids = await enqueue(place, 'claimed', 2);
  const jobs = await claimSome(place, await open(place, 'claimed'), 'claimed', 2);
  return [...jobs.map((job) => losing(place, 'claimed', job)), ...untouched('claimed', ids, jobs)];
}

async function partlySettled(place: Place): Promise<readonly LivingJob[]> {
  const ids = await enqueue(place, 'partly settled', 3);
  const session = await open(place, 'partly settled');
  const jobs = await claimSome(place, session, 'partly settled', 3);
  const [first, ...rest] = jobs;
  if (first === undefined) return [];
  await session.settle([{ kind: 'ack', job: first }]);
  return [
    simple('partly settled', first.id, 'gone', 1),
    ...rest.map((job) => losing(place, 'partly settled', job)),
    ...untouched('partly settled', ids, jobs),
  ];
}

async function settled(place: Place): Promise<readonly LivingJob[]> {
  const ids = await enqueue(place, 'settled', 2);
  const session = await open(place, 'settled');
  const jobs = await claimSome(place, session, 'settled', 2);
  await session.settle(jobs.map((job) => ({ kind: 'ack', job })));
  return [...jobs.map(({ id }) => simple('settled', id, 'gone', 1)), ...untouched('settled', ids, jobs)];
}

async function dead(place: Place): Promise<readonly LivingJob[]> {
  await enqueue(place, 'dead');
  const session = await open(place, 'dead');
  const jobs = await claimSome(place, session, 'dead');
  await session.settle(jobs.map((job) => ({ kind: 'dead-letter', job, error: 'poison' })));
  return jobs.map(({ id }) => simple('dead', id, 'dead', 1));
}

async function delayed(place: Place): Promise<readonly LivingJob[]> {
  const runAt = new Date(Date.now() + DELAY_MS);
  const ids = await enqueue(place, 'delayed', 1, runAt);
  return ids.map((id) => simple('delayed', id, 'back', 1, runAt.getTime()));
}

async function retryWaiting(place: Place): Promise<readonly LivingJob[]> {
  await enqueue(place, 'retry waiting');
  const session = await open(place, 'retry waiting');
  const [job] = await claimSome(place, session, 'retry waiting');
  if (job === undefined) return [];
  const sentMs = Date.now();
  await session.settle([{ kind: 'retry', job, delayMs: DELAY_MS, error: 'again' }]);
  const answeredMs = Date.now();
  return [simple('retry waiting', job.id, 'back', 2, sentMs + DELAY_MS, answeredMs - sentMs)];
}

/** In the hands of a real worker, whose handler never ends, and which keeps the lease for as long as it lives. */
async function running({ factory, schema, driver }: World, place: Place): Promise<readonly LivingJob[]> {
  const [id] = await enqueue(place, 'running');
  const started = Promise.withResolvers<ClaimedJob>();
  const queue = createQueue({ driver, strategy: factory, schema });
  createWorker(queue, {
    queue: 'running',
    ...(place.timed ? { leaseMs: LEASE_MS } : {}),
    handler: (job) => {
      started.resolve(job);
      return new Promise(() => undefined);
    },
  });
  const job = await started.promise;
  const attempt = job.attempt + (place.strategy.guarantees.crashCountsAttempt ? 1 : 0);
  // When the lease was prolonged last, the worker alone knows.
  const known = simple('running', id ?? '', 'back', attempt, 0, place.timed ? LEASE_MS : 0);
  return [{ ...known, lost: job }];
}

/** The settle is sent, and waits in the server for a lock on a table that it must write to. */
async function whileSettling({ factory, driver }: World, schema: string): Promise<LivingJob> {
  const strategy = factory.create({ schema });
  const place = { strategy, driver, timed: strategy.guarantees.lease === 'timed' };
  await enqueue(place, 'while settling');
  const session = await open(place, 'while settling');
  const [job] = await claimSome(place, session, 'while settling');
  if (job === undefined) throw new Error('nothing was claimed');
  await lockTables(await driver.connect('locker'), schema);
  // Nobody waits for it: its connection, or its process, ends first.
  session.settle([{ kind: 'ack', job }]).catch(() => undefined);
  return losing(place, 'while settling', job, 'back or gone');
}

/** Where the claimer's own transaction holds the tables, they cannot be had: then the settle is merely on its way. */
async function lockTables(connection: Connection, schema: string): Promise<void> {
  const { rows } = await connection.query<{ readonly name: string }>({
    text: `SELECT relname AS name FROM pg_class WHERE relnamespace = $1::regnamespace AND relkind = 'r'`,
    values: [quoteIdentifier(schema)],
  });
  await connection.query({ text: `SET lock_timeout = ${LOCK_TIMEOUT_MS}` });
  await connection.query({ text: 'BEGIN' });
  const names = rows.map(({ name }) => qualify(schema, name)).join(', ');
  await connection
    .query({ text: `LOCK TABLE ${names} IN SHARE MODE` })
    .catch(() => connection.query({ text: 'ROLLBACK' }));
}

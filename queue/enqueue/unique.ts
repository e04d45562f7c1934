// How is there never more than one unfinished job of a unique key?
//
// A key is a row that names the job which holds it. Whoever enqueues a job of that key locks the row until his transaction
// ends, and only then looks whether that job is still there: so nothing depends on who finishes a job, or how. A row whose
// job is gone is as good as none.

import type { QueueContext } from '../context.ts';
import type { Database } from '../drivers/driver.ts';
import { prepared } from '../sql.ts';
import { atReadCommitted } from '../strategies/shared/read-committed.ts';
import type { JobId, JobRecord, NewJob } from '../strategy.ts';
import { historyOf } from '../watch/history.ts';
import { type Holder, planUnique, uniqueName } from './unique-plan.ts';

/** What a call with unique jobs has done. */
export interface UniqueResult {
  /** One for each job of the caller. */
  readonly ids: readonly JobId[];
  /** The jobs that were enqueued, and their ids. */
  readonly jobs: readonly NewJob[];
  readonly entered: readonly JobId[];
  /** The jobs that were removed for them. */
  readonly removed: readonly JobRecord[];
}

/** Enqueues `jobs`, those with a unique key by their policy, in the transaction `db`; `enter` enqueues what is left. */
export type EnqueueUnique = (
  db: Database,
  jobs: readonly NewJob[],
  enter: (jobs: readonly NewJob[]) => Promise<readonly JobId[]>,
) => Promise<UniqueResult>;

/** Of a row as it is locked. */
interface KeyRow {
  readonly queue: string;
  readonly key: string;
  readonly id: JobId | null;
}

/** The enqueue of unique jobs of one queue object, whose strategy was found to have what they need. */
export function enqueueUniqueThrough(context: QueueContext): EnqueueUnique {
  const { strategy, tables } = context;
  const { uniqueKeys } = tables;
  const history = historyOf(context);
  // The condition is never true: the row is locked and stays as it is, without a new version of it.
  const lock = prepared(`
INSERT INTO ${uniqueKeys} AS held (queue, key)
SELECT queue, key FROM unnest($1::text[], $2::text[]) AS wanted (queue, key)
ON CONFLICT (queue, key) DO UPDATE SET since = held.since WHERE false`);
  const look = prepared(`
SELECT held.queue, held.key, held.job_id::text AS id
FROM unnest($1::text[], $2::text[]) AS wanted (queue, key)
JOIN ${uniqueKeys} AS held ON held.queue = wanted.queue AND held.key = wanted.key
WHERE held.job_id IS NOT NULL`);
  const hold = prepared(`
UPDATE ${uniqueKeys} AS held SET job_id = holder.id, since = now()
FROM unnest($1::text[], $2::text[], $3::bigint[]) AS holder (queue, key, id)
WHERE held.queue = holder.queue AND held.key = holder.key`);

  const lockAndLook = async (db: Database, keys: readonly UniqueKeyPlace[]): Promise<readonly KeyRow[]> => {
    const columns = [keys.map(({ queue }) => queue), keys.map(({ key }) => key)];
    // Two statements, since each sees what was committed before it began: the look must begin when the lock is got.
    const [, { rows }] = await Promise.all([db.query(lock(columns)), db.query<KeyRow>(look(columns))]);
    return rows;
  };

  const recordsOf = async (db: Database, rows: readonly KeyRow[]): Promise<readonly JobRecord[]> => {
    const ids = rows.flatMap(({ id }) => (id === null ? [] : [id]));
    return ids.length === 0 ? [] : ((await strategy.inspection?.find(db, ids)) ?? []);
  };

  /** Those of `replaced` that still wait go; what has begun to run meanwhile stays, and the new job runs beside it. */
  const remove = async (db: Database, replaced: readonly JobId[], records: readonly JobRecord[]) => {
    if (replaced.length === 0) return [];
    const gone = new Set(await strategy.cancellation?.removeWaiting(db, replaced));
    const removed = records.filter(({ id }) => gone.has(id));
    await history?.record(
      db,
      undefined,
      removed.map((job) => ({ job, outcome: 'cancelled' as const })),
    );
    return removed;
  };

  return async (db, jobs, enter) => {
    const keys = keysOf(jobs);
    const rows = keys.length === 0 ? [] : await lockAndLook(db, keys);
    const records = await recordsOf(db, rows);
    const { entering, replaced, answers, holders } = planUnique(jobs, holdersAmong(rows, records));
    const removed = await remove(db, replaced, records);
    const enteringJobs = entering.flatMap((place) => jobs[place] ?? []);
    const entered = enteringJobs.length === 0 ? [] : await enter(enteringJobs);
    const idAt = new Map(entering.map((place, index) => [place, entered[index]]));
    if (holders.size > 0) {
      const held = keys.filter(({ name }) => holders.has(name));
      await db.query(
        hold([
          held.map(({ queue }) => queue),
          held.map(({ key }) => key),
          held.map(({ name }) => idAt.get(holders.get(name) ?? -1)),
        ]),
      );
    }
    const ids = answers.map((answer) => (typeof answer === 'number' ? (idAt.get(answer) ?? '') : answer));
    return { ids, jobs: enteringJobs, entered, removed };
  };
}

/** Who holds each key. A dead letter holds none. */
function holdersAmong(rows: readonly KeyRow[], records: readonly JobRecord[]): ReadonlyMap<string, Holder> {
  const states = new Map(records.map(({ id, state }) => [id, state]));
  return new Map(
    rows.flatMap(({ queue, key, id }) => {
      const state = id === null ? undefined : states.get(id);
      if (id === null || state === undefined || state === 'dead') return [];
      return [[uniqueName(queue, key), { id, waits: state !== 'leased' }] as const];
    }),
  );
}

/** Each key once, in an order that is the same for everybody: who locks several waits for none that waits for him. */
function keysOf(jobs: readonly NewJob[]) {
  const found = new Map<string, { readonly name: string; readonly queue: string; readonly key: string }>();
  for (const { queue, unique } of jobs) {
    if (unique === undefined) continue;
    const name = uniqueName(queue, unique.key);
    found.set(name, { name, queue, key: unique.key });
  }
  return [...found.values()].sort((one, other) => (one.name < other.name ? -1 : 1));
}

/** How far `pruneUniqueKeys` has come: the last key that it has looked at. */
export interface UniqueKeyPlace {
  readonly queue: string;
  readonly key: string;
}

/**
 * Looks at the next `limit` keys after `after`, in their order, and deletes those that are older than a minute and whose job
 * is gone; `next` is where to go on, absent at the end. Those of dead letters stay: a redriven job has its key again unless
 * somebody took it. No enqueue depends on it: it only keeps the table small. Any number of callers may do it at once.
 */
export async function pruneUniqueKeys(
  { driver, strategy, tables: { uniqueKeys } }: QueueContext,
  limit: number,
  after: UniqueKeyPlace = { queue: '', key: '' },
): Promise<{ readonly removed: number; readonly next?: UniqueKeyPlace }> {
  const { inspection } = strategy;
  if (inspection === undefined) return { removed: 0 };
  const most = Math.max(1, Math.trunc(limit));
  const { rows } = await driver.query<KeyRow & { readonly old: boolean }>({
    text: `
SELECT queue, key, job_id::text AS id, since < now() - interval '1 minute' AS old
FROM ${uniqueKeys}
WHERE (queue, key) > ($1::text, $2::text)
ORDER BY queue, key
LIMIT $3::integer`,
    values: [after.queue, after.key, most],
  });
  const old = rows.filter((row) => row.old);
  const ids = old.flatMap(({ id }) => (id === null ? [] : [id]));
  const living = ids.length === 0 ? [] : await inspection.find(driver, ids);
  const alive = new Set(living.map(({ id }) => id));
  const gone = old.filter(({ id }) => id === null || !alive.has(id));
  const removed = gone.length === 0 ? 0 : await remove(driver, uniqueKeys, gone);
  const last = rows.at(-1);
  return last === undefined || rows.length < most
    ? { removed }
    : { removed, next: { queue: last.queue, key: last.key } };
}

/** Those that still name the same job and that nobody has locked: an enqueue may have taken one over since the look. */
async function remove(
  driver: QueueContext['driver'],
  uniqueKeys: string,
  gone: readonly KeyRow[],
): Promise<number> {
  const { rowCount } = await atReadCommitted(driver, (tx) =>
    tx.query({
      text: `
WITH gone AS MATERIALIZED (
  SELECT held.queue, held.key
  FROM unnest($1::text[], $2::text[], $3::bigint[]) AS seen (queue, key, id)
  JOIN ${uniqueKeys} AS held ON held.queue = seen.queue AND held.key = seen.key
  WHERE held.job_id IS NOT DISTINCT FROM seen.id AND held.since < now() - interval '1 minute'
  FOR UPDATE OF held SKIP LOCKED
)
DELETE FROM ${uniqueKeys} AS held USING gone WHERE held.queue = gone.queue AND held.key = gone.key`,
      values: [gone.map(({ queue }) => queue), gone.map(({ key }) => key), gone.map(({ id }) => id)],
    }),
  );
  return rowCount;
}

// How do jobs get their numbers?

import type { CopyingDatabase, Database } from '../../../drivers/driver.ts';
import { MAX_ATTEMPTS } from '../../../job.ts';
import { encodePayload } from '../../../payload.ts';
import { prepared, quoteLiteral } from '../../../sql.ts';
import type { ClaimStrategy, JobId, NewJob } from '../../../strategy.ts';
import { COPY_FROM_JOBS, mayCopySql } from '../bulk.ts';
import { copyField } from '../copy-text.ts';
import { type DrawnRow, drawnColumns, numbersOf } from '../drawn-numbers.ts';
import { atReadCommitted, isDriver } from '../read-committed.ts';
import { idOf, type RangeTables, slotSql } from './relations.ts';
import type { Routine } from './routine.ts';

/** A lane that exists for everybody, as committed. */
interface Lane {
  readonly id: number;
  /** The sequence of its numbers, as PostgreSQL's oid. */
  readonly numbers: string;
}

/** What a lane is told by. */
interface LaneName {
  readonly queue: string;
  readonly priority: number;
}

function laneKey(queue: string, priority: number): string {
  return `${priority} ${queue}`;
}

/** Jobs of one queue and priority, and where each stood in what the caller gave. */
interface Group extends LaneName {
  /** They were given an instant, which may have passed. */
  readonly waits: boolean;
  readonly jobs: NewJob[];
  readonly places: number[];
}

/**
 * A transaction gets its id before it draws a number: a gap whose horizon has passed would otherwise be closed over a
 * job that is still to come. CASE is what orders the two.
 */
const NUMBER = `CASE WHEN pg_current_xact_id() IS NOT NULL THEN nextval($2::oid::regclass) END`;

/** The lane is looked at again: another one may have its number since somebody installed the schema anew. */
function present({ lanes }: RangeTables): string {
  return `EXISTS (SELECT FROM ${lanes} WHERE id = $1::integer AND queue = $3::text AND priority = $4::smallint)`;
}

function appendOneSql(tables: RangeTables): string {
  const slot = slotSql(tables);
  return `
INSERT INTO ${tables.jobs} (lane, seq, max_attempts, payload${slot === undefined ? '' : ', slot'})
SELECT $1::integer, ${NUMBER}, $5::smallint, $6::json${slot === undefined ? '' : `, ${slot}`}
WHERE ${present(tables)}
RETURNING seq`;
}

/** unnest emits rows in the order of the arrays, and nothing between it and the insert reorders them. */
function appendManySql(tables: RangeTables): string {
  const slot = slotSql(tables);
  return `
WITH appended AS (
  INSERT INTO ${tables.jobs} (lane, seq, max_attempts, payload${slot === undefined ? '' : ', slot'})
  SELECT $1::integer, ${NUMBER}, job.max_attempts, job.payload::json${slot === undefined ? '' : `, ${slot}`}
  FROM unnest($5::smallint[], $6::text[]) AS job (max_attempts, payload)
  WHERE ${present(tables)}
  RETURNING seq
)
SELECT ${drawnColumns('seq')}
FROM appended`;
}

/** The numbers of jobs that are copied behind this, in the same transaction. */
function drawSql(tables: RangeTables): string {
  const slot = slotSql(tables);
  return `
SELECT ${drawnColumns('seq')}${slot === undefined ? '' : `, ${slot} AS slot`}
FROM (
  SELECT ${NUMBER} AS seq
  FROM generate_series(1, CASE WHEN ${mayCopySql(tables.jobs)} THEN $5::integer ELSE 0 END)
  WHERE ${present(tables)}
) AS drawn`;
}

function copySql({ jobs, rotates }: RangeTables): string {
  return `COPY ${jobs} (lane, seq, max_attempts, payload${rotates ? ', slot' : ''}) FROM STDIN`;
}

/** Jobs whose lane is not there yet, and those that wait for an instant. The order of the arrays is that of the ids. */
function depositSql({ inbox, delayed, ids }: RangeTables): string {
  return `
WITH job AS MATERIALIZED (
  SELECT nextval(${quoteLiteral(ids)}) AS id, queue, priority, max_attempts, payload, run_at
  FROM unnest($1::text[], $2::smallint[], $3::smallint[], $4::text[], $5::timestamptz[])
    AS job (queue, priority, max_attempts, payload, run_at)
), waiting AS (
  INSERT INTO ${delayed} (run_at, id, since, attempt, max_attempts, priority, queue, payload)
  SELECT run_at, id, now(), 0, max_attempts, priority, queue, payload::json
  FROM job
  WHERE run_at > now()
), entered AS (
  INSERT INTO ${inbox} (id, since, attempt, max_attempts, priority, queue, payload)
  SELECT id, now(), 0, max_attempts, priority, queue, payload::json
  FROM job
  WHERE run_at IS NULL OR run_at <= now()
)
SELECT id::text AS id FROM job`;
}

/** Makes both ways of enqueueing into `tables`; `openLane` is the routine that makes a lane. */
export function enqueueRanges(
  tables: RangeTables,
  openLane: Routine,
): Required<Pick<ClaimStrategy, 'enqueue' | 'bulk'>> {
  const one = prepared(appendOneSql(tables));
  const many = prepared(appendManySql(tables));
  const deposit = prepared(depositSql(tables));
  const draw = prepared(drawSql(tables));
  const copy = copySql(tables);
  const find = prepared(
    `SELECT id, numbers::oid::text AS numbers FROM ${tables.lanes} WHERE queue = $1 AND priority = $2`,
  );
  const open = prepared(`SELECT ${openLane.name}($1, $2)`);
  const known = new Map<string, Lane>();

  const laneOf = async (db: Database, { queue, priority }: LaneName): Promise<Lane | undefined> => {
    const key = laneKey(queue, priority);
    const lane = known.get(key);
    if (lane !== undefined) return lane;
    // Within a caller's transaction a new lane would be everybody's to wait for until its commit.
    // It looks behind a lock whether somebody else has made it.
    if (isDriver(db)) await atReadCommitted(db, (tx) => tx.query(open([queue, priority])));
    const { rows } = await db.query<Lane>(find([queue, priority]));
    if (rows[0] !== undefined) known.set(key, rows[0]);
    return rows[0];
  };

  /** Ids of the jobs appended to their lane; `undefined` when that does not exist. */
  const append = async (db: Database, group: Group): Promise<readonly JobId[] | undefined> => {
    const lane = await laneOf(db, group);
    if (lane === undefined) return undefined;
    const { queue, priority, jobs } = group;
    const numbers = await send(db, [lane.id, lane.numbers, queue, priority], jobs);
    if (numbers !== undefined) return numbers.map((number) => idOf(lane.id, number));
    known.delete(laneKey(queue, priority));
    return undefined;
  };

  const send = async (db: Database, lane: readonly unknown[], jobs: readonly NewJob[]) => {
    const [only] = jobs;
    if (jobs.length === 1 && only !== undefined) {
      const { rows } = await db.query<{ readonly seq: string }>(
        one([...lane, maxAttemptsOf(only), textOf(only)]),
      );
      return rows[0] === undefined ? undefined : [Number(rows[0].seq)];
    }
    const values = [jobs.map(maxAttemptsOf), jobs.map(textOf)];
    const { rows } = await db.query<DrawnRow>(many([...lane, ...values]));
    return rows[0] === undefined ? undefined : numbersOf(rows[0]);
  };

  const put = async (db: Database, { queue, priority, jobs }: Group): Promise<readonly JobId[]> => {
    const { rows } = await db.query<{ readonly id: JobId }>(
      deposit([
        jobs.map(() => queue),
        jobs.map(() => priority),
        jobs.map(maxAttemptsOf),
        jobs.map(textOf),
        jobs.map((job) => job.runAt?.toISOString() ?? null),
      ]),
    );
    return rows.map((row) => row.id);
  };

  const enter = async (db: Database, group: Group): Promise<readonly JobId[]> =>
    (group.waits ? undefined : await append(db, group)) ?? (await put(db, group));

  /** Ids of the jobs copied into their lane; `undefined` when that does not exist, or may not be copied into. */
  const copyGroup = async (tx: CopyingDatabase, group: Group): Promise<readonly JobId[] | undefined> => {
    const lane = await laneOf(tx, group);
    if (lane === undefined) return undefined;
    const { queue, priority, jobs } = group;
    const { rows } = await tx.query<DrawnRow & { readonly slot?: number }>(
      draw([lane.id, lane.numbers, queue, priority, jobs.length]),
    );
    const numbers = rows[0] && numbersOf(rows[0]);
    if (numbers === undefined) return undefined;
    const ending = tables.rotates ? `\t${rows[0]?.slot}\n` : '\n';
    await tx.copyIn(copy, copyLines(lane.id, numbers, jobs, ending));
    return numbers.map((number) => idOf(lane.id, number));
  };

  /** Groups of a few jobs go as they always do, and of many that may not be copied, so many at a time. */
  const enterInBulk = async (tx: CopyingDatabase, group: Group): Promise<readonly JobId[]> => {
    if (group.jobs.length < COPY_FROM_JOBS) return enter(tx, group);
    const copied = await copyGroup(tx, group);
    if (copied !== undefined) return copied;
    const ids: JobId[] = [];
    for (let start = 0; start < group.jobs.length; start += COPY_FROM_JOBS)
      ids.push(...(await enter(tx, { ...group, jobs: group.jobs.slice(start, start + COPY_FROM_JOBS) })));
    return ids;
  };

  /** Opens those that are not known yet: of thousands of jobs whose lanes are, nothing is made. */
  const openLanes = async (db: Database, jobs: readonly NewJob[]): Promise<void> => {
    const unknown = new Map<string, LaneName>();
    let last: LaneName | undefined;
    for (const { queue, priority = 0, runAt } of jobs) {
      if (runAt !== undefined || (last?.queue === queue && last.priority === priority)) continue;
      last = { queue, priority };
      const key = laneKey(queue, priority);
      if (!known.has(key)) unknown.set(key, last);
    }
    for (const lane of unknown.values()) await laneOf(db, lane);
  };

  return {
    async enqueue(db, jobs) {
      const all = groups(jobs);
      if (all.length === 1 && all[0] !== undefined) return enter(db, all[0]);
      if (!isDriver(db)) return inPlaces(jobs.length, all, (group) => enter(db, group));
      // All or none: their lanes first, then the jobs in one transaction.
      await openLanes(db, jobs);
      return db.transaction((tx) => inPlaces(jobs.length, all, (group) => enter(tx, group)));
    },
    bulk: {
      fromJobs: COPY_FROM_JOBS,
      prepare: openLanes,
      enqueue: (tx, jobs) => inPlaces(jobs.length, groups(jobs), (group) => enterInBulk(tx, group)),
    },
  };
}

/** Enters one group after the other; the ids in the order of the caller's jobs. */
async function inPlaces(
  count: number,
  all: readonly Group[],
  enter: (group: Group) => Promise<readonly JobId[]>,
): Promise<readonly JobId[]> {
  const ids: JobId[] = new Array(count);
  for (const group of all)
    for (const [index, id] of (await enter(group)).entries()) ids[group.places[index] ?? 0] = id;
  return ids;
}

function* copyLines(
  lane: number,
  numbers: readonly number[],
  jobs: readonly NewJob[],
  ending: string,
): Generator<string> {
  for (const [index, job] of jobs.entries())
    yield `${lane}\t${numbers[index]}\t${maxAttemptsOf(job)}\t${copyField(textOf(job))}${ending}`;
}

function maxAttemptsOf({ maxAttempts = MAX_ATTEMPTS }: NewJob): number {
  return maxAttempts;
}

function textOf({ payload }: NewJob): string {
  return encodePayload(payload);
}

/** By lane, those with a time of their own apart; within a group in the caller's order. */
function groups(jobs: readonly NewJob[]): readonly Group[] {
  const found = new Map<string, Group>();
  let group: Group | undefined;
  for (const [place, job] of jobs.entries()) {
    const { queue, priority = 0 } = job;
    const waits = job.runAt !== undefined;
    // Most calls are of one lane: nothing is looked up for a job that goes where the one before it went.
    if (group === undefined || queue !== group.queue || priority !== group.priority || waits !== group.waits)
      group = groupOf(found, { queue, priority, waits });
    group.jobs.push(job);
    group.places.push(place);
  }
  return [...found.values()];
}

function groupOf(found: Map<string, Group>, lane: Pick<Group, 'queue' | 'priority' | 'waits'>): Group {
  const key = `${lane.waits} ${laneKey(lane.queue, lane.priority)}`;
  const known = found.get(key);
  if (known !== undefined) return known;
  const group = { ...lane, jobs: [], places: [] };
  found.set(key, group);
  return group;
}

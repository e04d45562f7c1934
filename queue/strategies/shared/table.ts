// Which tables and indexes do the single-table strategies share?

import type { Installation, VersionlessRoutine } from '../../schema/layout.ts';
import type { Migration } from '../../schema/migrations.ts';
import { qualify } from '../../sql.ts';
import type { StrategyOptions } from '../../strategy.ts';
import { QUEUE_STORAGE } from './storage.ts';

/** The qualified, quoted names of one schema's relations. */
export interface JobsTable {
  readonly schema: string;
  /** Share of a page that inserts fill, in %. */
  readonly fillfactor: number;
  readonly jobs: string;
  readonly dead: string;
  /** Which lane a job lies in: SQL over `id`, a smallint. Absent: the table has no lanes. */
  readonly lane?: string;
}

/** What version 1 has of it: a schema of before there were versions has these and no more. */
const FIRST_RELATIONS: readonly string[] = [
  'jobs',
  'jobs_id_seq',
  'jobs_pkey',
  'jobs_ready',
  'jobs_delayed',
  'jobs_leased',
  'dead',
  'dead_pkey',
];

/** What `redrivable` adds. */
export const DEAD_BY_QUEUE = 'dead_queue';

/** Unqualified names of what `jobsTableInstallation` creates, indexes included. */
export const JOBS_RELATIONS: readonly string[] = [...FIRST_RELATIONS, DEAD_BY_QUEUE];

/** The names for `schema`. Throws InvalidArgumentError when it is no valid identifier. */
export function jobsTable({ schema, fillfactor = 70 }: StrategyOptions): JobsTable {
  return { schema, fillfactor, jobs: qualify(schema, 'jobs'), dead: qualify(schema, 'dead') };
}

/**
 * One row is one job; what is done is deleted, what is exhausted moves to `dead`.
 *
 * - Column order: fixed widths first, widest first, so that no byte is lost to alignment. `payload` is last: when a
 *   claim puts the new version on the same page, WAL leaves out the bytes that old and new tuple share at their end.
 * - fillfactor is 70 unless asked for: no claim can be a HOT update, as `state` is in every index predicate, but one that finds
 *   room on the job's own page leaves the payload out of WAL and locks no row a second time.
 * - `state` is one byte: 'r' ready, 'd' delayed, 'l' leased. Each has a partial index of its own, so that a job lies
 *   in exactly one, and the ready index holds nothing that cannot run now.
 * - `fence` grows at each claim, and with `id` is the fencing token. It survives retries: an old token stays stale.
 * - `run_at`, `lease_expires_at`, `worker` and `last_error` are NULL, thus free, until they mean something.
 */
function createJobs(table: JobsTable): string {
  return `
CREATE TABLE IF NOT EXISTS ${table.jobs} (
  id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  created_at       timestamptz NOT NULL DEFAULT now(),
  run_at           timestamptz,
  lease_expires_at timestamptz,
  fence            integer     NOT NULL DEFAULT 0,
  attempt          smallint    NOT NULL DEFAULT 0,
  max_attempts     smallint    NOT NULL,
  priority         smallint    NOT NULL,${laneColumn(table)}
  state            "char"      NOT NULL CHECK (state IN ('r', 'd', 'l')),
  queue            text        NOT NULL,
  worker           text,
  last_error       text,
  payload          jsonb       NOT NULL
) WITH (fillfactor = ${table.fillfactor}, ${QUEUE_STORAGE})`;
}

function laneColumn({ lane }: JobsTable): string {
  return lane === undefined
    ? ''
    : `\n  lane             smallint    NOT NULL GENERATED ALWAYS AS (${lane}) STORED,`;
}

/** What the ready index is sorted by: the order of a claim's walk, in each lane where there are lanes. */
function readyKey({ lane }: JobsTable): string {
  return lane === undefined ? '(queue, priority, id)' : '(queue, lane, priority, id)';
}

/** Dead letters rest in a table of their own, of the same shape for all. */
export function createDead(table: JobsTable): string {
  return `
CREATE TABLE IF NOT EXISTS ${table.dead} (
  id           bigint      PRIMARY KEY,
  created_at   timestamptz NOT NULL,
  died_at      timestamptz NOT NULL DEFAULT now(),
  attempt      smallint    NOT NULL,
  max_attempts smallint    NOT NULL,
  priority     smallint    NOT NULL,
  queue        text        NOT NULL,
  error        text,
  payload      jsonb       NOT NULL
)`;
}

/**
 * Version 2 of every layout whose dead letters are those of `createDead`: they can be redriven, by queue as well.
 *
 * - `fence` goes on growing when a job comes back under its id, so that no token of before its death is good again. NULL
 *   is from a worker of version 1.
 * - Few jobs die, so the index costs next to nothing; without it, one queue's few would be sought among all. It comes
 *   first: while it is built others only wait to write, and the column, for which they wait to read as well, takes no time.
 *   Where many have died it can be made beforehand, under its name, with CREATE INDEX CONCURRENTLY.
 */
export function redrivable({ dead }: Pick<JobsTable, 'dead'>): Migration {
  return {
    version: 2,
    name: 'dead letters that can be redriven',
    statements: [
      `CREATE INDEX IF NOT EXISTS ${DEAD_BY_QUEUE} ON ${dead} (queue, id)`,
      `ALTER TABLE ${dead} ADD COLUMN IF NOT EXISTS fence integer`,
    ],
  };
}

/** Tables and indexes, with what a strategy has beside them. */
export function jobsTableInstallation(
  table: JobsTable,
  extra: readonly string[] = [],
  relations: readonly string[] = JOBS_RELATIONS,
  routines: readonly VersionlessRoutine[] = [],
): Installation {
  return {
    schema: table.schema,
    // Who only claims otherwise takes over the other one's jobs: one layout for all but the lanes.
    layout: { name: table.lane === undefined ? 'skip-locked' : 'sharded', relations: FIRST_RELATIONS },
    // What is missing of version 1 is made by its statements, which lock the jobs: what a later version adds is left to that.
    relations: relations.filter((name) => name !== DEAD_BY_QUEUE),
    routines,
    statements: [
      createJobs(table),
      `CREATE INDEX IF NOT EXISTS jobs_ready ON ${table.jobs} ${readyKey(table)} WHERE state = 'r'`,
      `CREATE INDEX IF NOT EXISTS jobs_delayed ON ${table.jobs} (run_at) WHERE state = 'd'`,
      `CREATE INDEX IF NOT EXISTS jobs_leased ON ${table.jobs} (lease_expires_at) WHERE state = 'l'`,
      createDead(table),
      ...extra,
    ],
    changes: [redrivable(table)],
  };
}

// Which tables and indexes do the single-table strategies share?

import type { Installation, VersionlessRoutine } from '../../schema/layout.ts';
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

/** Unqualified names of what `jobsTableInstallation` creates, indexes included. */
export const JOBS_RELATIONS: readonly string[] = [
  'jobs',
  'jobs_id_seq',
  'jobs_pkey',
  'jobs_ready',
  'jobs_delayed',
  'jobs_leased',
  'dead',
  'dead_pkey',
];

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
    layout: { name: table.lane === undefined ? 'skip-locked' : 'sharded', relations: JOBS_RELATIONS },
    relations,
    routines,
    statements: [
      createJobs(table),
      `CREATE INDEX IF NOT EXISTS jobs_ready ON ${table.jobs} ${readyKey(table)} WHERE state = 'r'`,
      `CREATE INDEX IF NOT EXISTS jobs_delayed ON ${table.jobs} (run_at) WHERE state = 'd'`,
      `CREATE INDEX IF NOT EXISTS jobs_leased ON ${table.jobs} (lease_expires_at) WHERE state = 'l'`,
      createDead(table),
      ...extra,
    ],
  };
}

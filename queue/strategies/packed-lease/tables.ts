// Which tables does a queue of packed leases stand on?

import type { Installation } from '../../schema/layout.ts';
import { qualify, quoteLiteral } from '../../sql.ts';
import type { StrategyOptions } from '../../strategy.ts';
import { QUEUE_STORAGE } from '../shared/storage.ts';

/** The qualified, quoted names of one schema's relations. */
export interface PackedTables {
  readonly schema: string;
  readonly ready: string;
  readonly lease: string;
  readonly delayed: string;
  readonly dead: string;
  /** The sequence of ids, shared by `ready` and `delayed`. */
  readonly jobIds: string;
  /** Share of a page of leases that inserts fill, in %. */
  readonly fillfactor: number;
}

/** Version 1. */
const FIRST_RELATIONS: readonly string[] = [
  'job_id',
  'ready',
  'ready_order',
  'lease',
  'lease_id',
  'lease_pkey',
  'delayed',
  'delayed_run_at',
  'dead',
  'dead_pkey',
];

/** Unqualified names of what `packedInstallation` makes, indexes included. */
export const PACKED_RELATIONS: readonly string[] = [...FIRST_RELATIONS, 'delayed_id', 'dead_queue'];

/** The names for `schema`. Throws InvalidArgumentError when it is no valid identifier. */
export function packedTables({ schema, fillfactor = 70 }: StrategyOptions): PackedTables {
  return {
    schema,
    ready: qualify(schema, 'ready'),
    lease: qualify(schema, 'lease'),
    delayed: qualify(schema, 'delayed'),
    dead: qualify(schema, 'dead'),
    jobIds: qualify(schema, 'job_id'),
    fillfactor,
  };
}

function regclass(name: string): string {
  return `${quoteLiteral(name)}::regclass`;
}

/**
 * Both sequences keep CACHE 1: ids that a session had put by would come out of order, and the low-water hint of a claim
 * rests on ids that grow with time; of leases, a later claim of a job must have the greater token.
 */
function createSequences(tables: PackedTables): readonly string[] {
  return [
    `CREATE SEQUENCE IF NOT EXISTS ${tables.jobIds} AS bigint CACHE 1`,
    `CREATE SEQUENCE IF NOT EXISTS ${qualify(tables.schema, 'lease_id')} AS bigint CACHE 1`,
  ];
}

/**
 * What can run now, and nothing else. A row is never updated, so that a ctid read and locked by one statement is good to
 * delete it by.
 *
 * - One index, and it is not unique: an enqueue asks for nothing that another's open transaction could hold up.
 * - A job that comes back keeps its id, and so its place.
 * - `payload` is json, not jsonb: what the queue checked is JSON, the text is all that anybody reads, and it goes from
 *   here into a lease and to the worker as it is.
 */
function createReady(tables: PackedTables): string {
  return `
CREATE TABLE IF NOT EXISTS ${tables.ready} (
  id           bigint      NOT NULL DEFAULT nextval(${regclass(tables.jobIds)}),
  ready_since  timestamptz NOT NULL DEFAULT now(),
  attempt      smallint    NOT NULL DEFAULT 0,
  max_attempts smallint    NOT NULL,
  priority     smallint    NOT NULL,
  queue        text        NOT NULL,
  last_error   text,
  payload      json        NOT NULL
) WITH (${QUEUE_STORAGE})`;
}

/**
 * One row is one claim and holds its jobs.
 *
 * - `jobs` is the text of a JSON array, an element for each job: [id, priority, attempt, max_attempts, payload] and, when
 *   an attempt has failed before, its log of errors (shared/error-log.ts). Built once, it is stored and sent to the worker as it is, and parsed there
 *   once. Not typed json: that would parse it here too.
 * - Of `settled`, bit i says that job i is no longer of this lease: settled, or taken back. NULL while there is none. The
 *   row goes when the last bit is set, so that a row has always something to lose.
 * - A heartbeat that leaves jobs out gives only `kept` the new expiry; for the rest `rest_expires_at` holds.
 * - What changes is in no index, so that updates are HOT, which is what the room on the page is for.
 * - A lease over 2 kB is compressed (pglz) and moved to the TOAST table. Of payloads that are alike, as those of one queue
 *   most often are, that saves more WAL than it costs CPU.
 * - No index on the expiry: there are as many rows as claims in flight, and only a reap asks.
 */
function createLease(tables: PackedTables): string {
  return `
CREATE TABLE IF NOT EXISTS ${tables.lease} (
  lease_id        bigint      NOT NULL DEFAULT nextval(${regclass(qualify(tables.schema, 'lease_id'))})
    CONSTRAINT lease_pkey PRIMARY KEY,
  expires_at      timestamptz NOT NULL,
  rest_expires_at timestamptz,
  size            integer     NOT NULL,
  settled         varbit,
  kept            varbit,
  queue           text        NOT NULL,
  worker          text        NOT NULL,
  jobs            text        NOT NULL
) WITH (fillfactor = ${tables.fillfactor}, ${QUEUE_STORAGE}, ${TOAST_STORAGE})`;
}

/** The TOAST table of leases turns over as fast as they do. */
const TOAST_STORAGE = QUEUE_STORAGE.split(',')
  .filter((setting) => !setting.includes('analyze'))
  .map((setting) => setting.replace('autovacuum', 'toast.autovacuum'))
  .join(',');

function createDelayed(tables: PackedTables): string {
  return `
CREATE TABLE IF NOT EXISTS ${tables.delayed} (
  id           bigint      NOT NULL DEFAULT nextval(${regclass(tables.jobIds)}),
  run_at       timestamptz NOT NULL,
  attempt      smallint    NOT NULL DEFAULT 0,
  max_attempts smallint    NOT NULL,
  priority     smallint    NOT NULL,
  queue        text        NOT NULL,
  last_error   text,
  payload      json        NOT NULL
) WITH (${QUEUE_STORAGE})`;
}

function createDead(tables: PackedTables): string {
  return `
CREATE TABLE IF NOT EXISTS ${tables.dead} (
  id           bigint      NOT NULL CONSTRAINT dead_pkey PRIMARY KEY,
  died_at      timestamptz NOT NULL DEFAULT now(),
  attempt      smallint    NOT NULL,
  max_attempts smallint    NOT NULL,
  priority     smallint    NOT NULL,
  queue        text        NOT NULL,
  error        text,
  payload      json        NOT NULL
)`;
}

/**
 * What operators need of single jobs. A job that waits for its instant is looked up, and cancelled, by its id among perhaps
 * as many as there are; the dead letters of one queue are read in the order of their ids. Neither table is on the way of a
 * job that runs at once and ends well. An index is built while writers to its table wait: of a million rows about a second. Both
 * can be made beforehand, under their names, with CREATE INDEX CONCURRENTLY.
 */
function operatingIndexes(tables: PackedTables): readonly string[] {
  return [
    `CREATE INDEX IF NOT EXISTS delayed_id ON ${tables.delayed} (id)`,
    `CREATE INDEX IF NOT EXISTS dead_queue ON ${tables.dead} (queue, id)`,
  ];
}

/** Sequences, tables and indexes. */
export function packedInstallation(tables: PackedTables): Installation {
  return {
    schema: tables.schema,
    layout: { name: 'packed-lease', relations: FIRST_RELATIONS },
    // Not those of later versions: missing, they would have version 1 applied anew, whose CREATE INDEX locks `ready`.
    relations: FIRST_RELATIONS,
    statements: [
      ...createSequences(tables),
      createReady(tables),
      `CREATE INDEX IF NOT EXISTS ready_order ON ${tables.ready} (queue, priority, id)`,
      createLease(tables),
      createDelayed(tables),
      `CREATE INDEX IF NOT EXISTS delayed_run_at ON ${tables.delayed} (run_at)`,
      createDead(tables),
    ],
    changes: [{ version: 2, name: 'look-up by id and by queue', statements: operatingIndexes(tables) }],
  };
}
